"""Options, marks, fixtures and the report of the suite."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib.conformance import report, sources
from chalicelib.conformance.authorities import Authority, Target
from chalicelib.conformance.material import Outside, read
from chalicelib.conformance.wire import Credentials, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

_COSTS = {
    "free": "costs nothing on AWS",
    "issues_certificates": "issues certificates",
    "creates_ca": "creates a CA, or needs one that the suite creates",
    "waits": "waits for what the endpoint does later; --patience says how long",
}
# After an import other nodes of AWS's may still refuse to issue for some seconds, as alchemy's tests saw.
_SETTLE_SECONDS = 5.0
# Dollars in us-east-1 (aws.amazon.com/private-ca/pricing): an hour of a CA by its mode, and a certificate.
_CA, _GENERAL_CA, _CERTIFICATE, _GENERAL_CERTIFICATE = 50 / 730, 400 / 730, 0.058, 0.75
# What the fixtures that several probes share cost once: their CAs and certificates.
SHARED = {
    "issuer": _CA + _CERTIFICATE,
    "revoking": _GENERAL_CA + _GENERAL_CERTIFICATE,
    "waiting_root": _CA,
    "waiting": _CA,
    "disabled": _CA + 2 * _CERTIFICATE,
    "deleted": _CA,
    "subordinate": _CA,
    # These are fixtures of one file each.
    "below": _CA + _CERTIFICATE,
    "candidate": _CA,
    "candidate_root": _CA,
    "expired": _CA + _CERTIFICATE,
    "full": _CA,
    "limited": _CA,
    "permitted": _CA,
    "partitioned": _GENERAL_CA + 2 * _GENERAL_CERTIFICATE,
    "reports": 2 * _CA + 6 * _CERTIFICATE,
    "rsa_issuer": _CA + _CERTIFICATE,
    "revoked": 7 * _GENERAL_CERTIFICATE,
    "shared": _CA,
    "tagged": _CA,
    "variable": _CA + _CERTIFICATE,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("conformance", "endpoint of AWS Private CA to probe")
    group.addoption("--endpoint-url", metavar="URL", help="the endpoint; default: AWS's in the region")
    group.addoption("--region", help="default: the profile's or us-east-1")
    group.addoption("--profile", help="of the AWS configuration; default: credentials from the environment")
    group.addoption("--account", help="the caller's 12 digits; default: what STS at the endpoint says")
    group.addoption("--issuer", metavar="ARN", help="an ACTIVE short-lived root to use, with an EC_prime256v1 key")
    group.addoption("--bucket", default="", help="a bucket that the CAs may write to; without it such probes skip")
    group.addoption(
        "--objects", default="", metavar="WHERE", help="where its objects are: a directory, or S3's address"
    )
    group.addoption("--patience", type=float, default=60, metavar="SECONDS", help="for CRLs and reports; AWS: 2700")
    group.addoption("--max-cost", type=float, metavar="DOLLARS", help="leave out what would exceed it, as estimated")
    group.addoption("--conformance-report", metavar="FILE", help="write the results as a Markdown table")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", "about(operation, source, certificates, cas, shared): what a probe is about")
    for name, meaning in (_COSTS | sources.SURENESS).items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each probe with its cost and how sure it is, before pytest selects by marks; then keep within the budget."""
    for item in _probes(items):
        operation, source = _about(item).args
        costs = _costs(item, given=bool(config.getoption("--issuer")))
        for name in (*costs, source.sureness):
            item.add_marker(name)
        item.user_properties += [("operation", operation), ("source", str(source)), ("cost", " ".join(costs))]
    most = config.getoption("--max-cost")
    if most is not None:
        kept = within(most, items)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _probes(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if item.get_closest_marker("about")]


def _about(item: pytest.Item) -> pytest.Mark:
    found = item.get_closest_marker("about")
    assert found is not None
    return found


def _shared(item: pytest.Item) -> set[str]:
    """Return the fixtures of SHARED that a probe uses; one that it asks for by a parameter is in its mark."""
    named = {_about(item).kwargs.get("shared", "")} if item.get_closest_marker("about") else set()
    return SHARED.keys() & ({*getattr(item, "fixturenames", ())} | named)


def _costs(item: pytest.Item, *, given: bool) -> list[str]:
    used, wanted = _shared(item), _about(item).kwargs
    costs = ["creates_ca"] if used - ({"issuer"} if given else set()) or wanted.get("cas") else []
    return costs + (["issues_certificates"] if wanted.get("certificates") else []) or ["free"]


