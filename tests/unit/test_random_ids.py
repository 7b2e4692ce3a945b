"""Random UUIDs are what the standard library takes for version 4."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from chalicelib.random_ids import random_uuid

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("octet", [0x00, 0x5A, 0xFF])
def test_random_id_is_that_of_the_standard_library(monkeypatch: pytest.MonkeyPatch, octet: int) -> None:
    same: Callable[[int], bytes] = lambda count: bytes([octet]) * count  # noqa: E731
    monkeypatch.setattr(os, "urandom", same)
    assert random_uuid() == str(uuid.uuid4())
    assert uuid.UUID(random_uuid()).version == 4


def test_random_ids_differ() -> None:
    assert len({random_uuid() for _ in range(1000)}) == 1000
