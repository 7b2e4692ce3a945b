"""Every member of every input shape, driven from botocore's model: present, absent, at its limits and past them.

No answer is a 5xx; a refusal bears an error of the operation; what breaks the model's rules is refused in the model's
name and at the member's place; and a refused request has made and changed nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.good_requests import GOOD, World
from tests.support.model_cases import MODEL, input_of, members, paths
from tests.support.model_drive import Wire, drive

if TYPE_CHECKING:
    from tests.support.traces import Traces


def test_good_requests_have_every_member_of_the_model(acm_pca: Any) -> None:
    assert GOOD.keys() == set(MODEL.operation_names)
    world = World(acm_pca)
    for operation, makers in GOOD.items():
        shape = input_of(operation)
        found = {each.path for make in makers for each in members(shape, make(world))}
        assert found == set(paths(shape)), operation


@pytest.fixture
def wire(acm_pca: Any, rt: Any, traces: Traces) -> Wire:
    return Wire(rt, traces)


@pytest.mark.slow
@pytest.mark.laptop  # thousands of requests, most of them refused before any adapter is asked
@pytest.mark.parametrize("operation", GOOD)
def test_each_member_of_each_input(request: pytest.FixtureRequest, acm_pca: Any, wire: Wire, operation: str) -> None:
    every = request.config.getoption("--whole")
    world = World(acm_pca)
    shape = input_of(operation)
    seen: set[str] = set()
    wrong: list[str] = []
    for make in GOOD[operation]:
        good = make(world)
        fresh = [each for each in members(shape, good) if each.path not in seen]
        seen |= {each.path for each in fresh}
        _, code, message = wire.call(operation, good)
        assert code == "", message
        wrong += drive(wire, operation, fresh, partial(make, world), every=every)
    assert not wrong, "\n".join(wrong)
