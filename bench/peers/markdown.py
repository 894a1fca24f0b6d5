"""Records as Markdown tables, for a README: made from the files, so that no figure is typed."""

from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "–"  # noqa: RUF001 - a dash reads better in a table than a hyphen.


def speed(records: Sequence[Mapping[str, Any]]) -> str:
    """Return throughput and latency by engine: medians, the throughput's spread in brackets."""
    rates = sorted({int(rate) for record in records for rate in record.get("p50_ms", ())})
    head = [
        "engine",
        "guarantee",
        "events/s",
        *(f"p50 / p99 at {rate:,}/s" for rate in rates),
        "µs an event",
        "bytes an event",
        "wrong SKUs",
    ]
    return _table(head, [_speed_row(record, rates) for record in records])


def faults(records: Sequence[Mapping[str, Any]]) -> str:
    """Return what the same faults did to each engine's figures."""
    head = [
        "engine",
        "guarantee",
        "events",
        "kills / freezes / bounces",
        "wrong SKUs",
        "lost",
        "doubled",
        "caught up",
    ]
    return _table(head, [_faults_row(record) for record in records])


def _speed_row(record: Mapping[str, Any], rates: Sequence[int]) -> list[str]:
    throughput = record.get("events_per_second")
    about = [_name(record), record["guarantee"]]
    if throughput is None:
        return [*about, _reason(record), *[NOTHING] * (len(rates) + 3)]
    spread = f"({throughput['minimum']:,.0f}–{throughput['maximum']:,.0f})"  # noqa: RUF001 - a range.
    return [
        *about,
        f"{throughput['median']:,.0f} {spread}",
        *(_latency(record, str(rate)) for rate in rates),
        f"{record['processor_us_per_event']['median']:.1f}",
        f"{record['bytes_per_event']['median']:.0f}",
        str(record["wrong_skus"]),
    ]


def _faults_row(record: Mapping[str, Any]) -> list[str]:
    about = [_name(record), record["guarantee"]]
    if "reason" in record:
        return [*about, _reason(record), *[NOTHING] * 5]
    return [
        *about,
        f"{record['events']:,}",
        f"{record['kills']} / {record['freezes']} / {record['bounces']}",
        f"{record['wrong_skus']:,} of {record['skus']:,}",
        f"{record['lost']:,}",
        f"{record['doubled']:,}",
        "yes" if record["finished"] else "no",
    ]


def _name(record: Mapping[str, Any]) -> str:
    return f"{record['engine']} {record['version']}"


def _reason(record: Mapping[str, Any]) -> str:
    return str(record.get("reason", "no right run")).splitlines()[0]


def _latency(record: Mapping[str, Any], rate: str) -> str:
    if rate not in record["p50_ms"]:
        return NOTHING
    return f"{record['p50_ms'][rate]['median']:,.0f} / {record['p99_ms'][rate]['median']:,.0f} ms"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_row(head), f"|{'---|' * len(head)}", *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
