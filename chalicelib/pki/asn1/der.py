"""Writing DER, and reading it strictly: definite minimal lengths, bounded depth, nothing left over.

Source: ITU-T X.690 sections 8 and 10.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki.errors import DerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING, IA5_STRING = 0x0C, 0x13, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
MAX_DEPTH = 24
# The defects in words for people who pasted it or chose the file.
_CUT_OFF = "It is incomplete or damaged: its parts are longer than the whole. Copy all of it again."
_DAMAGED = "It is damaged: a length in it makes no sense."
_BER = "It is not strict DER: a length takes more octets than it needs. Convert it, for example with OpenSSL."
_MORE = "Something follows its end. Remove what does not belong to it."
_OTHER = "{what} is not where it belongs: this is damaged, or something of another kind."
MAX_OID_BYTES, MAX_ARC_BITS = 63, 128  # other libraries read no more


# writing


def tlv(tag: int, *parts: bytes | memoryview) -> bytes:
    """An element of the given tag octet whose content is the parts joined."""
    return b"".join(pieces(tag, parts))


def pieces(tag: int, parts: Sequence[bytes | memoryview]) -> tuple[bytes | memoryview, ...]:
    """The parts of an element, not joined: its head comes first."""
    size = sum(map(len, parts))
    if size < 0x80:
        return bytes((tag, size)), *parts
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets, *parts


def sequence(*parts: bytes | memoryview) -> bytes:
    """A SEQUENCE."""
    return tlv(SEQUENCE, *parts)


def integer(value: int) -> bytes:
    """An INTEGER, zero or positive."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


