"""Mutations, each a function of a seeded random source: of octets, of text, of values as JSON has them, of DER."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

LENGTHS = (0, 1, 2, 63, 64, 65, 127, 128, 129, 253, 254, 255, 256, 1000, 4096)
LONG = (20_000, 70_000)
NASTY = (
    *("", " ", "\0", "a\0b", "\r\n", "\t", "\x7f", "'\"><script>alert(1)</script>", "=cmd|' /C calc'!A0"),
    *("${aws:username}", "{{7*7}}", "%00", "%", "%2e%2e%2f", "../../../etc/passwd", "..\\", "/", "//", "-1", "0"),
    *("1e999", "NaN", "true", "null", "[]", "{}"),
    *("\ud800", "\udfff", "\ufeff", "\u202eabc", "\u0130", "ß", "\ufb01", "é", "e\u0301", "日本", "💣"),
    *["*", "?", "arn:", "arn:aws:acm-pca:::template/EndEntityCertificate/V01", "arn:aws:acm-pca:*:*:*"],
    *["127.0.0.1", "169.254.169.254", "0x7f.1", "::1", "localhost", "xn--", "a..b", ".a", "*.*"],
    *("arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/", "-----BEGIN CERTIFICATE-----\n"),
    "a" * 64 + ".example",
)
NUMBERS = (
    *(0, -1, 1, 2, 127, 128, 255, 256, 32767, 65536, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53 + 1),
    *(2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**300),
)
TOKENS = (
    *(b"", b"\0", b"\xff", b"\x80", b"\xc3\x28", b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u0000", b"\\ud800"),
    *(b"1e999", b"-0", b"Infinity", b"NaN", b"null", b",", b":", b"0" * 400, b"9" * 5000, b"[" * 200, b'{"a":' * 200),
    *(b"%00", b"%", b"&", b"=", b";", b"--", b"\r\n", b"\r\n\r\n"),
    *(b"\x30\x80", b"\x30\x84\xff\xff\xff\xff"),  # DER: lengths that are indefinite, and too large
    *(b"\x9f\xff", b"\xbf\xff", b"\x5f", b"\xdb", b"\xd8\x1c", b"\xc1\x1a\xff\xff\xff\xff"),  # CBOR
    *(b"\xfb\x7f\xf0\0\0\0\0\0\0", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),  # CBOR: infinity, and a long list
)
TAGS = (1, 2, 3, 4, 5, 6, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E, 0x24, 0x30, 0x31, *range(0x80, 0x89), *range(0xA0, 0xA6))


def octets(rng: Random, data: bytes) -> bytes:
    """Change some octets: flip, insert, delete, repeat, cut, or splice a token in."""
    changed = bytearray(data)
    for _ in range(_few(rng)):
        at = rng.randrange(len(changed) + 1)
        rng.choice(_OCTETS)(rng, changed, at)
    return bytes(changed)


def _flipped(rng: Random, data: bytearray, at: int) -> None:
    data[at : at + 1] = bytes(octet ^ 1 << rng.randrange(8) for octet in data[at : at + 1])


def _replaced(rng: Random, data: bytearray, at: int) -> None:
    data[at : at + 1] = bytes((rng.randrange(256),))


def _spliced(rng: Random, data: bytearray, at: int) -> None:
    data[at:at] = rng.choice(TOKENS)


def _deleted(rng: Random, data: bytearray, at: int) -> None:
    del data[at : at + rng.choice((1, 1, 2, 8, 64))]


def _repeated(rng: Random, data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + rng.choice((1, 4, 32))] * rng.choice((1, 2, 16))


def _cut(rng: Random, data: bytearray, at: int) -> None:
    del data[at if rng.random() < 0.2 else len(data) - 1 :]


_OCTETS = (_flipped, _replaced, _spliced, _deleted, _repeated, _cut)


def text(rng: Random, value: str) -> str:
    """Change a text: by a nasty one, by length, by case, or in one place."""
    return rng.choice(_TEXTS)(rng, value)


def _at(rng: Random, value: str) -> tuple[str, str]:
    at = rng.randrange(len(value) + 1)
    return value[:at], value[at:]


def _with_nasty(rng: Random, value: str) -> str:
    before, after = _at(rng, value)
    return before + rng.choice(NASTY) + after


def _less_one(rng: Random, value: str) -> str:
    before, after = _at(rng, value)
    return before + after[1:]


def _sized(rng: Random, _value: str) -> str:
    size = rng.choice(LONG) if rng.random() < 0.03 else rng.choice(LENGTHS)
    return rng.choice("a1.ä💣 ") * size


_TEXTS: tuple[Callable[[Random, str], str], ...] = (
    lambda rng, _: rng.choice(NASTY),
    lambda rng, _: rng.choice(NASTY),
    lambda rng, value: (value or "a") * rng.choice((2, 3, 20)),
    _sized,
    lambda _, value: value.swapcase(),
    _less_one,
    _with_nasty,
    _with_nasty,
)


def value(rng: Random) -> Any:
    """Make up a value of any kind."""
    return rng.choice(_VALUES)(rng)


_VALUES: tuple[Callable[[Random], Any], ...] = (
    lambda rng: text(rng, "text"),
    lambda rng: text(rng, "7"),
    lambda rng: rng.choice(NUMBERS),
    lambda rng: rng.choice((True, False, None, 1.5, -0.0, 1e300)),
    lambda rng: octets(rng, b"octets"),
    lambda rng: nested(rng, rng.choice((1, 3, 10, 40))),
    lambda rng: [value(rng) for _ in range(rng.randrange(4))],
    lambda rng: {text(rng, "Key"): value(rng) for _ in range(rng.randrange(4))},
)


def nested(rng: Random, depth: int) -> Any:
    """Nest lists and structures."""
    made: Any = rng.choice(NASTY)
    for _ in range(depth):
        made = [made] if rng.random() < 0.5 else {"a": made}
    return made


def tree(rng: Random, request: dict[str, Any], pool: dict[str, list[Any]]) -> dict[str, Any]:
    """Change a request in some places: values of other kinds, from other requests, missing, unknown, or repeated."""
    changed = copy.deepcopy(request)
    for _ in range(_few(rng)):
        holder: Any = changed
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = rng.choice(keys)
            inner = holder[key]
            if isinstance(inner, dict | list) and inner and rng.random() < 0.75:
                holder = inner
                continue
            _change(rng, holder, key, pool)
            break
    return changed


def _change(rng: Random, holder: Any, key: Any, pool: dict[str, list[Any]]) -> None:
    luck, inner = rng.random(), holder[key]
    if luck < 0.12:
        del holder[key]
    elif luck < 0.25 and isinstance(holder, list):
        holder.extend([inner] * rng.choice((1, 2, 50, 300)))
    elif luck < 0.25:
        holder[text(rng, str(key))] = value(rng)
    elif luck < 0.4 and pool.get(key):
        holder[key] = copy.deepcopy(rng.choice(pool[key]))
    else:
        holder[key] = value(rng) if luck < 0.5 else _like(rng, inner)


def _like(rng: Random, inner: Any) -> Any:
    """Change a value into another one of its kind."""
    if isinstance(inner, str):
        return text(rng, inner)
    if isinstance(inner, bytes):
        return octets(rng, inner)
    return rng.choice(NUMBERS) if isinstance(inner, int) else value(rng)


def encoding(rng: Random, der: bytes) -> bytes:
    """Change elements of an encoding, whose lengths stay right; or else its octets."""
    if rng.random() < 0.25:
        return octets(rng, der)
    try:
        changed = der
        for _ in range(_few(rng)):
            changed = _element(rng, changed)
    except (IndexError, RecursionError):
        return octets(rng, der)
    return changed


def _element(rng: Random, der: bytes) -> bytes:
    """Go down to an element and change it; raises IndexError where the encoding cannot be read."""
    tag, start, end = head(der, 0)
    content = der[start:end]
    members = members_of(tag, content)
    if members and rng.random() < 0.85:
        at = rng.randrange(len(members))
        members[at : at + 1] = _members(rng, members, at)
        return element(tag, b"".join(members)) + der[end:]
    return rng.choice(_ELEMENTS)(rng, tag, content)


_ELEMENTS: tuple[Callable[[Random, int, bytes], bytes], ...] = (
    lambda rng, _, content: element(rng.choice(TAGS), content),
    lambda _, tag, __: element(tag, b""),
    lambda rng, tag, content: element(tag, octets(rng, content)),
    lambda rng, tag, content: element(tag, content * rng.choice((2, 3, 60))),
    lambda rng, tag, content: element(rng.choice((0x30, 0x31, 0xA0, 4, 3)), element(tag, content)),
    lambda rng, tag, _: element(tag, rng.choice(TOKENS)),
)


def _members(rng: Random, members: list[bytes], at: int) -> list[bytes]:
    """What comes instead of one member: usually itself, changed inside."""
    kind, member = rng.randrange(12), members[at]
    if kind == 0:
        return []
    if kind == 1:
        return [member] * rng.choice((2, 3, 40))
    if kind == 2:
        return [rng.choice(members), member]
    if kind == 3:
        deep = member
        for _ in range(rng.choice((1, 5, 25, 60))):
            deep = element(rng.choice((0x30, 0xA0)), deep)
        return [deep]
    return [_element(rng, member)]


def head(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, and where content begins and ends; raises IndexError where it is cut off."""
    tag, size, start = der[at], der[at + 1], at + 2
    if size >= 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count]), start + count
    if start + size > len(der):
        raise IndexError(at)
    return tag, start, start + size


def members_of(tag: int, content: bytes) -> list[bytes]:
    """The elements inside an element, also inside an OCTET STRING; empty if there are none."""
    if not tag & 0x20 and tag != 4:
        return []
    try:
        return split(content)
    except IndexError:
        return []


def split(content: bytes) -> list[bytes]:
    """The elements that fill a content."""
    members, at = [], 0
    while at < len(content):
        _, _, end = head(content, at)
        members.append(content[at:end])
        at = end
    return members


def element(tag: int, content: bytes) -> bytes:
    """An element with the length that it has."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _few(rng: Random) -> int:
    return rng.choice((1, 1, 1, 2, 2, 3, 6))
