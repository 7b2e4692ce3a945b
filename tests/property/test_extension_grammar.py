"""What the grammar of extensions accepts, others read from a certificate: valid values, changed element by element."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyasn1.codec.der import decoder  # type: ignore[import-untyped]
from pyasn1_alt_modules import rfc5280, rfc7633  # type: ignore[import-untyped]

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import extensions
from chalicelib.pki.x509.extension_rules import check_value
from chalicelib.pki.x509.extensions import Extension
from tests.support.builders import ROOT_KEY, root_certificate
from tests.support.extension_values import VALID

pytestmark = [
    pytest.mark.wide,
    pytest.mark.filterwarnings("ignore:Attribute's length"),  # cryptography counts octets, X.520 characters
]
SPECIFICATIONS = {str(number): spec for number, spec in rfc5280.certificateExtensionsMap.items()}
SPECIFICATIONS |= {oids.TLS_FEATURE: rfc7633.Features()}
ROOT_TBS = der.read(root_certificate().tbs_certificate_bytes).children()[:-1]
# What cryptography keeps as octets, and texts of which it does not keep the type.
REWRITTEN = (x509.UnrecognizedExtension, x509.CertificatePolicies)
ALGORITHM = der.sequence(der.oid("1.2.840.10045.4.3.2"))


def read_by_others(extension: Extension) -> None:
    """Sign a certificate with the extension, and let it be read; raises what the readers raise."""
    wrapped = der.tlv(0xA3, extensions.encode_extensions([extension]))
    tbs = der.sequence(*(member.der for member in ROOT_TBS), wrapped)
    signature = ROOT_KEY.sign(tbs, ec.ECDSA(hashes.SHA256()))
    certificate = x509.load_der_x509_certificate(der.sequence(tbs, ALGORITHM, der.bit_string(signature)))
    try:
        (found,) = certificate.extensions
        again = found.value.public_bytes()
        assert again == extension.value_der or isinstance(found.value, REWRITTEN)
    except x509.UnsupportedGeneralNameType:
        assert b"\xa5" in extension.value_der  # an EDI party name, which RFC 5280 and AWS have and cryptography has not
    if extension.oid in SPECIFICATIONS:
        _, rest = decoder.decode(extension.value_der, asn1Spec=SPECIFICATIONS[extension.oid])
        assert not rest


class Node(NamedTuple):
    """An element that can be changed."""

    tag: int
    content: bytes
    children: tuple[Node, ...]

    def encoded(self) -> bytes:
        return der.tlv(self.tag, *([each.encoded() for each in self.children] or [self.content]))


def node(element: der.Element) -> Node:
    if not element.tag & 0x20:
        return Node(element.tag, element.content, ())
    return Node(element.tag, b"", tuple(map(node, element.children())))


def paths(tree: Node, here: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    return [here, *(path for index, each in enumerate(tree.children) for path in paths(each, (*here, index)))]


OCTETS = st.binary(max_size=4) | st.sampled_from(
    [b"\x00", b"\x01", b"\x7f", b"\xff", b"\x00\x01", b"\x80", b"a", b"\x07\x80"]
)
TAGS = st.sampled_from(
    [1, 2, 3, 4, 5, 6, 0x0C, 0x13, 0x16, 0x1A, 0x1E, 0x30, 0x31, *range(0x80, 0x89), *range(0xA0, 0xA6)]
)
ALIEN = st.builds(Node, TAGS, OCTETS, st.just(()))


@st.composite
def changed(draw: st.DrawFn, tree: Node) -> Node:
    """The tree with one element changed: its tag, its content, its members, or another one beside it."""
    path = draw(st.sampled_from(paths(tree)))

    def descend(here: Node, rest: tuple[int, ...]) -> Node:
        if not rest:
            return draw(st.sampled_from(CHANGES))(draw, here)
        index = rest[0]
        return here._replace(
            children=(*here.children[:index], descend(here.children[index], rest[1:]), *here.children[index + 1 :])
        )

    return descend(tree, path)


def _content(draw: st.DrawFn, here: Node) -> Node:
    position, octets = draw(st.integers(0, len(here.content))), draw(OCTETS)
    drop = draw(st.integers(0, 2))
    return here._replace(content=here.content[:position] + octets + here.content[position + drop :])


def _emptied(draw: st.DrawFn, here: Node) -> Node:
    return Node(here.tag, b"", ())


def _retagged(draw: st.DrawFn, here: Node) -> Node:
    return here._replace(tag=draw(TAGS))


def _member_more(draw: st.DrawFn, here: Node) -> Node:
    position = draw(st.integers(0, len(here.children)))
    more = draw(ALIEN | st.sampled_from(here.children)) if here.children else draw(ALIEN)
    return here._replace(children=(*here.children[:position], more, *here.children[position:]))


def _member_less(draw: st.DrawFn, here: Node) -> Node:
    position = draw(st.integers(0, max(0, len(here.children) - 1)))
    return here._replace(children=(*here.children[:position], *here.children[position + 1 :]))


def _other_order(draw: st.DrawFn, here: Node) -> Node:
    return here._replace(children=tuple(draw(st.permutations(here.children))))


CHANGES = (_content, _content, _emptied, _retagged, _member_more, _member_less, _other_order)
IDS = [f"{number}-{position}" for position, (number, _) in enumerate(VALID)]


@pytest.mark.parametrize(("oid", "value"), VALID, ids=IDS)
def test_valid_value_is_accepted_and_read(oid: str, value: bytes) -> None:
    extension = Extension(oid, critical=False, value_der=value)
    check_value(extension)
    read_by_others(extension)


@pytest.mark.parametrize(("oid", "value"), VALID, ids=IDS)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_changed_value_is_refused_or_read_by_others(data: st.DataObject, oid: str, value: bytes) -> None:
    tree = node(der.parse(value))
    for _ in range(data.draw(st.integers(1, 2))):
        tree = data.draw(changed(tree))
    extension = Extension(oid, critical=False, value_der=tree.encoded())
    try:
        check_value(extension)
    except PkiError:
        return
    read_by_others(extension)


@pytest.mark.parametrize(("oid", "value"), VALID, ids=IDS)
@given(position=st.integers(0), octet=st.integers(0, 255), keep=st.integers(0, 1))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_value_with_another_octet_is_refused_or_read_by_others(
    oid: str, value: bytes, position: int, octet: int, keep: int
) -> None:
    at = position % len(value)
    extension = Extension(oid, critical=False, value_der=value[:at] + bytes((octet,)) + value[at + keep :])
    try:
        check_value(extension)
    except PkiError:
        return
    read_by_others(extension)
