"""What each certificate template fixes: every extension with its criticality and its bytes, and no other extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from chalicelib.conformance import material
from chalicelib.conformance.sources import about, guide

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

DEFINITIONS = guide("template-definitions")
NO_CA, CA = bytes.fromhex("3000"), bytes.fromhex("30030101ff")
# Minimal BIT STRINGs, as the guide's sample certificates have them.
SIGNS_AND_ENCIPHERS, SIGNS, SIGNS_FOR_A_CA = (bytes.fromhex(value) for value in ("030205a0", "03020780", "03020186"))
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ALL = ("", "_APIPassthrough", "_CSRPassthrough", "_APICSRPassthrough")
PASSTHROUGH = ALL[1:]


def path_length(depth: int) -> bytes:
    return bytes.fromhex("30060101ff0201") + bytes([depth])


@dataclass(frozen=True)
class Profile:
    """What a template fixes; None: it has no such extension.

    Attributes:
        variants: what its names end with.
        constraints: BasicConstraints, critical and value.
        usage: KeyUsage, which is critical.
        purposes: ExtendedKeyUsage, critical and identifiers.
    """

    variants: tuple[str, ...]
    constraints: tuple[bool, bytes]
    usage: bytes | None = None
    purposes: tuple[bool, list[x509.ObjectIdentifier]] | None = None

    def extensions(self) -> dict[str, tuple[bool, bytes]]:
        """The extensions but the key identifiers, whose values depend on keys."""
        found = {"2.5.29.19": self.constraints}
        if self.usage:
            found["2.5.29.15"] = (True, self.usage)
        if self.purposes:
            found["2.5.29.37"] = (self.purposes[0], x509.ExtendedKeyUsage(self.purposes[1]).public_bytes())
        return found


PROFILES = {
    "EndEntityCertificate": Profile(ALL, (False, NO_CA), SIGNS_AND_ENCIPHERS, (False, [SERVER, CLIENT])),
    "EndEntityClientAuthCertificate": Profile(ALL, (False, NO_CA), SIGNS_AND_ENCIPHERS, (False, [CLIENT])),
    "EndEntityServerAuthCertificate": Profile(ALL, (False, NO_CA), SIGNS_AND_ENCIPHERS, (False, [SERVER])),
    "CodeSigningCertificate": Profile(ALL, (False, NO_CA), SIGNS, (True, [ExtendedKeyUsageOID.CODE_SIGNING])),
    "OCSPSigningCertificate": Profile(ALL, (False, NO_CA), SIGNS, (True, [ExtendedKeyUsageOID.OCSP_SIGNING])),
    **{
        f"SubordinateCACertificate_PathLen{depth}": Profile(ALL, (True, path_length(depth)), SIGNS_FOR_A_CA)
        for depth in range(4)
    },
    "RootCACertificate": Profile(ALL[:2], (True, CA), SIGNS_FOR_A_CA),
    "BlankEndEntityCertificate": Profile(PASSTHROUGH, (False, NO_CA)),
    "BlankEndEntityCertificate_CriticalBasicConstraints": Profile(PASSTHROUGH, (True, NO_CA)),
    **{
        f"BlankSubordinateCACertificate_PathLen{depth}": Profile(PASSTHROUGH, (True, path_length(depth)))
        for depth in range(4)
    },
    "BlankRootCACertificate": Profile(("_APIPassthrough",), (True, CA)),
    **{
        f"BlankRootCACertificate_PathLen{depth}": Profile(("_APIPassthrough",), (True, path_length(depth)))
        for depth in range(4)
    },
}


def named(*, roots: bool) -> pytest.MarkDecorator:
    """The templates for roots, or all others."""
    chosen = [(name, each) for name, each in PROFILES.items() if ("RootCA" in name) == roots]
    return pytest.mark.parametrize(
        ("template", "profile"),
        [pytest.param(name + end, each, id=name + end) for name, each in chosen for end in each.variants],
    )


def fixed(certificate: x509.Certificate) -> dict[str, Any]:
    """The extensions of a certificate but the key identifiers."""
    identifiers = {"2.5.29.14", "2.5.29.35"}
    found = {each: material.extension(certificate, each) for each in material.oids(certificate.extensions)}
    return {name: value for name, value in found.items() if name not in identifiers}


@about("IssueCertificate", DEFINITIONS, certificates=1)
@named(roots=False)
def test_template_fixes_the_extensions(target: Target, issuer: Authority, template: str, profile: Profile) -> None:
    found = issuer.certificate_of(material.csr(), TemplateArn=target.template(template))
    assert fixed(found) == profile.extensions()
    above = issuer.own.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.public_bytes()
    authority = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert (authority.critical, authority.value.key_identifier) == (False, above[2:])
    subject = found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert (subject.critical, subject.value) == (False, material.identifier(found.public_key()))


@about("IssueCertificate", DEFINITIONS, certificates=1)
@named(roots=True)
def test_template_of_roots_fixes_the_extensions(
    target: Target, waiting_root: Authority, template: str, profile: Profile
) -> None:
    request = target.csr(waiting_root.arn).encode()
    found = waiting_root.certificate_of(request, TemplateArn=target.template(template))
    assert fixed(found) == profile.extensions()
    assert "2.5.29.35" not in material.oids(found.extensions)
    subject = found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert (subject.critical, subject.value) == (False, material.identifier(found.public_key()))
    assert found.subject == found.issuer
    found.verify_directly_issued_by(found)
