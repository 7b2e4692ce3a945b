"""What the text of a search means."""

from __future__ import annotations

import pytest

from chalicelib.operations import lookup
from chalicelib.operations.lookup import Lookup
from chalicelib.store import Span

CA_ID = "01234567-89ab-cdef-0123-456789abcdef"
CA_ARN = f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/{CA_ID}"
SERIAL = "00ab" * 8


def named(text: str) -> tuple[Span, ...]:
    return Span("san", text, text), Span("subject", text, text)


def whole(kind: str, text: str) -> Span:
    return Span(kind, text, text, whole=True)  # type: ignore[arg-type]  # a kind


TEXTS: dict[str, Lookup] = {
    "web": Lookup(named("web")),
    " Some name ": Lookup(named("Some name")),
    "web*": Lookup(named("web")),
    "www.example.com": Lookup((*named("www.example.com"), whole("san", "*.example.com"))),
    "example.com": Lookup(named("example.com")),
    "bücher.example": Lookup(
        (Span("san", "bücher.example", "bücher.example"), Span("subject", "bücher.example", "bücher.example"),
         Span("san", "xn--bcher-kva.example", "xn--bcher-kva.example"),
         Span("subject", "xn--bcher-kva.example", "xn--bcher-kva.example"))
    ),
    ".example.com": Lookup((Span("san"), Span("subject")), ending=".example.com"),
    "*.Example.com": Lookup((Span("san"), Span("subject")), ending=".example.com"),
    "someone@example.com": Lookup(named("someone@example.com")),
    "10.0.0.1": Lookup((whole("san", "10.0.0.1"), whole("subject", "10.0.0.1"))),
    "[2001:DB8:0::1]": Lookup((whole("san", "2001:db8::1"), whole("subject", "2001:db8::1"))),
    "CN=web": Lookup((whole("subject", "web"),), values=("web",)),
    "cn = web*": Lookup((Span("subject", "web", "web"),), values=("web*",)),
    "subject=C = US, O = Example\\, Inc., CN = web": Lookup(
        (whole("subject", "web"),), values=("US", "Example, Inc.", "web")
    ),
    "/C=US/O=Example, Inc.": Lookup((whole("subject", "Example, Inc."),), values=("US", "Example, Inc.")),
    "O=Caf\\C3\\A9": Lookup((whole("subject", "Café"),), values=("Café",)),
    "CN=": Lookup(named("CN=")),
    "abc": Lookup(named("abc")),
    "ABCD": Lookup(named("ABCD"), serial="abcd"),
    "ab:cd": Lookup(serial="abcd"),
    "0xabcdef": Lookup(serial="abcdef"),
    "serial=ABCDEF": Lookup(serial="abcdef"),
    SERIAL: Lookup(serial=SERIAL),
    f"00{SERIAL}": Lookup(serial=SERIAL),
    "f" * 31: Lookup(serial="0" + "f" * 31),
    "f" * 40: Lookup(serial="f" * 40),
    CA_ARN: Lookup(ca_id=CA_ID),
    f"{CA_ARN}/certificate/{SERIAL}": Lookup(ca_id=CA_ID, serial=SERIAL),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_read(text: str) -> None:
    assert lookup.read(text) == TEXTS[text]


@pytest.mark.parametrize("text", ["arn:aws:s3:::bucket", CA_ARN[:-1], f"{CA_ARN}/certificate/1"])
def test_other_arns_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="It must be the ARN of a CA or of a certificate"):
        lookup.read(text)


def test_serial_begins_with_its_zeros_or_without_them() -> None:
    for text in ("00ab", "ab00", "AB:00:ab"):
        assert lookup.read(text).has_serial(SERIAL)
    for text in ("b00a", "abcd"):
        assert not lookup.read(text).has_serial(SERIAL)
    assert not lookup.read("0000").has_serial("1" + SERIAL[1:])
    assert not lookup.read("web").has_serial(SERIAL)


@pytest.mark.parametrize("text", ["a:" * 5000, "\\" * 9000, "CN=" * 3000, "/" * 9000 + "=", "0" * 9000, "a" * 9000])
def test_long_text_is_cut_before_it_is_read(text: str) -> None:
    found = lookup.read(text)
    assert found == lookup.read(text[: lookup.MOST_CHARACTERS])
    texts = (*(span.first for span in found.spans), found.ending, found.serial, *found.values)
    assert max(map(len, texts)) <= lookup.MOST_CHARACTERS
