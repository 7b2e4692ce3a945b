"""A client that asks for the same certificate again and again is stopped, however it writes the CSR."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.support.authority_steps import active_root, issue
from tests.support.builders import LEAF_KEY, csr, name
from tests.support.client import client_for

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = csr()


def wrapped(text: bytes) -> bytes:
    """The same PEM in lines of 32 characters, with CRLF and empty lines around it."""
    octets = base64.b64encode(x509.load_pem_x509_csr(text).public_bytes(serialization.Encoding.DER)).decode()
    lines = [octets[begin : begin + 32] for begin in range(0, len(octets), 32)]
    return "\r\n".join(
        ["", "-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""]
    ).encode()


def with_crlf(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def signed_again(_: bytes) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("leaf.example.com"))
    return builder.sign(LEAF_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def days(number: int) -> dict[str, Any]:
    return {"Type": "DAYS", "Value": number}


SPELLINGS: dict[str, list[Callable[[bytes], bytes]]] = {
    "as it is": [bytes],
    "wrapped, with other line ends, signed again": [bytes, wrapped, with_crlf, signed_again],
}


@pytest.mark.every_case
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_flood_of_one_csr_is_stopped(rt: Any, acm_pca: Any, spelling: str) -> None:
    arn = active_root(acm_pca)
    client = client_for(replace(rt, settings=replace(rt.settings, storm_guard="100"), windows={}))
    refused = issued = 0
    for number, spell in zip(range(150), cycle(SPELLINGS[spelling])):
        try:
            issue(client, arn, Csr=spell(REQUEST), IdempotencyToken=f"flood-{number}", Validity=days(1 + number))
            issued += 1
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ThrottlingException"  # noqa: PT017  counted below
            refused += 1
    assert (issued, refused) == (100, 50)
