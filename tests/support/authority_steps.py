"""What contract tests do over and over with a client: CAs in a given state, leaves."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from tests.support.builders import CRL_CONFIGURATION, EC_CONFIGURATION, csr, pem, root_certificate, sign_csr

ROOT_TEMPLATE = "arn:aws:acm-pca:::template/RootCACertificate/V1"
DAYS_30 = {"Type": "DAYS", "Value": 30}
# The ARN of no CA.
MISSING = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/11111111-2222-3333-4444-555555555555"


def create(client: Any, kind: str = "SUBORDINATE", **more: Any) -> str:
    """A CA that waits for its certificate."""
    request = {"CertificateAuthorityConfiguration": EC_CONFIGURATION, "CertificateAuthorityType": kind} | more
    return str(client.create_certificate_authority(**request)["CertificateAuthorityArn"])


def activate_root(client: Any, arn: str, *, years: int = 10, signing_algorithm: str = "SHA256WITHECDSA") -> str:
    """Let a root issue and install its own certificate; returns the certificate's ARN."""
    issued = own_certificate(client, arn, years=years, signing_algorithm=signing_algorithm)
    answer = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)
    client.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=answer["Certificate"].encode()
    )
    return issued


def own_certificate(client: Any, arn: str, *, years: int = 10, signing_algorithm: str = "SHA256WITHECDSA") -> str:
    """Let a root issue its own certificate; returns the certificate's ARN."""
    request = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    issued = client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=request.encode(),
        SigningAlgorithm=signing_algorithm,
        TemplateArn=ROOT_TEMPLATE,
        Validity={"Type": "YEARS", "Value": years},
    )
    return str(issued["CertificateArn"])


def active_root(client: Any, **more: Any) -> str:
    """An ACTIVE root with CRLs."""
    arn = create(client, "ROOT", **{"RevocationConfiguration": CRL_CONFIGURATION} | more)
    activate_root(client, arn)
    return arn


def active_subordinate(client: Any, *, now: Any, days: float = 3650, **more: Any) -> str:
    """An ACTIVE subordinate under an offline root."""
    arn = create(client, **{"RevocationConfiguration": CRL_CONFIGURATION} | more)
    install_subordinate(client, arn, now=now, days=days)
    return arn


def install_subordinate(client: Any, arn: str, *, now: Any, days: float = 3650, **more: Any) -> x509.Certificate:
    """Sign the CA's CSR by the offline root and install it."""
    request = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    root = root_certificate(now=now)
    certificate = sign_csr(request, issuer=root, now=now, days=days, **more)
    client.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=pem(certificate), CertificateChain=pem(root)
    )
    return certificate


def active_below(client: Any, parent: str, common_name: str, *, days: int, depth: int = 0) -> str:
    """An ACTIVE subordinate that another CA here has signed."""
    arn = create(client, CertificateAuthorityConfiguration=EC_CONFIGURATION | {"Subject": {"CommonName": common_name}})
    request = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    template = f"arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen{depth}/V1"
    issued = issue(client, parent, Csr=request, TemplateArn=template, Validity={"Type": "DAYS", "Value": days})
    signed = client.get_certificate(CertificateAuthorityArn=parent, CertificateArn=issued)
    client.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn,
        Certificate=signed["Certificate"].encode(),
        CertificateChain=signed["CertificateChain"].encode(),
    )
    return arn


def issue(client: Any, arn: str, **more: Any) -> str:
    """Issue a leaf; returns its ARN."""
    request = {
        "CertificateAuthorityArn": arn,
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": DAYS_30,
    } | more
    return str(client.issue_certificate(**request)["CertificateArn"])


def fetch(client: Any, arn: str, certificate_arn: str) -> x509.Certificate:
    """An issued certificate, parsed."""
    answer = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
    return x509.load_pem_x509_certificate(answer["Certificate"].encode())


def status(client: Any, arn: str) -> str:
    """The state of a CA as Describe shows it."""
    answer = client.describe_certificate_authority(CertificateAuthorityArn=arn)
    return str(answer["CertificateAuthority"]["Status"])


def serial_of(certificate_arn: str) -> str:
    """The serial number in a certificate's ARN."""
    return certificate_arn.rsplit("/", 1)[1]
