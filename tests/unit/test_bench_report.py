"""The table of `make bench`, and how it gets into docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.bench import flame, load, report

if TYPE_CHECKING:
    from pathlib import Path

UNDER: dict[str, Any] = {
    "measured": "2030-01-01 12:00",
    "commit": "abc",
    "python": "3.13.0",
    "processor": "CPU",
    "cores": 2,
    "load": 0.1,
}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "KEPT", tmp_path / "build" / "bench.json")
    return report.KEPT


def test_ratio_above_one_is_better(kept: Path) -> None:
    assert report.Row("rate", 50, "/s", peers={"cfssl": 100}).ratio("cfssl") == 0.5
    assert report.Row("time", 50, "ms", peers={"cfssl": 100}, more_is_better=False).ratio("cfssl") == 2


def test_table_has_the_latest_rows_of_each_measure(kept: Path) -> None:
    report.keep("issuing", UNDER, [report.Row("old", 1, "/s")])
    report.keep("ocsp", UNDER, [report.Row("OCSP", 0.25, "ms", peers={"cfssl": 0.5}, more_is_better=False)])
    report.keep(
        "issuing", UNDER | {"load": 0.3}, [report.Row("issue", 4870, "/s", 2.2, 9.1, {"cfssl": 9740, "moto": 12})]
    )
    table = report.table(report.kept())
    words = "Measured from 2030-01-01 12:00 to 2030-01-01 12:00 UTC: 2 cores of CPU, Python 3.13.0, commit abc."
    assert table.splitlines()[2:] == [
        "| OCSP | 0.25 ms |  |  | cfssl 0.5 | 2.00 |",
        "| issue | 4,870 /s | 2.2 | 9.1 | cfssl 9,740, moto 12 | 0.50, 406 |",
        "",
        f"{words} Load before the run:",
        "ocsp 0.1, issuing 0.3.",
    ]


def test_table_says_that_the_machine_was_busy(kept: Path) -> None:
    report.keep("issuing", UNDER | {"load": 2.1}, [report.Row("issue", 100, "/s")])
    assert "Other work kept the machine busy" in report.table(report.kept()).replace("\n", " ")


def test_document_gets_the_table_between_its_marks_again_and_again() -> None:
    document = report.DOCUMENT.read_text()
    once = report.with_table(document, "a table")
    assert report.with_table(once, "another table").count("table\n\n" + report.END) == 1
    assert report.with_table(report.with_table(once, "x"), "a table") == once
    with pytest.raises(ValueError, match="marks"):
        report.with_table("", "a table")


def test_flame_graph_has_shares_of_what_works_and_no_paths_of_the_machine() -> None:
    serve = f"process 1 (), <module> ({report.ROOT}/.venv/bin/signet:8);serve ({report.ROOT}/chalicelib/cli/serve.py:9)"
    answer = f"answer ({report.ROOT}/chalicelib/local/application.py:3)"
    found = flame.tree(
        [
            f"{serve};{answer};loads (/usr/lib/python3.13/json/__init__.py:10) 3",
            f"{serve};{answer};call (/x/lib/python3.13/site-packages/chalice/app.py:10) 1",
            f"{serve};{answer};wait (/usr/lib/python3.13/threading.py:355) 90",
        ]
    )
    picture = flame.picture(found)
    assert "answer (chalicelib/local/application.py): 100.0 %" in picture
    assert "loads (json/__init__.py): 75.0 %" in picture
    assert "call (chalice/app.py): 25.0 %" in picture
    assert "/usr" not in picture
    assert str(report.ROOT) not in picture


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openssl").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load.missing() == "make bench needs wrk and golang-cfssl: apt-get install wrk golang-cfssl."
