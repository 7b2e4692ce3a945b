"""What the clients judge: by each way of revocation a good, a revoked and an expired certificate, and a stranger's."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.authority_steps import active_root, create, issue
from tests.support.builders import EC_CONFIGURATION, LEAF_KEY, csr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.home import Home

WAYS = ("complete", "partitioned", "ocsp")
KINDS = ("good", "revoked", "expired", "wrong issuer")
_CRL = {"Enabled": True, "S3BucketName": "clients", "ExpirationInDays": 7}
_REVOCATION: dict[str, Any] = {
    "complete": {"CrlConfiguration": _CRL},
    "partitioned": {"CrlConfiguration": _CRL | {"CrlType": "PARTITIONED"}},
    "ocsp": {"OcspConfiguration": {"Enabled": True}},
}
_LIFE = 6  # seconds of a certificate that is to expire
_PUBLISHED_WITHIN = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A certificate to be judged, with what a client is given for it.

    Attributes:
        way: how revocation is told; one of `WAYS`.
        kind: what is right about it; one of `KINDS`.
        ca: the CA that clients expect it from.
        root: the root above that CA; `anchors` has both.
        crl: the CRLs at the CDPs of certificate and CA, in PEM; there is none for OCSP.
        ocsp_url: the responder in its AIA, or empty.
    """

    way: str
    kind: str
    leaf: Path
    key: Path
    ca: Path
    root: Path
    anchors: Path
    crl: Path
    ocsp_url: str


def make_cases(home: Home, folder: Path) -> list[Case]:
    """Issue, revoke and let expire, in a laptop home that runs."""
    client, key = home.client(), folder / "key.pem"
    key.write_bytes(LEAF_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    root = active_root(client, **_named("Root CA"), RevocationConfiguration=_REVOCATION["complete"])
    cases = [case for way in WAYS for case in _Way(client, way, folder).cases(root, key)]
    time.sleep(_LIFE + 1)
    return cases


class _Way:
    """One way of revocation: a CA under the root, and its certificates, in files of a folder."""

    def __init__(self, client: Any, way: str, folder: Path) -> None:
        self._client, self._way, self._folder = client, way, folder

    def cases(self, root: str, key: Path) -> list[Case]:
        """Make the CA and a certificate of each kind."""
        more = {"RevocationConfiguration": _REVOCATION[self._way], **_named(f"{self._way} CA")}
        arn, stranger = create(self._client, **more), active_root(self._client, **more)  # a stranger of the same name
        ca = self._file("ca", self._install(arn, root))
        root_pem = self._file("root", self._certificate_of(root))
        anchors = self._file("anchors", ca.read_text() + root_pem.read_text())
        leaves = {kind: self._leaf(kind, stranger if kind == "wrong issuer" else arn) for kind in KINDS}
        revoked = x509.load_pem_x509_certificate(leaves["revoked"].read_bytes())
        self._client.revoke_certificate(
            CertificateAuthorityArn=arn,
            CertificateSerial=f"{revoked.serial_number:x}",
            RevocationReason="SUPERSEDED",
        )
        crl = self._file("crl", "" if self._way == "ocsp" else _crls(revoked, ca))
        url = _ocsp_url(revoked) if self._way == "ocsp" else ""
        return [Case(self._way, kind, leaf, key, ca, root_pem, anchors, crl, url) for kind, leaf in leaves.items()]

    def _leaf(self, kind: str, issuer: str) -> Path:
        ends: dict[str, Any] = {"Validity": {"Type": "ABSOLUTE", "Value": int(time.time()) + _LIFE}}
        request = csr(f"{kind}.example.com", dns_names=["localhost"])
        issued = issue(self._client, issuer, Csr=request, **(ends if kind == "expired" else {}))
        answer = self._client.get_certificate(CertificateAuthorityArn=issuer, CertificateArn=issued)
        return self._file(kind.replace(" ", "-"), answer["Certificate"])

    def _install(self, arn: str, root: str) -> str:
        """Let the root sign a CA; the CA's certificate."""
        request = self._client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        template = "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"
        life = {"Type": "DAYS", "Value": 365}  # longer than that of the certificates under it
        signed = issue(self._client, root, Csr=request.encode(), TemplateArn=template, Validity=life)
        answer = self._client.get_certificate(CertificateAuthorityArn=root, CertificateArn=signed)
        self._client.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn, Certificate=answer["Certificate"], CertificateChain=answer["CertificateChain"]
        )
        return self._certificate_of(arn)

    def _certificate_of(self, arn: str) -> str:
        return str(self._client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"])

    def _file(self, name: str, text: str) -> Path:
        path = self._folder / f"{self._way}-{name}.pem"
        path.write_text(text.strip() + "\n")
        return path


def _named(name: str) -> dict[str, Any]:
    return {"CertificateAuthorityConfiguration": EC_CONFIGURATION | {"Subject": {"CommonName": name}}}


def _crls(revoked: x509.Certificate, ca: Path) -> str:
    """The CRL that lists a certificate, and the one for the CA itself: clients that check the whole chain need both."""
    listed = _fetch_until(revoked, lambda crl: crl.get_revoked_certificate_by_serial_number(revoked.serial_number))
    above = _fetch_until(x509.load_pem_x509_certificate(ca.read_bytes()), lambda _: True)
    return "".join(crl.public_bytes(Encoding.PEM).decode() for crl in (listed, above))


def _fetch_until(
    certificate: x509.Certificate, wanted: Callable[[x509.CertificateRevocationList], object]
) -> x509.CertificateRevocationList:
    """The CRL at a certificate's CDP, once it is the wanted one."""
    (point,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (name,) = point.full_name or []
    deadline = time.monotonic() + _PUBLISHED_WITHIN
    while time.monotonic() < deadline:
        with urllib.request.urlopen(str(name.value), timeout=10) as answer:
            found = x509.load_der_x509_crl(answer.read())
        if wanted(found):
            return found
        time.sleep(0.5)
    raise AssertionError(f"the CRL at {name.value} is not the wanted one")


def _ocsp_url(leaf: x509.Certificate) -> str:
    (access,) = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    return str(access.access_location.value)
