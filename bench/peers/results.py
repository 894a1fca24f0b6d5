"""What is kept of a run: one record an engine, in a file that later runs of other engines leave alone."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.figures import machine, spread
from bench.peers.speed import Run, Size

RESULTS = Path(__file__).parents[1] / "results"
PEERS, FAULTS, CHART = RESULTS / "peers.json", RESULTS / "peers_faults.json", RESULTS / "peers.png"


def record_of(engine: str, version: str, guarantee: str, size: Size, runs: Sequence[Run]) -> dict[str, Any]:
    """
    Return an engine's record: every figure as median, minimum and maximum over runs, latencies by rate.

    A rate that an engine can't follow is not there. Runs with a wrong SKU give no time, only their count.
    """
    right = [run for run in runs if run.verdict is not None and run.verdict.right]
    rates = [rate for rate in size.rates if right and all(rate in run.latencies for run in right)]
    figures = ("events_per_second", "processor_us_per_event", "broker_us_per_event", "bytes_per_event")
    return {
        "engine": engine,
        "version": version,
        "guarantee": guarantee,
        **{name: spread([getattr(run, name) for run in right]) if right else None for name in figures},
        **{
            name: {str(rate): spread([getattr(run.latencies[rate], name) for run in right]) for rate in rates}
            for name in ("p50_ms", "p99_ms", "maximum_ms")
        },
        "unseen_events": sum(run.latencies[rate].unseen for run in right for rate in rates),
        "wrong_skus": sum(run.verdict.wrong_skus for run in runs if run.verdict is not None),
        "repeats": len(runs),
        "size": asdict(size),
        **_circumstances(),
    }


def fault_record(
    engine: str, version: str, guarantee: str, workers: int, findings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an engine's record under faults."""
    return {
        "engine": engine,
        "version": version,
        "guarantee": guarantee,
        "workers": workers,
        **findings,
        **_circumstances(),
    }


def skipped(engine: str, version: str, guarantee: str, reason: str) -> dict[str, Any]:
    """Return the record of an engine that could not be measured, with the reason."""
    return {
        "engine": engine,
        "version": version,
        "guarantee": guarantee,
        "reason": reason,
        **_circumstances(),
    }


def keep(path: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Put a record into a file in place of the engine's last one; return all records of the file."""
    records = read(path)
    names = [kept["engine"] for kept in records]
    if record["engine"] in names:
        records[names.index(record["engine"])] = record
    else:
        records.append(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return records


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file; none when it is not there."""
    if not path.exists():
        return []
    records: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return records


def _circumstances() -> dict[str, Any]:
    return {"measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine()}
