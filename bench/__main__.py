"""
`make bench`: measures the whole agent on an embedded Kafka on this machine and prints a table.

Figures are noisy on small machines: each measurement is repeated and the median reported, with minimum and
maximum. Results are also written as JSON, to compare runs with.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import drain, feeds, hold_cost, holds, ingress, latency, restore, seen_memory
from bench.figures import machine, spread

RESULTS = Path(__file__).parent / "results" / "whole_agent.json"
LATENCY_RATES = (500, 5_000)
HOLDS_RATE = 500
INGRESS_RATE = 500
LATENCY_PARTITIONS = (4, 8)  # The default, and what the peers are measured with.

FULL_FEED = "full feed"

Measurement = Callable[[], dict[str, float]]
MEASUREMENTS: dict[str, Measurement] = {
    "drain": drain.run,
    **{
        f"latency at {rate}/s, {partitions} partitions": partial(latency.run, rate, partitions)
        for partitions in LATENCY_PARTITIONS
        for rate in LATENCY_RATES
    },
    f"holds at {HOLDS_RATE}/s": partial(holds.steady, HOLDS_RATE),
    "holds of a backlog": holds.backlog,
    "cost of a further hold": hold_cost.run,
    f"ingress at {INGRESS_RATE}/s": partial(ingress.run, INGRESS_RATE),
    FULL_FEED: feeds.run,
    "restore": restore.run,
    "identities": seen_memory.run,
}
ONCE = {FULL_FEED, "restore", "identities"}  # A million SKUs take minutes to load; memory does not vary.

console = Console(stderr=True)


def bench(
    only: Annotated[str, typer.Option(help="Run only measurements whose name contains this.")] = "",
    repeats: Annotated[int, typer.Option(min=1, help="How often each measurement is run.")] = 3,
    feed_rows: Annotated[
        int, typer.Option(min=1_000, help="Rows of the full feed; fewer show less.")
    ] = feeds.ROWS,
    output: Annotated[Path, typer.Option(help="Where the results go, as JSON.")] = RESULTS,
) -> None:
    """Measure throughput, latency, restore and memory of one worker; what is not run keeps its last result."""
    results = {}
    measurements = {**MEASUREMENTS, FULL_FEED: partial(feeds.run, feed_rows)}
    for name, measure in measurements.items():
        if only in name:
            results[name] = _repeat(name, measure, 1 if name in ONCE else repeats)
    Console().print(_table(results))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entries = {name: {"measured_at": now, "figures": figures} for name, figures in results.items()}
    kept = json.loads(output.read_text("utf-8"))["results"] if output.exists() else {}
    document = {"machine": machine(), "results": {**kept, **entries}}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {output}")


def _repeat(name: str, measure: Measurement, repeats: int) -> dict[str, dict[str, float]]:
    runs = []
    for number in range(1, repeats + 1):
        console.print(f"{name}: run {number} of {repeats}")
        runs.append(measure())
    return {figure: spread([run[figure] for run in runs]) for figure in runs[0]}


def _table(results: dict[str, dict[str, dict[str, float]]]) -> Table:
    table = Table("measurement", "figure", "median", "minimum", "maximum")
    for name, figures in results.items():
        for figure, values in figures.items():
            table.add_row(
                name, figure, *(f"{values[part]:,.2f}" for part in ("median", "minimum", "maximum"))
            )
        table.add_section()
    return table


if __name__ == "__main__":
    typer.run(bench)
