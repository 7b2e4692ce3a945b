"""What LocalStack leaves out are further cases of tests whose cases differ in decisions alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.support.sampling import samples


def item(folder: str, name: str, *markers: str) -> Any:
    path = Path("tests/contract") / folder / "test_some.py"
    return SimpleNamespace(
        nodeid=f"{path}::{name}", path=path, get_closest_marker=lambda name: name if name in markers else None
    )


def test_first_case_of_each_test_is_left() -> None:
    names = ["test_a[1]", "test_a[2]", "test_b", "test_c[1]", "test_a[3]", "test_c[2]"]
    left = samples([item("api", name) for name in names])
    assert [each.nodeid.rpartition("::")[2] for each in left] == ["test_a[1]", "test_b", "test_c[1]"]


def test_every_case_is_left_where_cases_differ_in_what_a_home_keeps() -> None:
    for folder, markers in (("store", ()), ("crl", ()), ("operations", ("every_case",))):
        assert len(samples([item(folder, "test_a[1]", *markers), item(folder, "test_a[2]", *markers)])) == 2
