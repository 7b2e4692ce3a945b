"""Keys in rows of SQLite: the digits of UUIDs, serial numbers, times and accounts take half of their text's bytes.

A key of a kind in `_KINDS` is packed into byte strings; any other stays text. Packed sort keys have the order of the
keys, and `bound` finds the place of any text among them. Codes and forms are in every database: a change of them is a
migration.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.store import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

Packed = bytes | str
_ABOVE = b"\xff" * 64  # longer than what follows in any key
_UUID, _SERIAL, _HASH, _TIME, _ACCOUNT = "x8-x4-x4-x4-x12", "x32", "x64", "d20", "d12"


class _Digits:
    """Text of a fixed length: groups of hexadecimal digits, with a separator behind each but the last."""

    def __init__(self, form: str) -> None:
        groups = re.findall(r"([dx])(\d+)(\D?)", form)
        alphabets = {"d": "0-9", "x": "0-9a-f"}
        self.pattern = "".join(f"[{alphabets[kind]}]{{{size}}}{after}" for kind, size, after in groups)
        self.octets = sum(int(size) for _, size, _ in groups) // 2
        self.separators = sorted({after for *_, after in groups if after})
        self._form = "".join(f"%s{after}" for *_, after in groups)
        ends = [sum(int(size) for _, size, _ in groups[: number + 1]) for number in range(len(groups))]
        self._slices = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
        self._whole, self._zeros = re.compile(self.pattern), self.unpack(bytes(self.octets))

    def pack(self, text: str) -> bytes:
        for separator in self.separators:
            text = text.replace(separator, "")
        return bytes.fromhex(text)

    def unpack(self, packed: bytes) -> str:
        digits = packed.hex()
        return self._form % tuple([digits[each] for each in self._slices])

    def below(self, text: str) -> int:
        """Count the texts of this form, with any digits, that are below another text."""
        filled = text + self._zeros[len(text) :]
        if self._whole.fullmatch(filled):
            return int.from_bytes(self.pack(filled))
        low, high = 0, 1 << 8 * self.octets
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.unpack(middle.to_bytes(self.octets)) < text else (low, middle)
        return low


class _Sort(NamedTuple):
    """The form of sort keys: parts of any text, each with a separator behind it, and then digits."""

    pattern: re.Pattern[str]
    digits: _Digits
    length: int
    head: re.Pattern[str]

    def pack(self, sk: str) -> Packed:
        if self.pattern.fullmatch(sk) is None:
            return sk
        digits = sk[-self.length :]
        for separator in self.digits.separators:  # as in `_Digits.pack`; most calls come here
            digits = digits.replace(separator, "")
        return sk[: -self.length].encode() + bytes.fromhex(digits)

    def unpack(self, packed: bytes) -> str:
        octets = self.digits.octets
        return packed[:-octets].decode() + self.digits.unpack(packed[-octets:])


def _sort(form: str, texts: int = 0) -> _Sort:
    digits, head = _Digits(form), f"[^{SEPARATOR}]*{SEPARATOR}" * texts
    return _Sort(re.compile(head + digits.pattern), digits, len(digits.unpack(bytes(digits.octets))), re.compile(head))


class _Kind:
    """The keys of a kind: its partition keys have digits and then any text, by which there are several partitions."""

    def __init__(self, code: int, prefix: str, form: str, sort: _Sort | None = None) -> None:
        self.code, self.sort, self._prefix, self._digits = bytes([code]), sort, f"{prefix}#", _Digits(form)
        self._pattern = re.compile(f"{re.escape(self._prefix)}({self._digits.pattern})((?:#[^#]+)?)")

    def pack(self, pk: str) -> Packed:
        match = self._pattern.fullmatch(pk)
        return pk if match is None else self.code + self._digits.pack(match[1]) + match[2].encode()

    def unpack(self, packed: bytes) -> str:
        end = 1 + self._digits.octets
        return self._prefix + self._digits.unpack(packed[1:end]) + packed[end:].decode()


_COUNTED = _sort(f"{_TIME}#{_UUID}#{_SERIAL}")
_LISTED = _sort(f"{_TIME}#{_SERIAL}")
_BY_SERIAL = _sort(_SERIAL)
_KINDS = {  # by code in the order of their names, so that a copy in this order fills the pages
    "CERT": (_Kind(1, "CERT", f"{_UUID}#{_SERIAL}"),),
    "COUNT": tuple(
        _Kind(code, f"COUNT#{time}", _ACCOUNT, _COUNTED)
        for code, time in enumerate(("expires", "issued", "revoked"), 2)
    ),
    "FIND": (_Kind(5, "FIND", _UUID, _sort(f"{_TIME}{SEPARATOR}{_SERIAL}", texts=2)),),
    "LIST": (_Kind(6, "LIST", _UUID, _LISTED),),
    "NEW": (_Kind(7, "NEW", _UUID, _BY_SERIAL),),
    "REV": (_Kind(8, "REV", _UUID, _BY_SERIAL),),
    "REVOKED": (_Kind(9, "REVOKED", _UUID, _LISTED),),
    "TOKEN": (_Kind(10, "TOKEN", _HASH),),
}
_BY_CODE = {kind.code[0]: kind for kinds in _KINDS.values() for kind in kinds}
_SORT_BY_CODE = {code: kind.sort for code, kind in _BY_CODE.items()}


def pack(pk: str, sk: str) -> tuple[Packed, Packed]:
    """Pack a key; a sort key that has not the form of its kind stays text."""
    packed = partition(pk)
    sort = None if isinstance(packed, str) else _SORT_BY_CODE[packed[0]]
    return packed, sk if sort is None else sort.pack(sk)


@lru_cache(maxsize=4096)  # a certificate's search entries are in one partition
def partition(pk: str) -> Packed:
    """Pack a partition key."""
    for kind in _KINDS.get(pk.partition("#")[0], ()):
        packed = kind.pack(pk)
        if packed is not pk:
            return packed
    return pk


def unpack(pk: Packed, sk: Packed) -> tuple[str, str]:
    """The inverse of `pack`."""
    if isinstance(pk, str):
        return pk, str(sk)
    kind = _BY_CODE[pk[0]]
    return kind.unpack(pk), sk if isinstance(sk, str) else kind.sort.unpack(sk)  # type: ignore[union-attr]  # it has packed this one


def bounds(packed: Packed, sks: Sequence[str]) -> list[Packed]:
    """Return what compares with the packed sort keys of a partition as texts do with the sort keys.

    Args:
        packed: the partition, as `partition` makes it.
        sks: any texts, whether they have the form of a sort key or not.
    """
    sort = None if isinstance(packed, str) else _BY_CODE[packed[0]].sort
    return [sk if sort is None or not sk else _bound(sort, sk) for sk in sks]


@lru_cache(maxsize=1024)  # many are the ends of a list
def _bound(sort: _Sort, sk: str) -> Packed:
    exact = sort.pack(sk)
    if isinstance(exact, bytes):
        return exact
    match = sort.head.match(sk)
    if match is None:
        return sk.encode()
    head, number = match[0].encode(), sort.digits.below(sk[match.end() :])
    return head + (number - 1).to_bytes(sort.digits.octets) + _ABOVE if number else head
