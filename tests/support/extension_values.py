"""Well-formed values of the extensions of RFC 5280 and RFC 7633, as others encode them."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509 import oid

URI = x509.UniformResourceIdentifier("http://a.example/x")
NAME = x509.Name([x509.NameAttribute(oid.NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(oid.NameOID.COMMON_NAME, "A")])
POLICY, OTHER_POLICY = x509.ObjectIdentifier("1.2.3.4"), x509.ObjectIdentifier("1.2.3.5")
GENERAL_NAMES: list[x509.GeneralName] = [
    x509.DNSName("*.a.example"),
    x509.RFC822Name("a@a.example"),
    URI,
    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    x509.DirectoryName(NAME),
    x509.RegisteredID(POLICY),
    x509.OtherName(POLICY, b"\x0c\x01a"),
]
SUBTREES: list[x509.GeneralName] = [
    x509.DNSName("a.example"),
    x509.RFC822Name("a.example"),
    x509.UniformResourceIdentifier(".a.example"),
    x509.DirectoryName(NAME),
    x509.IPAddress(ipaddress.ip_network("192.0.2.0/24")),
    x509.IPAddress(ipaddress.ip_network("2001:db8::/32")),
]
RELATIVE = x509.RelativeDistinguishedName(
    [x509.NameAttribute(oid.NameOID.COMMON_NAME, "A"), x509.NameAttribute(oid.NameOID.ORGANIZATION_NAME, "B")]
)
REASONS = frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.aa_compromise})
LDAP = x509.UniformResourceIdentifier("ldap:///CN=A,CN=CDP,DC=a?certificateRevocationList?base?objectClass=x")  # AD CS
POINTS = [
    x509.DistributionPoint([LDAP, URI, x509.DirectoryName(NAME)], None, None, None),
    x509.DistributionPoint(None, RELATIVE, REASONS, [x509.DirectoryName(NAME)]),
    x509.DistributionPoint(None, None, None, [x509.DirectoryName(NAME)]),
]
ACCESSES = [x509.AccessDescription(oid.AuthorityInformationAccessOID.OCSP, each) for each in [*GENERAL_NAMES, LDAP]]
NOTICE = x509.UserNotice(x509.NoticeReference("An organization", [1, 200]), "A text")
POLICIES = [
    x509.PolicyInformation(POLICY, None),
    x509.PolicyInformation(OTHER_POLICY, ["http://a.example/cps", NOTICE, x509.UserNotice(None, "ä")]),
]
USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def key_usage(**usages: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**dict.fromkeys(USAGES, False) | usages)


KEY_ID = b"\x01" * 20
_TYPES: tuple[x509.ExtensionType, ...] = (
    x509.SubjectKeyIdentifier(KEY_ID),
    key_usage(digital_signature=True, key_cert_sign=True, crl_sign=True),
    key_usage(key_agreement=True, decipher_only=True),
    x509.SubjectAlternativeName(GENERAL_NAMES),
    x509.IssuerAlternativeName(GENERAL_NAMES),
    x509.BasicConstraints(ca=False, path_length=None),
    x509.BasicConstraints(ca=True, path_length=3),
    x509.NameConstraints(SUBTREES, SUBTREES[:1]),
    x509.NameConstraints(None, SUBTREES),
    x509.CRLDistributionPoints(POINTS),
    x509.FreshestCRL(POINTS),
    x509.CertificatePolicies(POLICIES),
    x509.AuthorityKeyIdentifier(KEY_ID, None, None),
    x509.AuthorityKeyIdentifier(KEY_ID, [x509.DirectoryName(NAME)], 1 << 127),
    x509.PolicyConstraints(0, 130),
    x509.PolicyConstraints(None, 1),
    x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.SERVER_AUTH, POLICY]),
    x509.InhibitAnyPolicy(200),
    x509.AuthorityInformationAccess(ACCESSES),
    x509.SubjectInformationAccess(ACCESSES),
    x509.TLSFeature([x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2]),
    x509.OCSPNoCheck(),
    x509.PrivateKeyUsagePeriod(datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
    x509.MSCertificateTemplate(POLICY, 1, 2),
)
# PolicyMappings and SubjectDirectoryAttributes (dateOfBirth), which cryptography does not know.
_OTHERS = {
    "2.5.29.33": ["300c300a" + "06032a0304" + "06032a0305"],
    "2.5.29.9": ["301f301d06082b06010505070901" + "3111180f31393730303130313030303030305a"],
}
VALID: list[tuple[str, bytes]] = [(each.oid.dotted_string, each.public_bytes()) for each in _TYPES]
VALID += [(number, bytes.fromhex(value)) for number, values in _OTHERS.items() for value in values]
