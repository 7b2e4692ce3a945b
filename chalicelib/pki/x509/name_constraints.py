"""Name constraints: the subtrees of a CA certificate, read from their extension.

Source: RFC 5280 section 4.2.1.10; AWS Private CA User Guide, "RFC compliance" (the five forms that are enforced).
"""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import general_names, names

_PERMITTED, _EXCLUDED = 0xA0, 0xA1
FORMS = {
    general_names.MAIL: "email address",
    general_names.DNS: "DNS name",
    general_names.DIRECTORY: "directory name",
    general_names.URI: "URI",
    general_names.IP: "IP address",
}


class Subtree(NamedTuple):
    """The base of a subtree, a GeneralName: its tag and content; of a directory name the whole Name."""

    tag: int
    content: bytes


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """The subtrees of a CA certificate."""

    permitted: tuple[Subtree, ...]
    excluded: tuple[Subtree, ...]


def parse_name_constraints(value_der: bytes) -> NameConstraints:
    """Read the value of the extension.

    Raises:
        PkiError: it is malformed, or uses a form that is not enforced.
    """
    members = der.read(value_der).expect(der.SEQUENCE, "NameConstraints").children()
    if [member.tag for member in members] not in ([_PERMITTED], [_EXCLUDED], [_PERMITTED, _EXCLUDED]):
        raise PkiError("Name constraints have neither permitted nor excluded subtrees, or something else.")
    subtrees = {member.tag: tuple(map(_parse_subtree, member.children())) for member in members}
    if not all(subtrees.values()):
        raise PkiError("Name constraints hold an empty list of subtrees.")
    return NameConstraints(subtrees.get(_PERMITTED, ()), subtrees.get(_EXCLUDED, ()))


def _parse_subtree(subtree: der.Element) -> Subtree:
    parts = subtree.expect(der.SEQUENCE, "A subtree of name constraints").children()
    if len(parts) != 1:
        raise PkiError("A subtree of name constraints has a minimum or a maximum.")
    base = Subtree(parts[0].tag, parts[0].content)
    if base.tag not in FORMS:
        raise PkiError(f"Name constraints use a form (tag 0x{base.tag:02x}) that is not supported.")
    if base.tag == general_names.IP:
        if len(base.content) not in {8, 32}:
            raise PkiError("An IP address range of name constraints has neither 8 nor 32 octets.")
    elif base.tag == general_names.DIRECTORY:
        names.normalized(base.content)
    else:
        names.decode_string(der.IA5_STRING, base.content)
    return base
