"""
`python -m bench.capacity`: measures what an event costs and writes bench/CAPACITY.md.

With --no-measure the page is made again from the costs measured last, for other assumptions.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.capacity.measure import measure
from bench.capacity.model import Assumptions, Costs, plan
from bench.capacity.page import page, retention_days
from bench.figures import machine
from streams.settings import Settings

FOLDER = Path(__file__).parents[1]
PAGE, COSTS = FOLDER / "CAPACITY.md", FOLDER / "results" / "capacity.json"
WHOLE_AGENT = FOLDER / "results" / "whole_agent.json"
RATES = (10_000, 100_000, 1_000_000)
COMMAND = "python -m bench.capacity"
DEFAULTS = Assumptions()


def capacity(
    events: Annotated[int, typer.Option(min=1_000, help="Events of the backlog that is drained.")] = 400_000,
    skus: Annotated[int, typer.Option(min=1, help="SKUs to plan for.")] = DEFAULTS.skus,
    peak_over_average: Annotated[
        float, typer.Option(min=1.0, help="How much higher the peak is than the average.")
    ] = DEFAULTS.peak_over_average,
    *,
    measured: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure, or take the costs measured last.")
    ] = True,
) -> None:
    """Measure what an event costs with one worker and with two, and compute what larger rates need."""
    if measured:
        _keep(measure(events, **_memory()))
    document: dict[str, Any] = json.loads(COSTS.read_text("utf-8"))
    costs = _costs(document["costs"])
    assumed = Assumptions(skus=skus, peak_over_average=peak_over_average)
    days = retention_days(Settings().channels)
    plans = [plan(costs, assumed, days, rate) for rate in RATES]
    PAGE.write_text(page(document, costs, assumed, plans, COMMAND), encoding="utf-8")
    typer.echo(f"written: {PAGE}")


def _memory() -> dict[str, float]:
    """Return what `make bench` measured of a worker's memory."""
    found = json.loads(WHOLE_AGENT.read_text("utf-8"))["results"]
    return {
        "identity_bytes": found["identities"]["figures"]["bytes_per_id"]["median"],
        "sku_bytes": found["restore"]["figures"]["bytes_per_sku"]["median"],
    }


def _keep(measured: dict[str, Any]) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {"measured_at": now, "machine": machine(), **measured}
    COSTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _costs(kept: dict[str, Any]) -> Costs:
    by_workers = {int(workers): rate for workers, rate in kept["events_per_second"].items()}
    return Costs(**{**kept, "events_per_second": by_workers})


if __name__ == "__main__":
    typer.run(capacity)
