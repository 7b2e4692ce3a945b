"""Good requests of every operation, which together have every member of its input shape, and what they need."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.authority_steps import active_root, create, issue, serial_of
from tests.support.builders import EC_CONFIGURATION, csr, pem, root_certificate, sign_csr
from tests.support.model_cases import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable


POLICY_ARN = "arn:aws:acm-pca:::template/BlankEndEntityCertificate_APIPassthrough/V1"
KEY_USAGE = dict.fromkeys(MODEL.shape_for("KeyUsage").members, True)  # type: ignore[attr-defined]
SUBJECT = {
    "Country": "US",
    "Organization": "o",
    "OrganizationalUnit": "ou",
    "DistinguishedNameQualifier": "q",
    "State": "s",
    "CommonName": "cn",
    "SerialNumber": "1",
    "Locality": "l",
    "Title": "t",
    "Surname": "sn",
    "GivenName": "gn",
    "Initials": "i",
    "Pseudonym": "p",
    "GenerationQualifier": "II",
}
CUSTOM_SUBJECT = {"CustomAttributes": [{"ObjectIdentifier": "2.5.4.3", "Value": "cn"}]}
GENERAL_NAMES: list[dict[str, Any]] = [
    {"OtherName": {"TypeId": "1.3.6.1.4.1.311.20.2.3", "Value": "user@example.com"}},
    {"Rfc822Name": "user@example.com"},
    {"DnsName": "www.example.com"},
    {"DirectoryName": SUBJECT},
    {"DirectoryName": CUSTOM_SUBJECT},
    {"EdiPartyName": {"PartyName": "party", "NameAssigner": "assigner"}},
    {"UniformResourceIdentifier": "https://www.example.com/"},
    {"IpAddress": "192.0.2.1"},
    {"RegisteredId": "1.3.6.1"},
]
METHODS = [{"AccessMethodType": "CA_REPOSITORY"}, {"CustomObjectIdentifier": "1.3.6.1.5.5.7.48.5"}]
CRL = {
    "Enabled": True,
    "ExpirationInDays": 7,
    "CustomCname": "crl.example.com",
    "S3BucketName": "crl-bucket",
    "S3ObjectAcl": "PUBLIC_READ",
    "CrlDistributionPointExtensionConfiguration": {"OmitExtension": False},
    "CrlType": "COMPLETE",
}
REVOCATION: list[dict[str, Any]] = [
    {"CrlConfiguration": CRL, "OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}},
    {"CrlConfiguration": CRL | {"CustomPath": "a/b"}},
]
EXTENSIONS = {
    "CertificatePolicies": [
        {
            "CertPolicyId": "1.3.6.1.4.1.99999.1",
            "PolicyQualifiers": [{"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "https://example.com/cps"}}],
        }
    ],
    "ExtendedKeyUsage": [
        {"ExtendedKeyUsageType": "SERVER_AUTH"},
        {"ExtendedKeyUsageObjectIdentifier": "1.3.6.1.4.1.9"},
    ],
    "KeyUsage": KEY_USAGE | {"KeyCertSign": False},
    "SubjectAlternativeNames": GENERAL_NAMES,
    "CustomExtensions": [{"ObjectIdentifier": "1.3.6.1.4.1.99999.2", "Value": "BQA=", "Critical": False}],
}
ACTIONS = ["IssueCertificate", "GetCertificate", "ListPermissions"]
TAGS = [{"Key": "name", "Value": "value"}]


class World:
    """What a request needs to be good; made anew after each request that changed something."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._numbers = itertools.count()

    def token(self) -> str:
        """An idempotency token that was not used before."""
        return f"token {next(self._numbers)}"

    def active(self) -> dict[str, Any]:
        return {"CertificateAuthorityArn": active_root(self.client)}

    def pending(self) -> dict[str, Any]:
        return {"CertificateAuthorityArn": create(self.client)}

    def deleted(self) -> dict[str, Any]:
        named = self.pending()
        self.client.delete_certificate_authority(**named)
        return named

    def with_permission(self) -> dict[str, Any]:
        named = self.active() | {"Principal": "acm.amazonaws.com", "SourceAccount": "000000000000"}
        self.client.create_permission(**named, Actions=ACTIONS)
        return named

    def policy(self) -> dict[str, Any]:
        arn = self.active()["CertificateAuthorityArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "111122223333"},
            "Action": ["acm-pca:GetCertificate"],
            "Resource": arn,
        }
        return {"ResourceArn": arn, "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}

    def with_policy(self) -> dict[str, Any]:
        request = self.policy()
        self.client.put_policy(**request)
        return {"ResourceArn": request["ResourceArn"]}

    def report(self) -> dict[str, Any]:
        return self.active() | {"S3BucketName": "audit-bucket", "AuditReportResponseFormat": "JSON"}

    def with_report(self) -> dict[str, Any]:
        request = self.report()
        report_id = self.client.create_certificate_authority_audit_report(**request)["AuditReportId"]
        return {"CertificateAuthorityArn": request["CertificateAuthorityArn"], "AuditReportId": report_id}

    def issued(self) -> dict[str, Any]:
        named = self.active()
        key = ec.generate_private_key(ec.SECP256R1())  # a key is not certified again once it was revoked as compromised
        return named | {"CertificateArn": issue(self.client, named["CertificateAuthorityArn"], Csr=csr(key=key))}

    def to_revoke(self) -> dict[str, Any]:
        issued = self.issued()
        serial = serial_of(issued.pop("CertificateArn"))
        return issued | {"CertificateSerial": serial, "RevocationReason": "KEY_COMPROMISE"}

    def to_import(self) -> dict[str, Any]:
        named = self.pending()
        root = root_certificate()
        certificate = sign_csr(self.client.get_certificate_authority_csr(**named)["Csr"], issuer=root)
        return named | {"Certificate": pem(certificate), "CertificateChain": pem(root)}

    def page(self, **more: Any) -> dict[str, Any]:
        """A second page of CAs."""
        for _ in range(2):
            create(self.client)
        return more | {"NextToken": self.client.list_certificate_authorities(MaxResults=1)["NextToken"]}

    def page_of_permissions(self) -> dict[str, Any]:
        named = self.active()
        for account in ("111122223333", "111122223334"):
            more = {"Principal": "acm.amazonaws.com", "SourceAccount": account, "Actions": ACTIONS}
            self.client.create_permission(**named, **more)
        token = self.client.list_permissions(**named, MaxResults=1)["NextToken"]
        return named | {"MaxResults": 1, "NextToken": token}

    def page_of_tags(self) -> dict[str, Any]:
        named = self.active()
        self.client.tag_certificate_authority(**named, Tags=[{"Key": "a"}, {"Key": "b"}])
        return named | {"MaxResults": 1, "NextToken": self.client.list_tags(**named, MaxResults=1)["NextToken"]}


def _created(
    world: World, subject: dict[str, Any], revocation: dict[str, Any], *methods: dict[str, Any]
) -> dict[str, Any]:
    access_to = [{"AccessMethod": method, "AccessLocation": name} for method in methods for name in GENERAL_NAMES]
    extensions = {"KeyUsage": KEY_USAGE, "SubjectInformationAccess": access_to}
    return {
        "CertificateAuthorityConfiguration": EC_CONFIGURATION | {"Subject": subject, "CsrExtensions": extensions},
        "RevocationConfiguration": revocation,
        "CertificateAuthorityType": "SUBORDINATE",
        "IdempotencyToken": world.token(),
        "KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_3_OR_HIGHER",
        "Tags": TAGS,
        "UsageMode": "GENERAL_PURPOSE",
    }


def _issued(world: World, subject: dict[str, Any]) -> dict[str, Any]:
    return world.active() | {
        "ApiPassthrough": {"Extensions": EXTENSIONS, "Subject": subject},
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": POLICY_ARN,
        "Validity": {"Type": "DAYS", "Value": 30},
        "ValidityNotBefore": {"Type": "ABSOLUTE", "Value": 1893499200},
        "IdempotencyToken": world.token(),
    }


# Good requests of each operation, which together have every member of its input shape.
GOOD: dict[str, list[Callable[[World], dict[str, Any]]]] = {
    "CreateCertificateAuthority": [
        lambda world: _created(world, SUBJECT, REVOCATION[0], *METHODS),
        lambda world: _created(world, CUSTOM_SUBJECT, REVOCATION[1], METHODS[0]),
    ],
    "CreateCertificateAuthorityAuditReport": [World.report],
    "CreatePermission": [
        lambda world: (
            world.active() | {"Principal": "acm.amazonaws.com", "SourceAccount": "000000000000", "Actions": ACTIONS}
        )
    ],
    "DeleteCertificateAuthority": [lambda world: world.pending() | {"PermanentDeletionTimeInDays": 7}],
    "DeletePermission": [World.with_permission],
    "DeletePolicy": [World.with_policy],
    "DescribeCertificateAuthority": [World.active],
    "DescribeCertificateAuthorityAuditReport": [World.with_report],
    "GetCertificate": [World.issued],
    "GetCertificateAuthorityCertificate": [World.active],
    "GetCertificateAuthorityCsr": [World.pending],
    "GetPolicy": [World.with_policy],
    "ImportCertificateAuthorityCertificate": [World.to_import],
    "IssueCertificate": [
        lambda world: _issued(world, SUBJECT),
        lambda world: _issued(world, CUSTOM_SUBJECT),
    ],
    "ListCertificateAuthorities": [lambda world: world.page(MaxResults=10, ResourceOwner="SELF")],
    "ListPermissions": [World.page_of_permissions],
    "ListTags": [World.page_of_tags],
    "PutPolicy": [World.policy],
    "RestoreCertificateAuthority": [World.deleted],
    "RevokeCertificate": [World.to_revoke],
    "TagCertificateAuthority": [lambda world: world.active() | {"Tags": TAGS}],
    "UntagCertificateAuthority": [lambda world: world.active() | {"Tags": TAGS}],
    "UpdateCertificateAuthority": [
        lambda world: world.active() | {"RevocationConfiguration": REVOCATION[0], "Status": "DISABLED"},
        lambda world: world.active() | {"RevocationConfiguration": REVOCATION[1]},
    ],
}
