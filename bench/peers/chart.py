"""The chart: throughput and latency of every engine, side by side, with the spread over repeats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OURS, PEERS = "#1b6e53", "#9aa5b1"
MEDIAN, TAIL = "#4f7cac", "#c9d6e3"
WIDTH_INCHES, ROW_INCHES, HEAD_INCHES = 11.0, 0.45, 1.6
DOTS_PER_INCH = 144
LABEL_ROOM = 0.3  # Of an axis, for the figures at the ends of bars.
LABEL_DECADE = 10.0  # The same on a logarithmic axis.
SHORTEST_MS = 1.0
TICKS = 4


def draw(records: Sequence[Mapping[str, Any]], path: Path) -> bool:
    """Write the chart as PNG; return False where matplotlib is not installed (`pip install 'onhand[bench]'`)."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    shown = [record for record in records if record.get("events_per_second")]
    shown.sort(key=lambda record: record["events_per_second"]["median"])
    rates = sorted({int(rate) for record in shown for rate in record["p50_ms"]})
    height = HEAD_INCHES + ROW_INCHES * max(1, len(shown))
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots(1, 1 + len(rates), sharey=True, squeeze=False)[0]
    _throughput(axes[0], shown)
    for axis, rate in zip(axes[1:], rates, strict=True):
        _latency(axis, shown, str(rate))
    measured = max(record["measured_at"][:10] for record in shown) if shown else "never"
    figure.suptitle(
        f"The same work on the same broker in the same run ({measured}); lines: minimum to maximum"
    )
    figure.savefig(path, dpi=DOTS_PER_INCH)
    return True


def _throughput(axis: Any, records: Sequence[Mapping[str, Any]]) -> None:
    spreads = [record["events_per_second"] for record in records]
    names = [f"{record['engine']} {record['version']}\n{record['guarantee']}" for record in records]
    colours = [OURS if record["engine"].startswith("Onhand") else PEERS for record in records]
    bars = axis.barh(
        names, [one["median"] for one in spreads], xerr=_errors(spreads), color=colours, capsize=3
    )
    axis.bar_label(bars, fmt="{:,.0f}", padding=4, fontsize="small")
    axis.margins(x=LABEL_ROOM)
    axis.set_title("events a second")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.locator_params(axis="x", nbins=TICKS)


def _latency(axis: Any, records: Sequence[Mapping[str, Any]], rate: str) -> None:
    rows = [(row, record) for row, record in enumerate(records) if rate in record["p50_ms"]]
    for name, colour, depth in (("p99_ms", TAIL, 0.8), ("p50_ms", MEDIAN, 0.4)):
        spreads = [record[name][rate] for _, record in rows]
        bars = axis.barh(
            [row for row, _ in rows],
            [one["median"] for one in spreads],
            depth,
            xerr=_errors(spreads),
            color=colour,
            capsize=3,
        )
        if name == "p99_ms":
            axis.bar_label(bars, [_both(record, rate) for _, record in rows], padding=4, fontsize="small")
    axis.set_xscale("log")
    longest = max((record["p99_ms"][rate]["maximum"] for _, record in rows), default=1.0)
    axis.set_xlim(SHORTEST_MS, longest * LABEL_DECADE)
    axis.xaxis.set_minor_formatter("")
    axis.set_title(f"p50 / p99 ms at {int(rate):,}/s")


def _both(record: Mapping[str, Any], rate: str) -> str:
    return f"{record['p50_ms'][rate]['median']:,.0f} / {record['p99_ms'][rate]['median']:,.0f}"


def _errors(spreads: Sequence[Mapping[str, float]]) -> list[list[float]]:
    return [
        [one["median"] - one["minimum"] for one in spreads],
        [one["maximum"] - one["median"] for one in spreads],
    ]