@lru_cache(maxsize=1024)
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER.

    Raises:
        DerError: it is too long, or a number in it too large.
    """
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b"".join(_base128(arc) for arc in (40 * first + second, *rest))
    if not is_oid_content(content):
        raise DerError(f"The object identifier {dotted} is longer than any that can be read everywhere.")
    return tlv(OID, content)


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | arc & 0x7F)
    return bytes(reversed(octets))


def bit_string(content: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\x00", content)


def named_bits(bits: list[bool]) -> bytes:
    """A BIT STRING of named bits: without trailing zero bits (X.690 section 11.2.2)."""
    while bits and not bits[-1]:
        bits = bits[:-1]
    unused = -len(bits) % 8
    value = sum(1 << (len(bits) + unused - 1 - position) for position, bit in enumerate(bits) if bit)
    return tlv(BIT_STRING, bytes((unused,)), value.to_bytes((len(bits) + unused) // 8))


def boolean_true() -> bytes:
    """BOOLEAN TRUE."""
    return tlv(BOOLEAN, b"\xff")


# reading


class Element(NamedTuple):
    """An element inside its buffer: tag octet, and where it, its content and what follows it begin."""

    buffer: bytes
    tag: int
    start: int
    content_start: int
    end: int

    @property
    def der(self) -> bytes:
        """The whole element."""
        return self.buffer[self.start : self.end]

    @property
    def content(self) -> bytes:
        """The octets inside."""
        return self.buffer[self.content_start : self.end]

    def children(self) -> list[Element]:
        """The elements inside, which must fill it exactly."""
        buffer, _, _, position, limit = self
        found = []
        while position < limit:
            content_start = position + 2
            # Most heads are short, and are read here: the call would cost more than the rest.
            if (
                content_start > limit
                or (size := buffer[position + 1]) >= 0x80
                or (end := content_start + size) > limit
                or (tag := buffer[position]) & 0x1F == 0x1F
            ):
                tag, content_start, end = _head(buffer, position, limit)
            found.append(_make(Element, (buffer, tag, position, content_start, end)))
            position = end
        return found

    def expect(self, tag: int, what: str) -> Element:
        """This element, if it has that tag."""
        if self.tag != tag:
            raise DerError(f"{what} has tag 0x{self.tag:02x} instead of 0x{tag:02x}.", reason=_OTHER.format(what=what))
        return self


_make = tuple.__new__  # an Element without a call of its constructor in Python: issuing makes a hundred


def read(buffer: bytes, start: int = 0, limit: int | None = None) -> Element:
    """The element that begins at `start` and ends at `limit` at the latest.

    Raises:
        DerError: it is not strict DER.
    """
    tag, content_start, end = _head(buffer, start, len(buffer) if limit is None else limit)
    return _make(Element, (buffer, tag, start, content_start, end))


def _head(buffer: bytes, start: int, limit: int) -> tuple[int, int, int]:
    """The tag of an element, and where its content and what follows it begin; errors as in `read`."""
    if limit - start < 2:
        raise DerError("An element is cut off.", reason=_CUT_OFF)
    tag, size, content_start = buffer[start], buffer[start + 1], start + 2
    if tag & 0x1F == 0x1F:
        raise DerError("A tag number above 30 is not used in certificates.")
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or limit - content_start < count:
            raise DerError("A length is indefinite, too large or cut off.", reason=_DAMAGED)
        size = int.from_bytes(buffer[content_start : content_start + count])
        if size < 0x80 or size < 1 << (8 * (count - 1)):
            raise DerError("A length is not encoded minimally.", reason=_BER)
        content_start += count
    end = content_start + size
    if end > limit:
        raise DerError("An element is longer than what holds it.", reason=_CUT_OFF)
    return tag, content_start, end


def parse(buffer: bytes) -> Element:
    """Parse the one element that fills the buffer, and check everything inside it.

    Raises:
        DerError: it is not strict DER, nested too deeply, or followed by something.
    """
    root = read(buffer)
    if root.end != len(buffer):
        raise DerError("Something follows the outermost element.", reason=_MORE)
    _check(buffer)
    return root


def _check(buffer: bytes) -> None:
    """Check the elements that fill a buffer, and everything inside them, in one pass."""
    position, limit = 0, len(buffer)
    around: list[int] = []  # where the elements end that hold this position, from the outermost
    while True:
        while position == limit:
            if not around:
                return
            limit = around.pop()
        content_start = position + 2
        if (  # as in `Element.children`
            content_start > limit
            or (size := buffer[position + 1]) >= 0x80
            or (end := content_start + size) > limit
            or (tag := buffer[position]) & 0x1F == 0x1F
        ):
            tag, content_start, end = _head(buffer, position, limit)
        rule = _RULES_BY_TAG[tag]
        if rule is not None and not rule[0](buffer[content_start:end]):
            raise DerError(rule[1])
        if tag & 0x20:
            around.append(limit)
            if len(around) > MAX_DEPTH:
                raise DerError(f"Elements are nested more than {MAX_DEPTH} deep.")
            position, limit = content_start, end
        else:
            position = end


def fields(element: Element, what: str, *tags: int) -> list[Element]:
    """Read the members of a SEQUENCE, which must have exactly these tags.

    Raises:
        DerError: it is no SEQUENCE, or has other members.
    """
    members = element.expect(SEQUENCE, what).children()
    if tuple([member.tag for member in members]) != tags:
        raise DerError(f"{what} does not have the members it must have.")
    return members


def unsigned(element: Element, what: str) -> int:
    """An INTEGER that is zero or positive.

    Raises:
        DerError: it is not.
    """
    value = int.from_bytes(element.expect(INTEGER, what).content, signed=True)
    if value < 0:
        raise DerError(f"{what} is negative.")
    return value


def is_integer_content(content: bytes) -> bool:
    """Test for the content of an INTEGER."""
    if len(content) > 1 and content[0] in {0x00, 0xFF}:
        return (content[0] ^ content[1]) & 0x80 != 0
    return bool(content)


def is_oid_content(content: bytes) -> bool:
    """Test for the content of an OBJECT IDENTIFIER of a length that occurs."""
    return 0 < len(content) <= MAX_OID_BYTES and _has_whole_arcs(content)


@lru_cache(maxsize=1024)
def _has_whole_arcs(content: bytes) -> bool:
    if content[-1] & 0x80:
        return False
    ends = [position + 1 for position, octet in enumerate(content) if not octet & 0x80]
    arcs = [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return all(arc[0] != 0x80 and 7 * (len(arc) - 1) + (arc[0] & 0x7F).bit_length() <= MAX_ARC_BITS for arc in arcs)


def octets(element: Element, what: str) -> bytes:
    """The octets of a BIT STRING without unused bits, such as a signature.

    Raises:
        DerError: it has unused bits, which OpenSSL refuses.
    """
    content = element.expect(BIT_STRING, what).content
    if content[:1] != b"\x00":
        raise DerError(f"{what} has unused bits.")
    return content[1:]


def bits(content: bytes) -> list[bool] | None:
    """The bits in the content of a BIT STRING; None if that is malformed."""
    if not _bit_string_content(content):
        return None
    count = 8 * (len(content) - 1) - content[0]
    return [bool(content[1 + position // 8] & 0x80 >> position % 8) for position in range(count)]


def _bit_string_content(content: bytes) -> bool:
    if not content or content[0] > 7 or (len(content) == 1 and content[0]):
        return False
    return content[0] == 0 or content[-1] & (1 << content[0]) - 1 == 0


# End-of-contents, SEQUENCE and SET as primitives, and every other universal type as constructed (X.690 section 10.2).
_NEVER = frozenset({0x00, 0x10, 0x11, *range(0x20, 0x40)} - {SEQUENCE, SET})
# Of the content of an element, by its tag.
_RULES: dict[int, tuple[Callable[[bytes], bool], str]] = {
    **{tag: (lambda _: False, f"Tag 0x{tag:02x} is not used in DER.") for tag in _NEVER},
    BOOLEAN: (lambda content: content in {b"\x00", b"\xff"}, "A BOOLEAN is neither 00 nor FF."),
    INTEGER: (is_integer_content, "An INTEGER is empty or not encoded minimally."),
    BIT_STRING: (
        _bit_string_content,
        "A BIT STRING has an invalid count of unused bits, or one of them is set.",
    ),
    NULL: (lambda content: not content, "A NULL has content."),
    OID: (is_oid_content, "An OBJECT IDENTIFIER is malformed."),
}
_RULES_BY_TAG = [_RULES.get(tag) for tag in range(256)]


def canonical_oid(dotted: str) -> str:
    """Write an object identifier without leading zeros: "2.5.29.019" is 2.5.29.19."""
    return oid_text(read(oid(dotted)))


def oid_text(element: Element) -> str:
    """An OBJECT IDENTIFIER as dotted numbers."""
    content = element.expect(OID, "An object identifier").content
    return _dotted(content) if len(content) <= MAX_OID_BYTES else _dotted.__wrapped__(content)


@lru_cache(maxsize=1024)
def _dotted(content: bytes) -> str:
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
