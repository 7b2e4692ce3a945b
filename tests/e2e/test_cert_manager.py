"""The flow of cert-manager's AWS PCA issuer: what its controller calls, as often as it retries, and as late.

It derives the idempotency token from the name of the CertificateRequest, asks for "now + duration" anew with each
try, and chooses the template by the usages that were asked for.
"""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from tests.support.authority_steps import active_root, issue
from tests.support.builders import LEAF_KEY, csr

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = pytest.mark.e2e

CALLS, THREADS = 1000, 8
HOME_SETTINGS = {"SIGNET_PENDING_SECONDS": "30"}
MONTH = 30 * 86400
TEMPLATES = {
    frozenset({"code signing"}): "CodeSigningCertificate/V1",
    frozenset({"client auth"}): "EndEntityClientAuthCertificate/V1",
    frozenset({"server auth"}): "EndEntityServerAuthCertificate/V1",
    frozenset({"ocsp signing"}): "OCSPSigningCertificate/V1",
    frozenset({"client auth", "server auth"}): "EndEntityCertificate/V1",
}
PURPOSES = {
    "client auth": Purpose.CLIENT_AUTH,
    "server auth": Purpose.SERVER_AUTH,
    "code signing": Purpose.CODE_SIGNING,
    "ocsp signing": Purpose.OCSP_SIGNING,
    "email protection": Purpose.EMAIL_PROTECTION,
}


class Issuer:
    """What the controller does for one CertificateRequest."""

    def __init__(self, client: Any, ca_arn: str) -> None:
        self.client, self.ca_arn = client, ca_arn
        ca = client.describe_certificate_authority(CertificateAuthorityArn=ca_arn)["CertificateAuthority"]
        self.signing_algorithm = ca["CertificateAuthorityConfiguration"]["SigningAlgorithm"]

    def sign(self, name: str, request: bytes, *usages: str, drift: int = 0, is_ca: bool = False) -> str:
        template = TEMPLATES.get(frozenset(usages), "BlankEndEntityCertificate_APICSRPassthrough/V1")
        if is_ca:
            template = "SubordinateCACertificate_PathLen0/V1"
        answer = self.client.issue_certificate(
            CertificateAuthorityArn=self.ca_arn,
            SigningAlgorithm=self.signing_algorithm,
            TemplateArn=f"arn:aws:acm-pca:::template/{template}",
            Csr=request,
            Validity={"Type": "ABSOLUTE", "Value": int(time.time()) + MONTH + drift},
            IdempotencyToken=hashlib.sha256(f"default/{name}".encode()).hexdigest()[:36],
        )
        return str(answer["CertificateArn"])

    def get(self, arn: str) -> tuple[list[x509.Certificate], x509.Certificate]:
        """The certificate with its chain but for the root, and the root, which it splits off."""
        named = {"CertificateAuthorityArn": self.ca_arn, "CertificateArn": arn}
        self.client.get_waiter("certificate_issued").wait(**named)
        answer = self.client.get_certificate(**named)
        bundle = x509.load_pem_x509_certificates(f"{answer['Certificate']}\n{answer['CertificateChain']}\n".encode())
        return bundle[:-1], bundle[-1]


def request_for(name: str, *usages: str) -> bytes:
    """A CSR as cert-manager makes it: the usages are in it."""
    key_usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [(key_usage, True)]
    if usages:
        extensions.append((x509.ExtendedKeyUsage([PURPOSES[each] for each in usages]), False))
    return csr(name, dns_names=[name], extensions=extensions)


def test_retry_storm_through_a_crash_makes_one_certificate(home: Home) -> None:
    ca_arn = active_root(home.client())
    before = issued(home, ca_arn)
    request = request_for("storm.example.com", "server auth")
    answers: list[str] = []
    halfway, restarted = threading.Event(), threading.Event()

    def storm(share: int) -> None:
        issuer = Issuer(home.client(), ca_arn)
        done = 0
        while done < CALLS // THREADS:
            try:
                answers.append(issuer.sign("storm", request, "server auth", drift=share * 1000 + done))
                done += 1
            except (ClientError, BotoCoreError):
                assert restarted.wait(60)
            if len(answers) > CALLS // 2:
                halfway.set()

    with ThreadPoolExecutor(THREADS) as pool:
        shares = [pool.submit(storm, share) for share in range(THREADS)]
        assert halfway.wait(120)
        home.stop(signal.SIGKILL)  # on LocalStack the storm alone has to do
        home.start()
        restarted.set()
        for each in shares:
            each.result()

    assert len(answers) == CALLS
    assert len(set(answers)) == 1
    assert issued(home, ca_arn) - before == {answers[0]}
    (leaf,), root = Issuer(home.client(), ca_arn).get(answers[0])
    leaf.verify_directly_issued_by(root)


