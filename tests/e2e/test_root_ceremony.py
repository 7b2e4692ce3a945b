"""The calls that CloudFormation makes for its acm-pca resources, over HTTP with boto3.

Each function is the create handler of the resource that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.support.builders import csr

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = pytest.mark.e2e

TEMPLATE = "arn:aws:acm-pca:::template/{}/V1"
ALGORITHMS = [
    pytest.param(("RSA_2048", "SHA256WITHRSA"), id="RSA_2048"),
    pytest.param(("EC_secp384r1", "SHA384WITHECDSA"), id="EC_secp384r1"),
    # LocalStack's KMS has no such keys.
    pytest.param(("ML_DSA_65", "ML_DSA_65"), id="ML_DSA_65", marks=pytest.mark.laptop),
]


@pytest.fixture(scope="module")
def client(home: Home) -> Any:
    return home.client()


def certificate_authority(client: Any, kind: str, name: str, algorithms: tuple[str, str]) -> tuple[str, str]:
    """AWS::ACMPCA::CertificateAuthority: the CA, and its CSR as soon as that is made."""
    configuration = {
        "KeyAlgorithm": algorithms[0],
        "SigningAlgorithm": algorithms[1],
        "Subject": {"CommonName": name, "Organization": "Example Corp"},
    }
    arn = client.create_certificate_authority(
        CertificateAuthorityType=kind,
        CertificateAuthorityConfiguration=configuration,
        RevocationConfiguration={},
        KeyStorageSecurityStandard="FIPS_140_2_LEVEL_3_OR_HIGHER",
        UsageMode="GENERAL_PURPOSE",
        IdempotencyToken=f"{kind}-{algorithms[0]}",
        Tags=[{"Key": "aws-is-reserved", "Value": "but this is not"}],
    )["CertificateAuthorityArn"]
    client.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)
    return arn, client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]


def certificate(client: Any, ca_arn: str, request: str, template: str, algorithm: str, *, years: int) -> str:
    """AWS::ACMPCA::Certificate."""
    arn = client.issue_certificate(
        CertificateAuthorityArn=ca_arn,
        Csr=request.encode(),
        SigningAlgorithm=algorithm,
        TemplateArn=TEMPLATE.format(template),
        Validity={"Type": "YEARS", "Value": years},
        IdempotencyToken=f"{template}-{years}"[-36:],
    )["CertificateArn"]
    client.get_waiter("certificate_issued").wait(CertificateAuthorityArn=ca_arn, CertificateArn=arn)
    return str(client.get_certificate(CertificateAuthorityArn=ca_arn, CertificateArn=arn)["Certificate"])


def activation(client: Any, ca_arn: str, pem: str, chain: str | None = None) -> str:
    """AWS::ACMPCA::CertificateAuthorityActivation: import, set ACTIVE what is ACTIVE, give the complete chain."""
    more = {} if chain is None else {"CertificateChain": chain.encode()}
    client.import_certificate_authority_certificate(CertificateAuthorityArn=ca_arn, Certificate=pem.encode(), **more)
    client.update_certificate_authority(CertificateAuthorityArn=ca_arn, Status="ACTIVE")
    found = client.get_certificate_authority_certificate(CertificateAuthorityArn=ca_arn)
    assert ("CertificateChain" in found) == (chain is not None)
    return "\n".join(each for each in (found["Certificate"], found.get("CertificateChain")) if each)


def status(client: Any, ca_arn: str) -> str:
    found = client.describe_certificate_authority(CertificateAuthorityArn=ca_arn)["CertificateAuthority"]
    return str(found["Status"])


@pytest.mark.parametrize("algorithms", ALGORITHMS)
def test_ceremony_of_a_root_and_a_subordinate(client: Any, algorithms: tuple[str, str]) -> None:
    _, algorithm = algorithms
    root_arn, root_csr = certificate_authority(client, "ROOT", "Root", algorithms)
    assert status(client, root_arn) == "PENDING_CERTIFICATE"
    root_pem = certificate(client, root_arn, root_csr, "RootCACertificate", algorithm, years=10)
    assert activation(client, root_arn, root_pem) == root_pem
    assert status(client, root_arn) == "ACTIVE"

    middle_arn, middle_csr = certificate_authority(client, "SUBORDINATE", "Issuing", algorithms)
    middle_pem = certificate(client, root_arn, middle_csr, "SubordinateCACertificate_PathLen0", algorithm, years=5)
    assert activation(client, middle_arn, middle_pem, root_pem) == f"{middle_pem}\n{root_pem}"
    assert status(client, middle_arn) == "ACTIVE"

    leaf_pem = certificate(
        client, middle_arn, csr("app.example.com").decode(), "EndEntityCertificate", algorithm, years=1
    )
    leaf, middle, root = (x509.load_pem_x509_certificate(each.encode()) for each in (leaf_pem, middle_pem, root_pem))
    for child, parent in ((leaf, middle), (middle, root), (root, root)):
        child.verify_directly_issued_by(parent)

    for arn in (middle_arn, root_arn):
        client.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
        client.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
        assert status(client, arn) == "DELETED"


def test_renewal_by_a_second_activation_goes_into_later_chains(client: Any) -> None:
    """The stack's template changes to a longer validity: same CSR, new certificate, imported over the old one."""
    algorithms = ("EC_prime256v1", "SHA256WITHECDSA")
    root_arn, root_csr = certificate_authority(client, "ROOT", "Renewed Root", algorithms)
    first = certificate(client, root_arn, root_csr, "RootCACertificate", algorithms[1], years=5)
    activation(client, root_arn, first)
    request = csr("app.example.com")
    asked = {"CertificateAuthorityArn": root_arn, "SigningAlgorithm": algorithms[1], "Csr": request}
    early = client.issue_certificate(**asked, Validity={"Type": "DAYS", "Value": 30})["CertificateArn"]
    second = certificate(client, root_arn, root_csr, "RootCACertificate", algorithms[1], years=20)
    assert second != first
    activation(client, root_arn, second)
    late = client.issue_certificate(**asked, Validity={"Type": "YEARS", "Value": 10})["CertificateArn"]
    for arn in (early, late):
        found = client.get_certificate(CertificateAuthorityArn=root_arn, CertificateArn=arn)
        assert found["CertificateChain"] == second
        root = x509.load_pem_x509_certificate(second.encode())
        x509.load_pem_x509_certificate(found["Certificate"].encode()).verify_directly_issued_by(root)
