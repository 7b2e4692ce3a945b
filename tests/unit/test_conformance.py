"""What the conformance suite leaves out, so that it does not cost more than was asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.conformance import plugin
from chalicelib.conformance.sources import inferred


class Item:
    """A probe as pytest has collected it."""

    def __init__(self, *fixtures: str, **wanted: Any) -> None:
        self.fixturenames = fixtures
        self._mark = SimpleNamespace(args=("IssueCertificate", inferred("a test")), kwargs=wanted)

    def get_closest_marker(self, name: str) -> Any:
        return self._mark if name == "about" else None


FREE, ISSUING, CREATING = Item(), Item("issuer", certificates=1), Item(cas=1)
SHARED = plugin.SHARED["issuer"]


def kept(dollars: float, *items: Item) -> list[Item]:
    return plugin.within(dollars, list(items))  # type: ignore[arg-type, return-value]


def test_nothing_buys_what_is_free() -> None:
    assert kept(0, CREATING, FREE, ISSUING) == [FREE]


def test_shared_ca_is_paid_once() -> None:
    both = SHARED + 2 * 0.058 + 0.001
    assert kept(both, ISSUING, ISSUING) == [ISSUING, ISSUING]
    assert kept(both - 0.01, ISSUING, ISSUING) == [ISSUING]


@pytest.mark.parametrize(
    ("item", "given", "costs"),
    [
        (FREE, False, ["free"]),
        (ISSUING, False, ["creates_ca", "issues_certificates"]),
        (ISSUING, True, ["issues_certificates"]),
        (CREATING, True, ["creates_ca"]),
        (Item(shared="waiting"), False, ["creates_ca"]),
    ],
)
def test_probe_has_the_marks_of_its_cost(item: Any, given: bool, costs: list[str]) -> None:
    assert plugin._costs(item, given=given) == costs
