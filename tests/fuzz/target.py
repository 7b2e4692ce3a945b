"""The home that is fuzzed: the laptop home's application in this process, with CAs, a session, and good requests."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.auth
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import app as signet_app
from chalicelib.access import access_keys, oidc_providers, presets, principals
from chalicelib.acme_records import AcmeBinding
from chalicelib.config import Settings
from chalicelib.console import sessions
from chalicelib.local.application import Application
from chalicelib.local.gateway import Gateway
from chalicelib.pki.asn1 import pem
from chalicelib.runtime import Runtime, from_settings
from tests.support.acme_calls import ordered
from tests.support.authority_steps import active_root, create, issue, serial_of
from tests.support.builders import EC_CONFIGURATION, START, csr, root_certificate
from tests.support.client import client_for, sts_for
from tests.support.extension_values import SUBTREES, VALID
from tests.support.good_requests import GOOD, World
from tests.support.ocsp_requests import authority, request_for
from tests.support.oidc_issuer import ALL_KEYS, AUDIENCE, SUBJECT
from tests.support.roles import OWNER, assume, keys_in, make_role, trust
from tests.support.rsgi import Answer, Key, Request, answered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

ALTERNATIVE = x509.SubjectAlternativeName.oid
ISSUER = "https://issuer.example.com"
OWNER_ROLE = f"arn:aws:iam::{OWNER}:role/r"
REVOCATION = {
    "CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "crl-bucket"},
    "OcspConfiguration": {"Enabled": True},
}
_MEMORY = Path("/dev/shm")
_CONSTRAINTS = x509.NameConstraints(SUBTREES[:5], None).public_bytes()
_VALUES = [x509.UnrecognizedExtension(x509.ObjectIdentifier(number), value) for number, value in VALID]
# What CSRs ask for: nothing, and each extension there is, a few together.
_ASKED = [[], *([(found, False) for found in _VALUES[at::9] if found.oid != ALTERNATIVE] for at in range(9))]


def _start(*, remove_tzinfo: bool = True) -> datetime:
    return START.replace(tzinfo=None) if remove_tzinfo else START


def latin(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers as a server can hand them on: in one line, and in one octet a character."""
    return [(one_line(name) or "x", one_line(found)) for name, found in headers]


def one_line(text: str) -> str:
    return (
        "".join(character for character in text if character not in "\r\n\0")
        .encode("latin-1", "replace")
        .decode("latin-1")
    )


