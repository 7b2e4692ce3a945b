"""What DynamoDB counts and limits: the units of a certificate, which the cost model knows, and the size of a record."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from chalicelib import reconcile
from chalicelib.config import Settings
from chalicelib.reports import costs
from chalicelib.runtime import from_settings
from chalicelib.store.dynamodb import create_table
from tests.support.authority_steps import active_root, create, fetch, issue, status
from tests.support.builders import ROOT_KEY, csr, name, pem, root_certificate, sign_csr
from tests.support.home import ROOT
from tests.support.ocsp_requests import asked, authority, request_for
from tools.costs import table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Clock

LINKS = 7  # of 30 KB each, written as hex
pytestmark = pytest.mark.laptop


def test_table_of_the_guide_is_the_model_s() -> None:
    assert table() in (ROOT / "docs" / "deploy-aws.md").read_text()


def test_figures_of_the_readme_are_the_model_s() -> None:
    total, dearest = costs.signet(1, 10_000).total, costs.general_purpose_certificates(1)
    month = costs.authority_month("GENERAL_PURPOSE")
    figures = [f"${total:.0f}", f"${month}", f"${dearest:.2f}", f"${total:,.2f}"]
    assert re.findall(r"\$[0-9][0-9,.]*", (ROOT / "README.md").read_text()) == figures


def test_model_knows_every_alarm() -> None:
    template = (ROOT / "infrastructure" / "operations.yaml").read_text()
    assert template.count("Type: AWS::CloudWatch::Alarm\n") == costs.ALARMS


def test_model_grows_with_what_is_used() -> None:
    one, many = costs.signet(1, 10_000), costs.signet(100, 1_000_000)
    assert one.fixed == many.fixed
    assert many.requests == 100 * one.requests
    assert many.state == 100 * one.state
    assert many.keys > 100 * one.keys - 1


class Meter:
    """Counts request units as DynamoDB does (Developer Guide, "DynamoDB on-demand capacity mode")."""

    def __init__(self, client: Any) -> None:
        self.writes, self.reads = 0, 0
        self.items: dict[str, dict[str, Any]] = {}
        client.meta.events.register("before-call.dynamodb", self.count)

    def count(self, model: Any, params: Any, **_: Any) -> None:
        body = json.loads(params["body"])
        if model.name in {"GetItem", "Query"}:  # of up to 4 KB
            self.reads += 1
        elif model.name == "TransactWriteItems":
            for entry in body["TransactItems"]:
                ((action, inner),) = entry.items()
                self.write(action, inner)
        else:
            raise AssertionError(model.name)

    def write(self, action: str, inner: Any) -> None:
        """A transaction doubles the units; each index takes its own write of the attributes it has."""
        item = inner.get("Item") or {}
        if action == "Put":
            self.items[str(item["pk"])] = item
        if action == "Update":
            item = self.items[str(inner["Key"]["pk"])] | inner["ExpressionAttributeValues"]
        size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) or 1
        units = math.ceil(size / 1024)
        self.writes += 2 * units + ("due_pk" in item) + units * ("list_pk" in item)


@pytest.fixture
def rt(aws: None, tmp_path: Path, clock: Clock) -> Any:
    """A laptop home whose state is in DynamoDB."""
    settings = Settings(data=str(tmp_path), state="dynamodb")
    create_table(boto3.session.Session().client("dynamodb", region_name=settings.region), settings.table_name)
    return replace(from_settings(settings), now=clock)


@pytest.mark.parametrize("acm_pca", ["json"], indirect=True)
def test_certificate_consumes_what_the_model_says(acm_pca: Any, rt: Any) -> None:
    client = acm_pca
    arn = active_root(client)
    request = csr(dns_names=("leaf.example.com",))
    issue(client, arn, Csr=request)  # the first also starts the CRL
    meter = Meter(rt.store.table._client)
    fetch(client, arn, issue(client, arn, Csr=request, IdempotencyToken="token"))
    assert meter.reads == costs.READ_UNITS
    assert costs.WRITE_UNITS - 3 <= meter.writes <= costs.WRITE_UNITS


@pytest.mark.parametrize("acm_pca", ["json"], indirect=True)
def test_ocsp_query_consumes_what_the_model_says(acm_pca: Any, rt: Any) -> None:
    enabled = {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}}
    arn = active_root(acm_pca, RevocationConfiguration=enabled)
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn))
    request = request_for(leaf, authority(acm_pca, arn))
    delegated = replace(rt, settings=replace(rt.settings, ocsp_signer="delegated"))
    reconcile.reconcile(delegated)
    meter = Meter(rt.store.table._client)
    assert asked(delegated, request).certificate_status == ocsp.OCSPCertStatus.GOOD
    assert (meter.reads, meter.writes) == (costs.OCSP_READ_UNITS, 0)


@pytest.mark.parametrize("acm_pca", ["json"], indirect=True)
def test_chain_that_dynamodb_cannot_keep_is_refused(acm_pca: Any, rt: Any, clock: Clock) -> None:
    chain = [root_certificate(now=clock())]
    for number in range(LINKS):
        chain.insert(0, _large_ca(chain[0], f"CA {number}"))
    arn = create(acm_pca)
    request = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    certificate = sign_csr(request, issuer=chain[0], now=clock(), days=100)
    given = {"Certificate": pem(certificate), "CertificateChain": pem(*chain)}
    with pytest.raises(ClientError, match="DynamoDB allows 409600") as caught:
        acm_pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, **given)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert status(acm_pca, arn) == "PENDING_CERTIFICATE"


def _large_ca(issuer: x509.Certificate, common_name: str) -> x509.Certificate:
    """A CA of 30 KB below another one, all with the offline root's key."""
    builder = x509.CertificateBuilder(issuer.subject, name(common_name), ROOT_KEY.public_key(), 2)
    builder = builder.not_valid_before(issuer.not_valid_before_utc).not_valid_after(issuer.not_valid_after_utc)
    large = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(30_000))
    for extension in [*[each.value for each in issuer.extensions][:2], large]:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    key_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
    return builder.add_extension(authority, critical=False).sign(ROOT_KEY, hashes.SHA256())
