"""Records as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

NOTHING = "-"


def speed_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return throughput and latency by engine; medians, with minimum and maximum of the throughput."""
    rates = sorted({int(rate) for record in records for rate in record.get("p50_ms", ())})
    table = Table(title="The common work: medians; latency is p50 / p99 in ms")
    for name in ("engine", "guarantee"):
        table.add_column(name, no_wrap=True)
    for name in ("events/s", "from, to", *(f"at {rate:,}/s" for rate in rates), "wrong SKUs"):
        table.add_column(name, justify="right")
    for record in records:
        table.add_row(*_speed_row(record, rates))
    return table


def _speed_row(record: Mapping[str, Any], rates: Sequence[int]) -> list[str]:
    name = f"{record['engine']} {record['version']}"
    throughput = record.get("events_per_second")
    if throughput is None:
        reason = str(record.get("reason", "no right run")).splitlines()[0]
        return [name, record["guarantee"], NOTHING, reason]
    return [
        name,
        record["guarantee"],
        f"{throughput['median']:,.0f}",
        f"{throughput['minimum']:,.0f}, {throughput['maximum']:,.0f}",
        *(_latency(record, str(rate)) for rate in rates),
        str(record["wrong_skus"]),
    ]


def _latency(record: Mapping[str, Any], rate: str) -> str:
    if rate not in record["p50_ms"]:
        return NOTHING
    return f"{record['p50_ms'][rate]['median']:,.0f} / {record['p99_ms'][rate]['median']:,.0f}"


def costs_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return what an event of the backlog costs by engine, medians."""
    table = Table(title="What an event costs: medians")
    table.add_column("engine", no_wrap=True)
    for name in ("µs of its processor", "µs of the broker's", "bytes to Kafka"):
        table.add_column(name, justify="right")
    for record in records:
        if record.get("events_per_second") is not None:
            costs = ("processor_us_per_event", "broker_us_per_event", "bytes_per_event")
            table.add_row(record["engine"], *(f"{record[cost]['median']:.1f}" for cost in costs))
    return table


def faults_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return what faults did to each engine's figures."""
    counts = ("events", "wrong_skus", "lost", "doubled", "versions_backwards")
    table = Table(title="Under the same faults: kills, freezes, broker bounces, deaths of other causes")
    for name in ("engine", "guarantee"):
        table.add_column(name, no_wrap=True)
    for name in ("faults", "events", "wrong SKUs", "lost", "doubled", "backwards", "caught up"):
        table.add_column(name, justify="right")
    for record in records:
        name = f"{record['engine']} {record['version']}"
        if "reason" in record:
            table.add_row(name, record["guarantee"], str(record["reason"]).splitlines()[0])
            continue
        happened = "/".join(str(record[what]) for what in ("kills", "freezes", "bounces", "deaths"))
        values = [f"{record[count]:,}" for count in counts]
        table.add_row(name, record["guarantee"], happened, *values, "yes" if record["finished"] else "no")
    return table