def within(dollars: float, items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the items, in order, whose estimated cost on AWS adds up to no more than `dollars`."""
    kept, paid = [], set[str]()
    for item in items:
        used = _shared(item)
        mark = item.get_closest_marker("about")
        wanted = mark.kwargs if mark else {}
        each = _GENERAL_CERTIFICATE if "revoking" in used else _CERTIFICATE
        cost = sum(SHARED[name] for name in used - paid)
        cost += wanted.get("cas", 0) * _CA + wanted.get("certificates", 0) * each
        if cost <= dollars:
            kept.append(item)
            paid |= used
            dollars -= cost
    return kept


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many probes of each operation passed, and write the report."""
    results = report.results(terminalreporter.stats)
    for line in report.summary(results) if results else ():
        terminalreporter.write_line(line)
    if path := config.getoption("--conformance-report"):
        report.write(path, str(config.getoption("--endpoint-url") or "AWS"), results)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The endpoint; whatever is created there is deleted in the end."""
    option = request.config.getoption
    session = boto3.Session(profile_name=option("--profile"), region_name=option("--region"))
    region = session.region_name or "us-east-1"
    frozen = session.get_credentials()
    if frozen is None:
        pytest.exit("There are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile.", 4)
    found = frozen.get_frozen_credentials()
    credentials = Credentials(str(found.access_key), str(found.secret_key), found.token)
    endpoint = option("--endpoint-url") or session.client("acm-pca", region_name=region).meta.endpoint_url
    account = option("--account") or _account(session, region, option("--endpoint-url"))
    wire = Wire(endpoint, region, credentials)
    settle = 0.0 if option("--endpoint-url") else _SETTLE_SECONDS
    made = Target(wire, account, option("--bucket"), option("--objects"), option("--patience"), session, settle)
    yield made
    left = made.clean()
    wire.close()
    assert not left, f"These CAs could not be deleted: {left}"


def _account(session: Any, region: str, endpoint: str | None) -> str:
    client = session.client("sts", region_name=region, endpoint_url=endpoint)
    account = str(client.get_caller_identity()["Account"])
    client.close()
    return account


@pytest.fixture(scope="session")
def wire(target: Target) -> Wire:
    """The endpoint, for requests that are none of an operation's."""
    return target.wire


@pytest.fixture(scope="session")
def outside() -> Outside:
    """A CA that is none of the endpoint's."""
    return Outside()


@pytest.fixture(scope="session")
def issuer(target: Target, request: pytest.FixtureRequest) -> Authority:
    """An ACTIVE root in the cheaper mode, without CRL and OCSP: issues most certificates."""
    if not (arn := request.config.getoption("--issuer")):
        return target.root()
    answer = target.wire.call("GetCertificateAuthorityCertificate", CertificateAuthorityArn=arn).accepted()
    return Authority(target, arn, "SHA256WITHECDSA", read(answer["Certificate"]))


@pytest.fixture(scope="session")
def bucket(target: Target) -> str:
    """A bucket that the CAs may write to."""
    if not target.bucket:
        pytest.skip("needs --bucket")
    return target.bucket


@pytest.fixture(scope="session")
def revoking(target: Target, bucket: str) -> Authority:
    """An ACTIVE root of the general mode with a CRL and OCSP."""
    crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": bucket}
    revocation = {"CrlConfiguration": crl, "OcspConfiguration": {"Enabled": True}}
    return target.root(days=3650, RevocationConfiguration=revocation, UsageMode="GENERAL_PURPOSE")


@pytest.fixture(scope="session")
def waiting_root(target: Target) -> Authority:
    """A root that waits for its certificate."""
    return Authority(target, target.create("ROOT"), "SHA256WITHECDSA")


@pytest.fixture(scope="session")
def waiting(target: Target) -> str:
    """A subordinate CA that waits for its certificate."""
    return target.create("SUBORDINATE")


@pytest.fixture(scope="session")
def disabled(target: Target) -> tuple[Authority, dict[str, str]]:
    """A DISABLED root, and a certificate that it has issued."""
    made = target.root()
    issued = made.issue()
    target.update(made.arn, Status="DISABLED").accepted()
    return made, issued


@pytest.fixture(scope="session")
def deleted(target: Target) -> str:
    """A CA that may still be restored."""
    arn = target.create("SUBORDINATE")
    target.delete(arn).accepted()
    return arn


@pytest.fixture(scope="session")
def subordinate(target: Target, outside: Outside) -> Authority:
    """An ACTIVE subordinate CA, whose certificate a CA elsewhere has signed."""
    return target.subordinate(outside)


@pytest.fixture
def token() -> str:
    """An idempotency token that was never used."""
    return re.sub("-", "", str(uuid.uuid4()))