@pytest.mark.laptop
def test_crash_while_the_first_calls_are_under_way_makes_one_certificate(home: Home) -> None:
    """Nobody may have an answer when the server dies; whatever it had begun, the retries end with one certificate."""
    ca_arn = active_root(home.client())
    before = issued(home, ca_arn)
    request = request_for("crash.example.com", "server auth")
    issuers = [Issuer(home.client(), ca_arn) for _ in range(THREADS)]

    def first(issuer: Issuer) -> str | None:
        try:
            return issuer.sign("crash", request, "server auth")
        except (ClientError, BotoCoreError):
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        tries = [pool.submit(first, each) for each in issuers]
        time.sleep(0.01)
        home.stop(signal.SIGKILL)
        early = {each.result() for each in tries} - {None}
    home.start()
    arn = until_issued(issuers[0], "crash", request)
    states = {each["CertificateArn"]: each["State"] for each in home.certificates(ca_arn)}
    assert {states[str(each)] for each in early - {arn}} <= {"FAILED"}
    assert {each.sign("crash", request, "server auth") for each in issuers} == {arn}
    assert issued(home, ca_arn) - before == {arn}


def issued(home: Home, ca_arn: str) -> set[str]:
    return {each["CertificateArn"] for each in home.certificates(ca_arn) if each["State"] == "ISSUED"}


def until_issued(issuer: Issuer, name: str, request: bytes) -> str:
    """Reconcile a CertificateRequest until it is ready: what a crash cut off fails, and is asked for anew."""
    for _ in range(5):
        arn = issuer.sign(name, request, "server auth")
        try:
            issuer.get(arn)
        except WaiterError as error:
            assert "RequestFailedException" in str(error)  # noqa: PT017  the loop goes on
        else:
            return arn
    raise AssertionError("never issued")


def test_requests_at_once_make_a_certificate_each(home: Home) -> None:
    ca_arn = active_root(home.client())
    before = issued(home, ca_arn)
    names = [f"host-{number}.example.com" for number in range(40)]
    issuer = Issuer(home.client(), ca_arn)
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(lambda name: issuer.sign(name, request_for(name), "server auth"), names * 3))
    assert len(set(made)) == len(names)
    assert made[: len(names)] * 3 == made
    assert issued(home, ca_arn) - before == set(made)
    for name, arn in zip(names, made, strict=False):
        (leaf,), _ = issuer.get(arn)
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert found.get_values_for_type(x509.DNSName) == [name]


@pytest.mark.parametrize(
    "usages",
    [*map(sorted, TEMPLATES), [], ["client auth", "email protection"]],
    ids=lambda usages: " and ".join(usages) or "none",
)
def test_certificate_has_the_usages_that_were_asked_for(home: Home, usages: list[str]) -> None:
    issuer = Issuer(home.client(), active_root(home.client()))
    request = request_for("usages.example.com", *usages)
    chain, root = issuer.get(issuer.sign("-".join(usages), request, *usages))
    assert len(chain) == 1
    assert root.subject == root.issuer == chain[0].issuer
    chain[0].verify_directly_issued_by(root)
    extensions = chain[0].extensions
    if usages:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert set(purposes) == {PURPOSES[each] for each in usages}
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["usages.example.com"]


def test_intermediate_is_a_ca_with_its_root_split_off(home: Home) -> None:
    issuer = Issuer(home.client(), active_root(home.client()))
    (middle,), root = issuer.get(issuer.sign("middle", request_for("middle.example.com"), is_ca=True))
    assert middle.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert middle.public_key() == LEAF_KEY.public_key()
    middle.verify_directly_issued_by(root)


def test_certificate_outlives_no_issuer_and_the_refusal_says_so(home: Home) -> None:
    """The controller puts this text into the request's condition: it must be one that a person understands."""
    client = home.client()
    issuer = Issuer(client, active_root(client))
    with pytest.raises(ClientError) as refusal:
        issuer.sign("late", request_for("late.example.com"), "server auth", drift=20 * 365 * 86400)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert issue(client, issuer.ca_arn)
