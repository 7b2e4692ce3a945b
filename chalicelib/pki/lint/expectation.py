"""What a certificate has to be, taken from the request and the records, not from the plan.

Source: AWS Private CA User Guide, "Certificate template definitions".
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import LintError
from chalicelib.pki.x509.csr_gate import STRICT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.pki.x509.csr import CertificateRequest
    from chalicelib.pki.x509.csr_gate import Gate
    from chalicelib.pki.x509.issuer import Issuer

_OCSP_ACCESS = bytes.fromhex("06082b06010505073001")
_PASSTHROUGH_MEMBERS = {
    "CertificatePolicies": oids.CERTIFICATE_POLICIES,
    "ExtendedKeyUsage": oids.EXTENDED_KEY_USAGE,
    "KeyUsage": oids.KEY_USAGE,
    "SubjectAlternativeNames": oids.SUBJECT_ALTERNATIVE_NAME,
}


class Value(NamedTuple):
    """An extension that a template fixes: whether it is critical, and the DER of its value."""

    critical: bool
    value_der: bytes


class Profile(NamedTuple):
    """What the name of a template promises.

    Attributes:
        drops_crl_points: the certificate has no CRL distribution point, whoever asks for one.
        fixed: the extensions that the template fixes, by object identifier.
        from_api: the certificate has what ApiPassthrough asks for.
        from_csr: the certificate has every extension of the CSR, not the subject alternative names alone.
    """

    is_ca: bool
    is_root: bool
    drops_crl_points: bool
    fixed: Mapping[str, Value]
    from_api: bool
    from_csr: bool


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the certificate of a request has to be.

    Attributes:
        template: the name of the template that the request names, without version.
        serial_number, not_before, not_after: what the record of the certificate says.
        crl_url: the CRL distribution point; None: the CA gives none.
        ocsp_url: the address of the OCSP responder; None: the CA gives none.
        api_passthrough: `ApiPassthrough` of the API.
        identifier_der: the AlgorithmIdentifier of the signing algorithm.
        gate: that the CSR has passed; its names are held to no more.
    """

    template: str
    issuer: Issuer
    request: CertificateRequest
    api_passthrough: Mapping[str, Any] | None
    identifier_der: bytes
    serial_number: int
    not_before: datetime
    not_after: datetime
    crl_url: str | None
    ocsp_url: str | None
    gate: Gate = STRICT

    @cached_property
    def profile(self) -> Profile:
        """What the template's name promises."""
        return profile_of(self.template)

    @cached_property
    def passthrough(self) -> Mapping[str, Any]:
        """ApiPassthrough, where the template's name says that it counts."""
        return self.api_passthrough if self.profile.from_api and self.api_passthrough else {}

    @cached_property
    def asked(self) -> frozenset[str]:
        """The extensions that ApiPassthrough asks for, by object identifier."""
        return _asked(self.passthrough.get("Extensions", {}))

    def extension_oids(self) -> frozenset[str]:
        """List the extensions that the certificate must have, no more and no fewer."""
        profile = self.profile
        requested = {
            extension.oid
            for extension in self.request.extensions
            if profile.from_csr or extension.oid == oids.SUBJECT_ALTERNATIVE_NAME
        }
        requested |= self.asked
        if profile.drops_crl_points:
            requested.discard(oids.CRL_DISTRIBUTION_POINTS)
        return frozenset(requested.union(profile.fixed, self.of_ca))

    @cached_property
    def of_ca(self) -> dict[str, bytes]:
        """What the CA says of keys and revocation, by extension: key identifiers and addresses.

        That of AuthorityInformationAccess is an access method and a URI, the others stand alone in their extension.
        """
        _, key_bits = der.read(self.request.spki_der).children()
        found = {oids.SUBJECT_KEY_IDENTIFIER: hashlib.sha1(key_bits.content[1:], usedforsecurity=False).digest()}
        if self.profile.is_root:
            return found
        found[oids.AUTHORITY_KEY_IDENTIFIER] = self.issuer.key_identifier
        if self.crl_url is not None:
            found[oids.CRL_DISTRIBUTION_POINTS] = self.crl_url.encode()
        if self.ocsp_url is not None:
            found[oids.AUTHORITY_INFORMATION_ACCESS] = _OCSP_ACCESS + der.tlv(0x86, self.ocsp_url.encode())
        return found


