"""What is kept of a run, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.peers import chart, markdown, report, results
from bench.peers.check import Verdict
from bench.peers.measures import Latency
from bench.peers.speed import Run, Size

SIZE = Size(1_000, 100, (500, 5_000), 1.0, 0.0)
RIGHT, WRONG = Verdict(100, 0, 0, 0, 0), Verdict(100, 3, 3, 0, 0)


def run(events_per_second: float, verdict: Verdict = RIGHT, *rates: int) -> Run:
    """Return a run that was measured at some rates."""
    latencies = {rate: Latency(rate / 100, rate / 10, rate, 0) for rate in rates}
    return Run(events_per_second, 20.0, 30.0, 40.0, latencies, verdict)


def record(name: str, *runs: Run) -> dict[str, Any]:
    """Return an engine's record."""
    return results.record_of(name, "1.0", "exactly once", SIZE, runs)


def shown(table: Any) -> str:
    """Return a table as text."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_record_has_figures_as_median_minimum_and_maximum_by_rate() -> None:
    """The form that others read: latencies by rate, in milliseconds."""
    found = record("Ours", run(10.0, RIGHT, 500, 5_000), run(30.0, RIGHT, 500, 5_000))
    assert found["events_per_second"] == {"median": 20.0, "minimum": 10.0, "maximum": 30.0}
    assert found["p50_ms"]["500"]["median"] == 5.0
    assert found["p99_ms"]["5000"]["maximum"] == 500.0
    assert (found["repeats"], found["wrong_skus"]) == (2, 0)


def test_a_run_with_a_wrong_sku_gives_no_time() -> None:
    """A fast engine that is wrong has not done the work; its wrong SKUs are told."""
    found = record("Theirs", run(99.0, WRONG), run(10.0, RIGHT))
    assert found["events_per_second"]["maximum"] == 10.0
    assert found["wrong_skus"] == 3
    assert record("Theirs", run(99.0, WRONG))["events_per_second"] is None


def test_a_rate_that_was_not_followed_in_every_run_is_left_out() -> None:
    """Its median would be that of the better runs."""
    assert set(record("Slow", run(1.0, RIGHT, 500, 5_000), run(1.0, RIGHT, 500))["p50_ms"]) == {"500"}


def test_a_new_record_replaces_the_last_one_of_its_engine_only(tmp_path: Path) -> None:
    """A run with --only, or one that is interrupted, loses nobody else's figures."""
    path = tmp_path / "peers.json"
    results.keep(path, record("A", run(1.0)))
    results.keep(path, record("B", run(2.0)))
    results.keep(path, record("A", run(3.0)))
    kept = results.read(path)
    assert [(one["engine"], one["events_per_second"]["median"]) for one in kept] == [("A", 3.0), ("B", 2.0)]


def test_tables_show_every_engine_and_why_one_is_missing() -> None:
    """Also one that can't run on this machine, with its reason."""
    records = [
        record("Ours", run(41_600.0, RIGHT, 500)),
        results.skipped("Theirs", "4.1", "exactly once v2", "needs java, javac and mvn"),
    ]
    text = shown(report.speed_table(records))
    assert "41,600" in text
    assert "5 / 50" in text
    assert "needs java" in text
    assert "Ours" in shown(report.costs_table(records))
    lines = markdown.speed(records).splitlines()
    assert "| 5 / 50 ms |" in lines[2]
    assert "needs java" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


def test_faults_table_shows_wrong_skus() -> None:
    """The figure that everything else only explains."""
    findings = {
        **dict.fromkeys(
            ("kills", "freezes", "bounces", "deaths", "lost", "doubled", "versions_backwards"), 1
        ),
        "events": 150_000,
        "skus": 20_000,
        "wrong_skus": 8_234,
        "finished": False,
    }
    records = [
        results.fault_record("Theirs", "0.15.3", "at least once", 2, findings),
        results.skipped("Others", "1", "none", "why"),
    ]
    text = shown(report.faults_table(records))
    assert "8,234" in text
    assert "why" in text
    lines = markdown.faults(records).splitlines()
    assert "| 8,234 of 20,000 |" in lines[2]
    assert len({line.count("|") for line in lines}) == 1


def test_chart_is_drawn_also_for_an_engine_without_latency(tmp_path: Path) -> None:
    """A PNG, or nothing where matplotlib is not installed: it is in an extra of its own."""
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    path = tmp_path / "peers.png"
    assert chart.draw([record("Ours", run(5.0, RIGHT, 500)), record("Slow", run(1.0))], path)
    assert path.read_bytes().startswith(b"\x89PNG")
