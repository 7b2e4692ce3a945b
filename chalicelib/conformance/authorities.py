"""CAs at the endpoint: made with a tag, brought into a state, and deleted at the end."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.conformance import material

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from chalicelib.conformance.wire import Answer, Wire

TAG = {"Key": "signet-ca-conformance", "Value": "delete me"}
_POLLS, _POLL_SECONDS = 60, 0.5
_SIGNING = {"EC": "SHA256WITHECDSA", "RSA": "SHA256WITHRSA"}


@dataclass(frozen=True, slots=True)
class Target:
    """The endpoint that is probed, and what the probes may use there.

    Attributes:
        account: the 12 digits of whoever asks.
        bucket: for CRLs and audit reports; empty: there is none.
        objects: where its objects are read: a directory with a folder for each bucket, or the address of an S3.
        patience: seconds to wait for what AWS does later, as CRLs and reports.
        session: of boto3, with the credentials.
        settle: seconds until every node of the service knows a CA's new certificate.
    """

    wire: Wire
    account: str
    bucket: str
    objects: str
    patience: float
    session: Any = field(repr=False)
    settle: float = 0.0
    made: list[str] = field(default_factory=list)

    @property
    def partition(self) -> str:
        """The partition of ARNs."""
        region = self.wire.region
        found = [name for prefix, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if region.startswith(prefix)]
        return found[0] if found else "aws"

    def template(self, name: str) -> str:
        """Return the ARN of a template."""
        return f"arn:{self.partition}:acm-pca:::template/{name}/V1"

    def missing(self, account: str = "") -> str:
        """Return a CA's ARN that no CA has."""
        return self._arn(f"certificate-authority/{uuid.uuid4()}", account)

    def other_kind(self) -> str:
        """Return an ARN that fits the model's pattern and names no CA."""
        return self._arn("nonsense/11111111-2222-3333-4444-555555555555")

    def _arn(self, resource: str, account: str = "") -> str:
        return f"arn:{self.partition}:acm-pca:{self.wire.region}:{account or self.account}:{resource}"

    def asked(self, kind: str = "ROOT", **more: Any) -> dict[str, Any]:
        """Return the members of a good CreateCertificateAuthority, in the cheaper mode.

        Args:
            kind: ROOT or SUBORDINATE.
            more: members instead; those of the configuration are named by `KeyAlgorithm`, `SigningAlgorithm`,
                `Subject` and `CsrExtensions`.
        """
        key = more.pop("KeyAlgorithm", "EC_prime256v1")
        configuration = {
            "KeyAlgorithm": key,
            "SigningAlgorithm": more.pop("SigningAlgorithm", _SIGNING.get(key.partition("_")[0], key)),
            "Subject": more.pop("Subject", {"CommonName": f"Conformance {uuid.uuid4().hex[:12]}"}),
        }
        if "CsrExtensions" in more:
            configuration["CsrExtensions"] = more.pop("CsrExtensions")
        return {
            "CertificateAuthorityConfiguration": configuration,
            "CertificateAuthorityType": kind,
            "UsageMode": "SHORT_LIVED_CERTIFICATE",
            "Tags": [TAG],
        } | more

    def create(self, kind: str = "ROOT", **more: Any) -> str:
        """Create a CA, wait until it has a CSR, and return its ARN."""
        arn = self.created(self.wire.call("CreateCertificateAuthority", **self.asked(kind, **more)))
        self.csr(arn)
        return arn

    def created(self, answer: Answer) -> str:
        """Return the ARN that an answer has, and note the CA for deletion."""
        arn = str(answer.accepted()["CertificateAuthorityArn"])
        if arn not in self.made:
            self.made.append(arn)
        return arn

    def csr(self, arn: str) -> str:
        """Return a CA's CSR."""
        answer = later(lambda: self.wire.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn))
        return str(answer.accepted()["Csr"])

    def describe(self, arn: str) -> dict[str, Any]:
        """Return what Describe says."""
        answer = self.wire.call("DescribeCertificateAuthority", CertificateAuthorityArn=arn)
        found: dict[str, Any] = answer.accepted()["CertificateAuthority"]
        return found

    def root(self, *, days: int = 30, **more: Any) -> Authority:
        """Make an ACTIVE root."""
        arn = self.create("ROOT", **more)
        authority = self.authority(arn)
        request = self.csr(arn).encode()
        issued = authority.issue(request, days=days, TemplateArn=self.template("RootCACertificate"))
        self.install(arn, issued["Certificate"].encode())
        return replace(authority, certificate=material.read(issued["Certificate"]))

    def subordinate(self, parent: material.Outside, **signed: Any) -> Authority:
        """Make an ACTIVE subordinate CA; `signed` goes to the signature of its certificate."""
        arn = self.create("SUBORDINATE")
        certificate = parent.sign(self.csr(arn), **signed)
        self.install(arn, material.pem(certificate), parent.pem)
        return self.authority(arn, certificate)

    def authority(self, arn: str, certificate: x509.Certificate | None = None) -> Authority:
        """Return a CA that was made here."""
        return Authority(self, arn, self.signing(arn), certificate)

    def signing(self, arn: str) -> str:
        """Return the signing algorithm that a CA was created with."""
        return str(self.describe(arn)["CertificateAuthorityConfiguration"]["SigningAlgorithm"])

    def install(self, arn: str, certificate: bytes, chain: bytes = b"") -> None:
        """Import a CA's certificate."""
        self.imported(arn, certificate, chain).accepted()
        time.sleep(self.settle)

    def imported(self, arn: str, certificate: bytes, chain: bytes = b"") -> Answer:
        """Return the answer to an import."""
        above = {"CertificateChain": chain} if chain else {}
        return self.wire.call(
            "ImportCertificateAuthorityCertificate", CertificateAuthorityArn=arn, Certificate=certificate, **above
        )

    def update(self, arn: str, **members: Any) -> Answer:
        """Return the answer to an update."""
        return self.wire.call("UpdateCertificateAuthority", CertificateAuthorityArn=arn, **members)

    def delete(self, arn: str, days: int = 7) -> Answer:
        """Return the answer to a deletion."""
        return self.wire.call(
            "DeleteCertificateAuthority", CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=days
        )

    def read_object(self, key: str) -> bytes:
        """Return an object of the bucket; nothing if it is not there."""
        path = Path(self.objects, self.bucket, key)
        if self.objects and "://" not in self.objects:
            return path.read_bytes() if path.exists() else b""
        client = self.session.client("s3", endpoint_url=self.objects or None, region_name=self.wire.region)
        try:
            found: bytes = client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError:
            return b""
        finally:
            client.close()
        return found

    def clean(self) -> list[str]:
        """Delete every CA that was made, and return the ARNs of those that remain."""
        left = []
        for arn in self.made:
            self.update(arn, Status="DISABLED")
            answer = self.delete(arn)
            if answer.status != 200 and answer.code not in {"ResourceNotFoundException", "InvalidStateException"}:
                left.append(arn)
        return left


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that issues; `certificate` is its own, once that is installed."""

    target: Target = field(repr=False)
    arn: str
    signing_algorithm: str
    certificate: x509.Certificate | None = None

    @property
    def own(self) -> x509.Certificate:
        """Its certificate."""
        assert self.certificate is not None
        return self.certificate

    def request(self, csr: bytes | None = None, *, days: int = 3, **more: Any) -> dict[str, Any]:
        """Return the members of a good IssueCertificate; a member that is None is left out."""
        members = {
            "CertificateAuthorityArn": self.arn,
            "Csr": material.csr() if csr is None else csr,
            "SigningAlgorithm": self.signing_algorithm,
            "Validity": {"Type": "DAYS", "Value": days},
        } | more
        return {name: value for name, value in members.items() if value is not None}

    def asked(self, csr: bytes | None = None, **more: Any) -> Answer:
        """Return the answer to IssueCertificate."""
        return self.target.wire.call("IssueCertificate", **self.request(csr, **more))

    def issue(self, csr: bytes | None = None, **more: Any) -> dict[str, str]:
        """Issue a certificate, and return its ARN, Certificate and CertificateChain."""
        arn = str(self.asked(csr, **more).accepted()["CertificateArn"])
        return {"Arn": arn, **self.got(arn).accepted()}

    def certificate_of(self, csr: bytes | None = None, **more: Any) -> x509.Certificate:
        """Issue a certificate, and return it."""
        return material.read(self.issue(csr, **more)["Certificate"])

    def got(self, arn: str) -> Answer:
        """Return the answer to GetCertificate, once the certificate is issued."""
        named = {"CertificateAuthorityArn": self.arn, "CertificateArn": arn}
        return later(lambda: self.target.wire.call("GetCertificate", **named))

    def revoke(self, serial: str, reason: str = "SUPERSEDED") -> Answer:
        """Return the answer to RevokeCertificate."""
        return self.target.wire.call(
            "RevokeCertificate", CertificateAuthorityArn=self.arn, CertificateSerial=serial, RevocationReason=reason
        )


def later(ask: Callable[[], Answer]) -> Answer:
    """Ask again while the answer is that something is still in progress, as the model's waiters do."""
    for _ in range(_POLLS):
        answer = ask()
        if answer.code != "RequestInProgressException":
            break
        time.sleep(_POLL_SECONDS)
    return answer
