"""The values of extensions that others signed: read as far as anything depends on them.

What is signed here has to keep the stricter `extension_rules`. Extensions without a row here are not read.

Source: RFC 5280 section 4.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import DerError, PkiError
from chalicelib.pki.x509 import extensions
from chalicelib.pki.x509.csr_gate import STRICT
from chalicelib.pki.x509.general_names import parse_general_names
from chalicelib.pki.x509.name_constraints import parse_name_constraints

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.csr_gate import Gate
    from chalicelib.pki.x509.extensions import Extension


class BasicConstraints(NamedTuple):
    """The value of BasicConstraints."""

    is_ca: bool
    path_length: int | None


def check_outline(extension: Extension, gate: Gate = STRICT) -> None:
    """Check that the value of an extension that is known is DER and has the outline of its kind.

    Raises:
        PkiError: it breaks a rule.
    """
    oid, _, value_der = extension
    try:
        if oid == oids.SUBJECT_ALTERNATIVE_NAME:
            parse_general_names(value_der, gate)
        elif oid in _OUTLINES:
            _OUTLINES[oid](der.parse(value_der))
    except PkiError as error:
        raise PkiError(f"The value of extension {extension.oid} is malformed. {error}") from error


def parse_basic_constraints(value_der: bytes) -> BasicConstraints:
    """Read BasicConstraints; an explicit cA of FALSE is tolerated, because old tools write it.

    Raises:
        DerError: it is malformed, or has a path length without being a CA.
    """
    members = der.read(value_der).expect(der.SEQUENCE, "BasicConstraints").children()
    tags = [member.tag for member in members]
    if tags not in ([], [der.BOOLEAN], [der.BOOLEAN, der.INTEGER]):
        raise DerError("BasicConstraints have other members than cA and pathLenConstraint.")
    is_ca = bool(members) and members[0].content == b"\xff"
    if len(members) == 2 and not is_ca:
        raise DerError("BasicConstraints have a path length without being a CA's.")
    return BasicConstraints(is_ca, der.unsigned(members[1], "A path length") if len(members) == 2 else None)


@lru_cache(maxsize=64)
def key_usages(value_der: bytes) -> frozenset[str]:
    """List the API's names of the bits that are set in a KeyUsage.

    Raises:
        DerError: it is malformed, not minimal, or sets no bit.
    """
    bits = der.bits(der.read(value_der).expect(der.BIT_STRING, "KeyUsage").content)
    if not bits or len(bits) > len(extensions.KEY_USAGE_BITS) or not bits[-1]:
        raise DerError("KeyUsage sets no bit, unknown bits, or is not encoded minimally.")
    return frozenset(name for name, bit in zip(extensions.KEY_USAGE_BITS, bits, strict=False) if bit)


def purposes(value_der: bytes) -> frozenset[str]:
    """The object identifiers of an ExtendedKeyUsage.

    Raises:
        DerError: it is malformed or empty.
    """
    root = der.read(value_der)
    _check_purposes(root)
    return frozenset(map(der.oid_text, root.children()))


def _check_list(root: Element) -> None:
    if not root.expect(der.SEQUENCE, "The list").children():
        raise DerError("The list is empty.")


def _check_purposes(root: Element) -> None:
    _check_list(root)
    for purpose in root.children():
        purpose.expect(der.OID, "A purpose")


_OUTLINES: dict[str, Callable[[Element], object]] = {
    oids.SUBJECT_KEY_IDENTIFIER: lambda root: root.expect(der.OCTET_STRING, "SubjectKeyIdentifier"),
    oids.KEY_USAGE: lambda root: key_usages(root.der),
    oids.BASIC_CONSTRAINTS: lambda root: parse_basic_constraints(root.der),
    oids.NAME_CONSTRAINTS: lambda root: parse_name_constraints(root.der),
    oids.CRL_DISTRIBUTION_POINTS: _check_list,
    oids.CERTIFICATE_POLICIES: _check_list,
    oids.POLICY_MAPPINGS: _check_list,
    oids.AUTHORITY_KEY_IDENTIFIER: lambda root: root.expect(der.SEQUENCE, "AuthorityKeyIdentifier"),
    oids.POLICY_CONSTRAINTS: _check_list,
    oids.EXTENDED_KEY_USAGE: _check_purposes,
    oids.INHIBIT_ANY_POLICY: lambda root: der.unsigned(root, "InhibitAnyPolicy"),
    oids.AUTHORITY_INFORMATION_ACCESS: _check_list,
    oids.SUBJECT_INFORMATION_ACCESS: _check_list,
}
