"""Whether the value of an extension is what its object identifier promises.

Extensions without a row here are opaque: they must be DER where they are copied, and are not looked into.

Source: RFC 5280 section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki import der, extensions
from chalicelib.pki.errors import DerError, PkiError
from chalicelib.pki.general_names import parse_general_names
from chalicelib.pki.name_constraints import parse_name_constraints

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.pki.der import Element
    from chalicelib.pki.extensions import Extension


class BasicConstraints(NamedTuple):
    """The value of BasicConstraints."""

    is_ca: bool
    path_length: int | None


def check_value(extension: Extension) -> None:
    """Check that the value is DER, and well formed if the extension is one of RFC 5280.

    Raises:
        PkiError: which rule it breaks.
    """
    try:
        root = der.parse(extension.value_der)
        if extension.oid in _CHECKS:
            _CHECKS[extension.oid](root)
    except PkiError as error:
        raise PkiError(f"The value of extension {extension.oid} is malformed. {error}") from error


def is_opaque(extension: Extension) -> bool:
    """Whether nothing is known of the value."""
    return extension.oid not in _CHECKS


def parse_basic_constraints(value_der: bytes) -> BasicConstraints:
    """Read BasicConstraints; a cA of FALSE that is written out is tolerated, as old tools write it.

    Raises:
        DerError: it is malformed, or has a path length without being a CA.
    """
    members = list(der.read(value_der).expect(der.SEQUENCE, "BasicConstraints").children())
    tags = [member.tag for member in members]
    if tags not in ([], [der.BOOLEAN], [der.BOOLEAN, der.INTEGER]):
        raise DerError("BasicConstraints have other members than cA and pathLenConstraint.")
    is_ca = bool(members) and members[0].content == b"\xff"
    if len(members) == 2 and not is_ca:
        raise DerError("BasicConstraints have a path length without being a CA's.")
    return BasicConstraints(is_ca, der.unsigned(members[1], "A path length") if len(members) == 2 else None)


def key_usages(value_der: bytes) -> frozenset[str]:
    """The API's names of the bits that are set in a KeyUsage.

    Raises:
        DerError: it is malformed, not minimal, or sets no bit.
    """
    content = der.read(value_der).expect(der.BIT_STRING, "KeyUsage").content
    bits = [bool(octet & 0x80 >> position) for octet in content[1:] for position in range(8)]
    found = [name for name, bit in zip(extensions.KEY_USAGE_BITS, bits, strict=False) if bit]
    if not found or der.named_bits(bits[: len(extensions.KEY_USAGE_BITS)]) != value_der:
        raise DerError("KeyUsage sets no bit, unknown bits, or is not encoded minimally.")
    return frozenset(found)


def _check_list(root: Element) -> None:
    if not list(root.expect(der.SEQUENCE, "The list").children()):
        raise DerError("The list is empty.")


def _check_purposes(root: Element) -> None:
    _check_list(root)
    for purpose in root.children():
        purpose.expect(der.OID, "A purpose")


_CHECKS: dict[str, Callable[[Element], object]] = {
    extensions.SUBJECT_KEY_IDENTIFIER: lambda root: root.expect(der.OCTET_STRING, "SubjectKeyIdentifier"),
    extensions.KEY_USAGE: lambda root: key_usages(root.der),
    extensions.SUBJECT_ALTERNATIVE_NAME: lambda root: parse_general_names(root.der),
    extensions.BASIC_CONSTRAINTS: lambda root: parse_basic_constraints(root.der),
    extensions.NAME_CONSTRAINTS: lambda root: parse_name_constraints(root.der),
    extensions.CRL_DISTRIBUTION_POINTS: _check_list,
    extensions.CERTIFICATE_POLICIES: _check_list,
    extensions.POLICY_MAPPINGS: _check_list,
    extensions.AUTHORITY_KEY_IDENTIFIER: lambda root: root.expect(der.SEQUENCE, "AuthorityKeyIdentifier"),
    extensions.POLICY_CONSTRAINTS: _check_list,
    extensions.EXTENDED_KEY_USAGE: _check_purposes,
    extensions.INHIBIT_ANY_POLICY: lambda root: der.unsigned(root, "InhibitAnyPolicy"),
    extensions.AUTHORITY_INFORMATION_ACCESS: _check_list,
    extensions.SUBJECT_INFORMATION_ACCESS: _check_list,
}
