"""One laptop home with a root, a subordinate and CRLs, run by operations alone: what the fault runs start from.

The home is made once and copied for each run. A `World` keeps what was acknowledged, as a client would.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib import logs, reconcile
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.crl import publication
from chalicelib.identities import ADMINISTRATOR
from chalicelib.journal.log import Log
from chalicelib.operations import ca_certificates, certificates, creation, revocation
from chalicelib.runtime import Caller, Runtime, from_settings
from chalicelib.store import journal_entries
from tests.faults.fault_ports import OUTAGES, Faults, FaultyPort, History, WitnessBuckets, WitnessKeys

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.records import CertificateAuthority

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
CALLER = Caller(account_id="000000000000", access_key_id="AKIATEST", principal=ADMINISTRATOR)
ROOT_TEMPLATE = "arn:aws:acm-pca:::template/RootCACertificate/V1"
BUCKET = "crl-bucket"


@contextmanager
def log_only_to(handler: logging.Handler) -> Iterator[None]:
    """Send the log there alone: pytest would keep every line of a hundred thousand failures in memory."""
    kept = list(logs.LOGGER.handlers)
    logs.LOGGER.handlers[:] = [handler]
    try:
        yield
    finally:
        logs.LOGGER.handlers[:] = kept


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **period: float) -> None:
        self.now += timedelta(**period)


def csr_pem(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


# By the kind of entry: the SHA-256 of what is to be signed, in hex.
_INTENTS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "item": lambda entry: entry["item"].get("csr_tbs_sha256"),  # of a CA
    "reserved": lambda entry: journal_entries.unpacked(entry["tbs"]).hex(),
    "crl": lambda entry: journal_entries.unpacked(entry["tbs"]).hex(),
}
LEAF_CSR = csr_pem("leaf.example.com")


@dataclass
class World:
    home: Path
    clock: Clock = field(default_factory=Clock)
    history: History = field(default_factory=History)
    caller: Caller = CALLER
    faults: Faults = field(default_factory=Faults)
    acknowledged_certificates: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    acknowledged_revocations: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    token_answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    secrets: dict[str, bytes] = field(default_factory=dict)
    serials: Any = None

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start a process on the home; what a process before it held in memory is gone."""
        base = from_settings(Settings(data=str(self.home)))
        self.bare = replace(base, now=self.clock)
        keys = WitnessKeys(base.keys, self.history, self._has_intent)
        self.rt = replace(self.bare, keys=keys, buckets=WitnessBuckets(base.buckets, self.history))
        if self.serials is not None:
            self.rt = replace(self.rt, serial_number=self.serials)

    def faulty(self) -> Runtime:
        """The runtime of this world with the planned fault in its ports."""
        ports = {name: FaultyPort(getattr(self.rt, name), name, self.faults) for name in OUTAGES}
        return replace(self.rt, **ports)  # type: ignore[arg-type]  # a port of each kind

    def recover(self) -> None:
        """What happens after a crash: a new process, reconciliation, and the schedule."""
        self.start()
        self.clock.forward(seconds=int(self.rt.settings.pending_seconds) + 1)
        for _ in range(2):
            reconcile.reconcile(self.rt)
            publication.publish_due_crls(self.rt, seconds=60)
            self.clock.forward(seconds=300)

    def authorities(self) -> list[CertificateAuthority]:
        return self.bare.store.list_certificate_authorities(self.caller.account_id, limit=100)

    def files(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.is_file()]

    def _has_intent(self, digest: str) -> bool:
        """Whether the journal has the intent; the record of a CRL has only that of the newest lease."""
        return digest in {_INTENTS[entry["kind"]](entry) for entry in self._journaled() if entry["kind"] in _INTENTS}

    def _journaled(self) -> Iterator[dict[str, Any]]:
        """Every entry of the journal: first those in the outbox, because the sequencer moves them to the log."""
        pending = [entry for each in self.bare.store.list_outbox(limit=1_000_000) for entry in each.entries]
        shared = self.bare.journal.log
        log = Log(shared._buckets, shared._bucket, shared._signer)  # other threads may be appending to the shared one
        checkpoint = log.checkpoint()
        return map(journal_entries.decode, [*pending, *log.entries(0, checkpoint.size if checkpoint else 0)])

    # what a client does

    def create(
        self, rt: Runtime, kind: str = "SUBORDINATE", token: str | None = None, *, name: str = "", **crl: Any
    ) -> str:
        request: Any = {
            "CertificateAuthorityConfiguration": {
                "KeyAlgorithm": "EC_prime256v1",
                "SigningAlgorithm": "SHA256WITHECDSA",
                "Subject": {"CommonName": name or kind},
            },
            "CertificateAuthorityType": kind,
            "RevocationConfiguration": {
                "CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": BUCKET} | crl
            },
        }
        if token is not None:
            request["IdempotencyToken"] = token
        return creation.create_certificate_authority(rt, self.caller, request)["CertificateAuthorityArn"]

    def issue(self, rt: Runtime, ca_arn: str, token: str | None = None, **more: Any) -> str:
        request: Any = {
            "CertificateAuthorityArn": ca_arn,
            "Csr": LEAF_CSR,
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Validity": {"Type": "DAYS", "Value": 30},
        } | more
        if token is not None:
            request["IdempotencyToken"] = token
        arn = certificates.issue_certificate(rt, self.caller, request)["CertificateArn"]
        self.acknowledged_certificates[ca_arn].append(arn)
        if token is not None:
            self.token_answers[token].append(arn)
        return arn

    def revoke(self, rt: Runtime, ca_arn: str, certificate_arn: str) -> None:
        serial = certificate_arn.rsplit("/", 1)[1]
        request: Any = {
            "CertificateAuthorityArn": ca_arn,
            "CertificateSerial": serial,
            "RevocationReason": "SUPERSEDED",
        }
        revocation.revoke_certificate(rt, self.caller, request)
        self.acknowledged_revocations[ca_arn].append(int(serial, 16))

    def root_certificate(self, rt: Runtime, ca_arn: str, token: str = "root") -> dict[str, Any]:
        """A root issues its own certificate; returns what Import takes."""
        named: Any = {"CertificateAuthorityArn": ca_arn}
        csr = ca_certificates.get_certificate_authority_csr(rt, self.caller, named)["Csr"]
        validity = {"Type": "YEARS", "Value": 10}
        issued = self.issue(rt, ca_arn, token, Csr=csr.encode(), TemplateArn=ROOT_TEMPLATE, Validity=validity)
        answer = certificates.get_certificate(rt, self.caller, named | {"CertificateArn": issued})
        imported: dict[str, Any] = named | {"Certificate": answer["Certificate"].encode()}
        return imported

    def install(self, rt: Runtime, imported: Any) -> None:
        ca_certificates.import_certificate_authority_certificate(rt, self.caller, imported)


def make_home(home: Path) -> dict[str, str]:
    """A home with an ACTIVE root that has issued and a CA that waits; returns ARNs by name."""
    world = World(home)
    access_keys.ensure_root_key(world.rt)
    root = world.create(world.rt, "ROOT")
    world.install(world.rt, world.root_certificate(world.rt, root))
    leaf = world.issue(world.rt, root)
    waiting = world.create(world.rt, "ROOT")
    return {"root": root, "leaf": leaf, "waiting": waiting}


def copy_home(template: Path, target: Path) -> World:
    """A world of its own with everything that the template's home has."""
    shutil.copytree(template, target)
    world = World(target, clock=Clock(START + timedelta(minutes=10)))
    world.secrets["root secret"] = access_keys.ensure_root_key(world.rt).secret.encode()
    return world
