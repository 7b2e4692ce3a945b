"""CAs that are ready to issue, made with a client as everybody makes them."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.frozen import dataclass
from chalicelib.regions import named_standard

_SIGNING = {
    "EC_prime256v1": "SHA256WITHECDSA",
    "EC_secp384r1": "SHA384WITHECDSA",
    "EC_secp521r1": "SHA512WITHECDSA",
    "RSA_2048": "SHA256WITHRSA",
    "RSA_3072": "SHA256WITHRSA",
    "RSA_4096": "SHA256WITHRSA",
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its chain and its private key, in PEM."""

    arn: str
    certificate: str
    chain: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """An ACTIVE CA.

    Attributes:
        certificate: its certificate, in PEM.
        chain: the certificates of the CAs above it, in PEM; empty for a root.
        parent: the CA that has signed its certificate; None for a root.
    """

    client: Any = field(repr=False)
    arn: str
    certificate: str
    chain: str
    signing_algorithm: str
    parent: Authority | None = None

    def issue(self, name: str, *, days: int = 30, **more: Any) -> Issued:
        """Make a key, and issue its certificate for a DNS name; `more` goes to IssueCertificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, critical=False)
        csr = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        arn = self.issue_for(csr, days=days, **more)
        found = self.client.get_certificate(CertificateAuthorityArn=self.arn, CertificateArn=arn)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Issued(arn, found["Certificate"], found["CertificateChain"], private.decode())

    def issue_for(self, csr: bytes, *, days: int = 30, **more: Any) -> str:
        """Issue the certificate of a CSR; returns its ARN."""
        request = {
            "CertificateAuthorityArn": self.arn,
            "Csr": csr,
            "SigningAlgorithm": self.signing_algorithm,
            "Validity": {"Type": "DAYS", "Value": days},
        }
        return str(self.client.issue_certificate(**request | more)["CertificateArn"])

    def revoke(self, issued: Issued, reason: str = "KEY_COMPROMISE") -> None:
        """Revoke a certificate."""
        serial = issued.arn.rsplit("/", 1)[1]
        self.client.revoke_certificate(
            CertificateAuthorityArn=self.arn, CertificateSerial=serial, RevocationReason=reason
        )


def root(client: Any, *, days: int = 3650, **wishes: Any) -> Authority:
    """Make a root; `wishes` are those of `chain`."""
    return _installed(None, _created(client, "ROOT", **wishes), "RootCACertificate", days)


def chain(
    client: Any, *, days: int = 1825, key_algorithm: str = "EC_prime256v1", crl_bucket: str = "", ocsp: bool = False
) -> Authority:
    """Make a subordinate CA under a new root, and return the subordinate.

    Args:
        client: of AWS Private CA.
        days: the validity of the CA that is returned.
        key_algorithm: of both CAs.
        crl_bucket: where the CRLs of the CA are published; empty: it has none.
        ocsp: whether OCSP answers for its certificates.
    """
    parent = root(client, key_algorithm=key_algorithm)
    made = _created(client, "SUBORDINATE", key_algorithm=key_algorithm, crl_bucket=crl_bucket, ocsp=ocsp)
    return _installed(parent, made, "SubordinateCACertificate_PathLen0", days)


def _created(
    client: Any, kind: str, *, key_algorithm: str = "EC_prime256v1", crl_bucket: str = "", ocsp: bool = False
) -> Authority:
    crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": crl_bucket} if crl_bucket else {"Enabled": False}
    signing_algorithm = _SIGNING.get(key_algorithm, key_algorithm)  # of ML-DSA it has the name of the key's
    answer = client.create_certificate_authority(
        CertificateAuthorityType=kind,
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": key_algorithm,
            "SigningAlgorithm": signing_algorithm,
            "Subject": {"CommonName": f"Test {kind.title()}"},
        },
        RevocationConfiguration={"CrlConfiguration": crl, "OcspConfiguration": {"Enabled": ocsp}},
        **named_standard(client.meta.region_name),
    )
    return Authority(client, str(answer["CertificateAuthorityArn"]), "", "", signing_algorithm)


def _installed(parent: Authority | None, ca: Authority, template: str, days: int) -> Authority:
    client, issuer = ca.client, parent or ca
    partition = ca.arn.split(":")[1]
    csr = client.get_certificate_authority_csr(CertificateAuthorityArn=ca.arn)["Csr"]
    arn = issuer.issue_for(csr.encode(), days=days, TemplateArn=f"arn:{partition}:acm-pca:::template/{template}/V1")
    certificate = client.get_certificate(CertificateAuthorityArn=issuer.arn, CertificateArn=arn)["Certificate"]
    above = {"CertificateChain": parent.certificate.encode()} if parent else {}
    client.import_certificate_authority_certificate(
        CertificateAuthorityArn=ca.arn, Certificate=certificate.encode(), **above
    )
    return replace(ca, certificate=certificate, chain=parent.certificate if parent else "", parent=parent)
