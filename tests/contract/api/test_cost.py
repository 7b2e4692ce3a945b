"""What a request costs is counted and committed to, so that a loss is seen at review on a machine of any speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench import cost

if TYPE_CHECKING:
    from pathlib import Path

RENEW = "if the change is worth it, `python -m tests.bench.cost` commits to the new figures"


@pytest.mark.laptop
def test_request_costs_no_more_than_committed(tmp_path: Path) -> None:
    excesses = cost.excesses(cost.measure(tmp_path), cost.committed())
    assert excesses == [], f"{' '.join(excesses)} {RENEW}"


def test_excess_is_noticed() -> None:
    committed = {"GetCertificate": {"calls": 1_000, "statements": 3}}
    assert cost.excesses({"GetCertificate": {"calls": 1_050, "statements": 3}}, committed) == []
    assert cost.excesses({"GetCertificate": {"calls": 1_051, "statements": 3}}, committed) == [
        "GetCertificate: 1,051 calls, and 1,000 are committed."
    ]
    assert cost.excesses({"GetCertificate": {"statements": 4, "fsyncs": 1}}, committed) == [
        "GetCertificate: 4 statements, and 3 are committed.",
        "GetCertificate: 1 fsyncs, and 0 are committed.",
    ]