def _asked(asked: Mapping[str, Any]) -> frozenset[str]:
    if not asked:
        return frozenset()
    named = {oid for member, oid in _PASSTHROUGH_MEMBERS.items() if member in asked}
    if not any(asked.get("KeyUsage", {}).values()):
        named.discard(oids.KEY_USAGE)
    custom = (custom["ObjectIdentifier"] for custom in asked.get("CustomExtensions", ()))
    return frozenset(named | {der.canonical_oid(dotted) for dotted in custom})


@cache
def profile_of(name: str) -> Profile:
    """Read a template's name.

    Raises:
        LintError: it names no template that AWS documents.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise LintError("template_unknown", f"No profile is written down for the template {name[:128]}.")
    kind, depth, variety = _KINDS[match["kind"]], match["depth"], match["variety"] or ""
    length = b"" if depth is None else bytes((2, 1, int(depth)))
    content = b"\x01\x01\xff" + length if kind.is_ca else b""
    critical = kind.is_ca or match["critical"] is not None
    fixed = {oids.BASIC_CONSTRAINTS: Value(critical, bytes((0x30, len(content))) + content)}
    if not match["blank"]:
        fixed |= kind.usages
    return Profile(
        is_ca=kind.is_ca,
        is_root=kind.is_root,
        drops_crl_points=kind.is_root and not match["blank"],
        fixed=fixed,
        from_api="API" in variety,
        from_csr="CSR" in variety,
    )


class _Kind(NamedTuple):
    """The usages that a kind of template fixes; nothing of them in its blank variety."""

    usages: Mapping[str, Value]
    is_ca: bool = False
    is_root: bool = False


def _usages(key_usage: str, *purposes: str, critical: bool = False) -> dict[str, Value]:
    """KeyUsage and ExtendedKeyUsage, by the hex of the whole value and by the last octets of purposes under id-kp."""
    usages = {oids.KEY_USAGE: Value(critical=True, value_der=bytes.fromhex(key_usage))}
    if purposes:
        content = b"".join(bytes.fromhex(f"06082b060105050703{purpose}") for purpose in purposes)
        usages[oids.EXTENDED_KEY_USAGE] = Value(critical, bytes((0x30, len(content))) + content)
    return usages


_DIGITAL_SIGNATURE, _WITH_ENCIPHERMENT, _CERT_AND_CRL_SIGN = "03020780", "030205a0", "03020186"
_SERVER, _CLIENT, _CODE, _OCSP = "01", "02", "03", "09"
_KINDS = {
    "EndEntity": _Kind(_usages(_WITH_ENCIPHERMENT, _SERVER, _CLIENT)),
    "EndEntityClientAuth": _Kind(_usages(_WITH_ENCIPHERMENT, _CLIENT)),
    "EndEntityServerAuth": _Kind(_usages(_WITH_ENCIPHERMENT, _SERVER)),
    "CodeSigning": _Kind(_usages(_DIGITAL_SIGNATURE, _CODE, critical=True)),
    "OCSPSigning": _Kind(_usages(_DIGITAL_SIGNATURE, _OCSP, critical=True)),
    "SubordinateCA": _Kind(_usages(_CERT_AND_CRL_SIGN), is_ca=True),
    "RootCA": _Kind(_usages(_CERT_AND_CRL_SIGN), is_ca=True, is_root=True),
}
_NAME = re.compile(
    rf"(?P<blank>Blank)?(?P<kind>{'|'.join(_KINDS)})Certificate(?:_PathLen(?P<depth>[0-3]))?"
    r"(?:_(?P<critical>CriticalBasicConstraints))?(?:_(?P<variety>API|CSR|APICSR)Passthrough)?"
)
