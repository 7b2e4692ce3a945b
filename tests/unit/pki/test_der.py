"""Strict DER: forms of tags that certificates do not use are refused, not taken for others."""

from __future__ import annotations

import pytest

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import DerError


@pytest.mark.parametrize("first", [0x1F, 0x3F, 0x9F, 0xBF, 0xFF])
def test_tag_of_several_octets_is_no_tag_of_one(first: int) -> None:
    """X.690 section 8.1.2.4: the number follows; here it could be taken for a length."""
    with pytest.raises(DerError, match="tag number above 30"):
        der.parse(bytes((first, 1, 0)))
