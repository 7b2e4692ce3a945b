"""The comparison of a CA's present certificate with the one that would replace it, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.console import text
from chalicelib.console.forms import renewal_form
from chalicelib.pki.asn1 import oids
from chalicelib.pki.x509 import display
from chalicelib.pki.x509.display_extensions import colons

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.pki.paths import Path

_SHOWN = frozenset({oids.BASIC_CONSTRAINTS, oids.SUBJECT_KEY_IDENTIFIER, oids.AUTHORITY_KEY_IDENTIFIER})


class Row(NamedTuple):
    """A property of the two certificates."""

    label: str
    before: str
    after: str


def rows(before: Path, after: Path) -> list[Row]:
    """The properties of two certificates of a CA, each with its chain."""
    facts = [Row(label, value(before), value(after)) for label, value in _FACTS.items()]
    return facts + _extensions(before, after)


def _length(path: Path) -> str:
    amount, unit = renewal_form.length_of(path[0].not_before, path[0].not_after)
    name = renewal_form.UNITS[unit]
    return f"{amount} {name.removesuffix('s') if amount == '1' else name}"


def _path_length(path: Path) -> str:
    length = path[0].path_length
    return "any number of levels" if length is None else f"{length} {'level' if length == 1 else 'levels'} of CAs below"


def _issuer(path: Path) -> str:
    return " ← ".join(link.name[:80] for link in path[1:]) or "itself"


_FACTS: dict[str, Callable[[Path], str]] = {
    "Signed by": _issuer,
    "Valid from": lambda path: text.utc(path[0].not_before),
    "Expires": lambda path: text.utc(path[0].not_after),
    "Length": _length,
    "Path length": _path_length,
    "Serial number": lambda path: arns.serial_pairs(path[0].serial_number) if path[0].serial_number else "new",
    "Serial numbers above it": lambda path: ", ".join(f"{link.serial_number:x}" for link in path[1:]) or "none",
    "Key identifier": lambda path: colons(path[0].key_identifier),
}


def _extensions(before: Path, after: Path) -> list[Row]:
    """The other extensions; one that only one of them has is "none" in the other."""
    old, new = ({each.oid: each for each in path[0].extensions if each.oid not in _SHOWN} for path in (before, after))
    found = []
    for oid in old | new:
        sections = [display.of_extension(each[oid]) if oid in each else None for each in (old, new)]
        title = next(section.title for section in sections if section is not None)
        found.append(Row(title, *(_words(section) for section in sections)))
    return found


def _words(section: display.Section | None) -> str:
    if section is None:
        return "none"
    critical = "; critical" if section.critical else ""
    return "; ".join(line.value for line in section.lines) + critical