class Target:
    """A home, and what good requests to it are made of."""

    _gateway: Gateway | None = None

    def __init__(self) -> None:
        self._data = tempfile.mkdtemp(prefix="signet-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)
        self.rt: Runtime = replace(from_settings(Settings(data=self._data)), now=lambda: START)
        if Target._gateway is None:
            Target._gateway = Gateway(signet_app.app)
        root = access_keys.ensure_root_key(self.rt)
        self.keys = [Key(root.access_key_id, root.secret), *self._lesser_keys()]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.auth, "get_current_datetime", _start)
            self._furnish()
            self.session_key = self._session()
        self.application = Application(self.rt, Target._gateway)

    def _lesser_keys(self) -> Iterator[Key]:
        """A key that may only read, and the key of another account."""
        account = self.rt.settings.account_id
        other = access_keys.create_access_key(self.rt, "111122223333")
        yield Key(other.access_key_id, other.secret)
        policies = (("read-only", presets.policy_of("read-only")),)
        reader = principals.create(self.rt, account, "reader", policies=policies)
        made = access_keys.create_access_key(self.rt, account, principal=reader.name)
        yield Key(made.access_key_id, made.secret)

    def _session(self) -> Key:
        """A session of a role that tokens of an issuer open, too; the issuer's keys are given, and not fetched."""
        oidc_providers.create(self.rt, OWNER, ISSUER, [AUDIENCE], jwks=ALL_KEYS)
        name = ISSUER.removeprefix("https://")
        condition = {"StringEquals": {f"{name}:aud": AUDIENCE, f"{name}:sub": SUBJECT}}
        federated = trust(
            {"Federated": f"arn:aws:iam::{OWNER}:oidc-provider/{name}"},
            "sts:AssumeRoleWithWebIdentity",
            Condition=condition,
        )
        own = json.loads(trust({"AWS": OWNER}))
        own["Statement"] += json.loads(federated)["Statement"]
        make_role(self.rt, trusts=json.dumps(own))
        found = keys_in(assume(sts_for(self.rt)))
        return Key(found["access_key_id"], found["secret"], found["token"])

    def _furnish(self) -> None:
        client = client_for(self.rt)
        self.ca_arn = active_root(client, RevocationConfiguration=REVOCATION)
        self.ca_id = self.ca_arn.rsplit("/", 1)[1]
        leaf_arn = issue(client, self.ca_arn)
        self.serial = serial_of(leaf_arn)
        ca = authority(client, self.ca_arn)
        world = World(client)
        self.good: dict[str, list[dict[str, Any]]] = {
            operation: [make(world) for make in makes] for operation, makes in GOOD.items()
        }
        self.pool: dict[str, list[Any]] = defaultdict(list)
        for requests in self.good.values():
            for request in requests:
                self._collect(request)
        self.pool["CertificateAuthorityArn"] += [self.ca_arn] * 5
        self.pool["KeyAlgorithm"] = ["EC_prime256v1", "EC_secp384r1", "ML_DSA_44"]  # RSA keys take their time to make
        self.csrs = [
            pem.blocks(csr("leaf.example.com", dns_names=["a.example"], extensions=found))[0][1] for found in _ASKED
        ]
        self.constrained_arn = self._constrained(client)
        self.other_arns = sorted(set(self.pool["CertificateAuthorityArn"]) - {self.ca_arn})
        self.other_ids = [arn.rsplit("/", 1)[1] for arn in self.other_arns]
        self.root_der = root_certificate().public_bytes(Encoding.DER)
        answer = client.get_certificate(CertificateAuthorityArn=self.ca_arn, CertificateArn=leaf_arn)
        leaf = x509.load_pem_x509_certificate(answer["Certificate"].encode())
        self.ocsp = [request_for(leaf, ca), request_for(leaf, ca, nonce=b"n" * 32)]
        self.acme_query = self._acme_query()
        self.session = sessions.sign_in(self.rt, self.keys[0].access_key_id, self.keys[0].secret) or ""
        self.form_token = sessions.form_token(self.session)

    def _acme_query(self) -> str:
        """The query that names an ACME directory, its binding, an account and an order."""
        acme_id = ordered(self.rt, self.ca_arn, "a.example.test").kid.rpartition("/")[2]
        (order,) = self.rt.store.list_acme_orders(acme_id, limit=1)
        (binding,) = self.rt.store.list_entities(AcmeBinding, OWNER)
        return f"name=web&kid={binding.name}&account={acme_id}&order={order.order_id}"

    def _constrained(self, client: Any) -> str:
        """A CA with name constraints, of which the root is the issuer."""
        configuration = EC_CONFIGURATION | {"Subject": {"CommonName": "Constrained CA"}}
        arn = create(client, CertificateAuthorityConfiguration=configuration)
        request = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
        custom = {"ObjectIdentifier": "2.5.29.30", "Critical": True, "Value": base64.b64encode(_CONSTRAINTS).decode()}
        issued = issue(
            client,
            self.ca_arn,
            Csr=request,
            TemplateArn="arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0_APIPassthrough/V1",
            ApiPassthrough={"Extensions": {"CustomExtensions": [custom]}},
        )
        found = client.get_certificate(CertificateAuthorityArn=self.ca_arn, CertificateArn=issued)
        client.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn,
            Certificate=found["Certificate"].encode(),
            CertificateChain=found["CertificateChain"].encode(),
        )
        return arn

    def _collect(self, request: Mapping[str, Any]) -> None:
        for name, found in request.items():
            self.pool[name].append(found)
            for inner in found if isinstance(found, list) else [found]:
                if isinstance(inner, dict):
                    self._collect(inner)

    async def answer(self, request: Request) -> Answer:
        """Let the application answer a request. Rates are forgotten: while the clock stands still, no token comes."""
        self.rt.rate_tokens.clear()
        return await answered(self.application, request)

    def close(self) -> None:
        """Remove the home."""
        self.application.stop()
        self.application.close()
        shutil.rmtree(self._data, ignore_errors=True)
