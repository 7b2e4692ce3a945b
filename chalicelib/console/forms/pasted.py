"""A CA certificate and its chain from a form: pasted, or in files of PEM, DER or PKCS #7."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import bundles

if TYPE_CHECKING:
    from chalicelib.console.web import Form


_SEVERAL = 2


def read(form: Form, spki_der: bytes) -> tuple[bytes, bytes]:
    """The certificate and its chain in PEM.

    From several certificates in one field, or PKCS #7, it takes the certificate for a key and those above it, in order.

    Raises:
        PkiError: a file cannot be read, or has no certificate for this key.
    """
    certificate, chain = _content(form, "certificate"), _content(form, "chain")
    is_bundled = bundles.is_bundle(certificate) or bundles.is_bundle(chain)
    if not is_bundled and certificate.count(b"-----BEGIN ") < _SEVERAL:
        return certificate, chain
    ders = [der for content in (certificate, chain) if content for der in _ders(content)]
    leaf = bundles.of_key(ders, spki_der)
    if leaf is None:
        where = "in the PKCS #7 file" if is_bundled else "here"
        raise PkiError(f"None of the certificates {where} is for the key of this CA.")
    return pem.encode(leaf).encode(), "\n".join(map(pem.encode, bundles.above(leaf, ders))).encode()


def _content(form: Form, name: str) -> bytes:
    """The content of a field or its file, as PEM or PKCS #7; a file of other DER is one certificate."""
    uploaded = form.files.get(f"{name}_file", b"")
    if not uploaded:
        return form.get(name).encode("utf-8", "replace")
    as_it_is = b"-----BEGIN" in uploaded or bundles.is_bundle(uploaded)
    return uploaded if as_it_is else pem.encode(uploaded).encode()


def _ders(content: bytes) -> list[bytes]:
    return bundles.certificates(content) if bundles.is_bundle(content) else [der for _, der in pem.blocks(content)]
