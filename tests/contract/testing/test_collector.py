"""The garbage collector of a process that uses Signet in its tests is as it was before."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from chalicelib.testing import mock_acm_pca
from chalicelib.testing.collector import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_made_is_old_to_the_collector() -> None:
    gc.collect()
    with uncollected():
        assert not gc.isenabled()
        made = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert not [each for each in gc.get_objects(generation=0) + gc.get_objects(generation=1) if each is made[500]]


@pytest.mark.parametrize("enabled", [True, False])
def test_collector_is_as_it_was(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    with mock_acm_pca():
        assert gc.isenabled() == enabled
    assert gc.isenabled() == enabled


def test_what_a_process_has_frozen_stays_frozen() -> None:
    gc.freeze()
    count = gc.get_freeze_count()
    with uncollected():
        assert gc.isenabled()
    assert gc.get_freeze_count() > count // 2  # objects may end meanwhile; thawing leaves none


def test_collector_works_again_after_a_failure() -> None:
    with pytest.raises(ValueError, match="while"), uncollected():
        raise ValueError("while")
    assert gc.isenabled()
