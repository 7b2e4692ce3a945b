"""A responder on loopback, and challenges of a name that leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.challenge_responder import ChallengeResponder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def responder() -> Iterator[ChallengeResponder]:
    with ChallengeResponder() as made:
        yield made
