"""The page CAPACITY.md: what was measured, the formulas, and what three rates need."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.capacity.model import Assumptions, Costs, Plan, identities
from streams import topology

WIDTH = 120
SMALL_BYTES = 0.05  # Topics that an event hardly touches are added up.
REMEDIES = {
    "processor": "Workers are limited by their processor: add workers, up to one a partition.",
    "memory of identities": (
        "Workers are limited by the memory of identities, not by events: add workers for their memory, or shorten the "
        "window if every source resends within less than that."
    ),
    "restore of identities": (
        "Workers are limited by how fast a cold one restores its identities, not by events: more workers hold fewer "
        "each. A store of identities on disk, or a warm standby, would end this limit."
    ),
    "replication": "Brokers are as many as replicas need: none of their limits is near.",
    "processors": "Brokers are limited by their processors; larger batches cost less an event.",
    "network": "Brokers are limited by their network.",
    "disk writes": "Brokers are limited by how fast they write.",
    "disk space": (
        "Brokers are limited by disk space, mostly for the ledger, which is kept 400 days: move old segments to tiered "
        "storage, or keep it for less."
    ),
    "partitions": (
        "Brokers are limited by the number of partitions, which follows that of workers: the same events would fit "
        "into fewer."
    ),
}


def retention_days(channels: Iterable[str]) -> dict[str, int | None]:
    """Return the days that each topic is kept, None for the latest of each key; "input" is that of sales."""
    days = {topic.name: topic.retention_days for topic in topology.all_topics(tuple(channels))}
    return {**days, "input": topology.STOCK_SALES.retention_days}


def page(
    document: Mapping[str, Any], costs: Costs, assumed: Assumptions, plans: Sequence[Plan], command: str
) -> str:
    """Return the page as Markdown."""
    return "\n".join(
        [
            "# Capacity",
            "",
            f"Made by `{command}` from costs measured on {document['measured_at'][:10]}; do not edit by hand.",
            f"The machine has {document['machine']['processors']} processors for broker, workers and measurement.",
            "",
            "## Measured",
            "",
            *_measured(document["runs"]),
            "",
            *_costs(costs),
            "",
            "## Formulas",
            "",
            *_formulas(assumed),
            "",
            "## What a rate needs",
            "",
            *_needs(plans, assumed),
            "",
            "## What breaks first",
            "",
            *_breaks(plans),
            "",
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table."""
    return [_row(head), f"|{'---|' * len(head)}", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _measured(runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            workers,
            f"{run['events_per_second']:,.0f}",
            f"{run['worker_us']:.1f} µs",
            f"{run['broker_us']:.1f} µs",
            f"{run['worker_processors']:.2f}",
            f"{run['broker_processors']:.2f}",
        ]
        for workers, run in runs.items()
    ]
    head = (
        "workers",
        "events/s",
        "workers, an event",
        "broker, an event",
        "processors of workers",
        "processors of broker",
    )
    return table(head, rows)


def _costs(costs: Costs) -> list[str]:
    small = sum(size for size in costs.output_bytes.values() if size < SMALL_BYTES)
    large = sorted(
        ((topic, size) for topic, size in costs.output_bytes.items() if size >= SMALL_BYTES),
        key=lambda pair: -pair[1],
    )
    rows = [
        ["input", f"{costs.input_bytes:.1f}"],
        *([f"`{topic}`", f"{size:.1f}"] for topic, size in large),
        *([["all others", f"{small:.2f}"]] if small else []),
        ["together, one copy", f"{costs.written_bytes:.1f}"],
    ]
    return [
        *table(("topic", "bytes an event, lz4"), rows),
        "",
        f"A worker holds {costs.identity_bytes:.1f} bytes an identity and {costs.sku_bytes:,.0f} bytes a SKU,",
        f"and restores {costs.identities_restored_per_second:,.0f} identities a second.",
    ]


def _formulas(assumed: Assumptions) -> list[str]:
    return [
        "`rate` is that of the peak; what is kept for days comes at the average.",
        "",
        "```",
        "average     = rate / peak_over_average",
        "identities  = average · window_days · 86,400",
        "workers     = max( rate / (events_per_second(1 worker) · headroom),",
        "                   (identities · identity_bytes + skus · sku_bytes) / worker_memory,",
        "                   identities / (identities_restored_per_second · restore_seconds) )",
        "partitions  = the power of two from 2 · workers on, 8 at the least",
        "network in  = rate · bytes an event · replicas;  network out = the same: followers, workers, channels",
        "disk        = replicas · Σ topics: bytes · (average · days kept · 86,400, or 2 · skus if compacted)",
        "brokers     = max( replicas,",
        "                   rate · broker_us · (1 + (replicas - 1) · follower_share) / (processors · headroom),",
        "                   network / (broker_network · headroom), network in / (disk_writes · headroom),",
        "                   disk / (broker_disk · headroom), partitions · topics · replicas / broker_replicas )",
        "```",
        "",
        *table(
            ("assumed", "value"),
            [
                ["peak over average", f"{assumed.peak_over_average:g}"],
                ["SKUs", f"{assumed.skus:,}"],
                ["headroom", f"{assumed.headroom:.0%} of a processor, network or disk"],
                [
                    "replicas; a follower's share",
                    f"{assumed.replicas}; {assumed.follower_share:.0%} of its leader",
                ],
                ["processors of a broker", f"{assumed.broker_processors}"],
                ["network of a broker", f"{assumed.broker_network_bytes * 8 / 1e9:g} Gbit/s each way"],
                ["writes of a broker", f"{assumed.broker_disk_bytes_per_second / 1e6:g} MB/s"],
                ["disk of a broker", f"{assumed.broker_disk_bytes / 1e12:g} TB"],
                ["partition replicas of a broker", f"{assumed.broker_replicas:,}"],
                ["memory of a worker", f"{assumed.worker_memory_bytes / 1e9:g} GB"],
                ["a cold worker is back within", f"{assumed.restore_seconds:g} s"],
                ["identities", f"of {assumed.window_days} days"],
                ["topics by SKU", str(assumed.keyed_topics)],
            ],
        ),
    ]


def _needs(plans: Sequence[Plan], assumed: Assumptions) -> list[str]:
    head = ["", *(f"{plan.rate:,.0f} events/s" for plan in plans)]
    rows = [
        ["average events/s", *(f"{plan.rate / assumed.peak_over_average:,.0f}" for plan in plans)],
        ["identities remembered", *(f"{identities(assumed, plan.rate):,.0f}" for plan in plans)],
        ["**workers**", *(f"**{plan.workers:,}**" for plan in plans)],
        *_by(plans, "workers_by"),
        ["**partitions**", *(f"**{plan.partitions:,}**" for plan in plans)],
        ["**brokers**", *(f"**{plan.brokers:,}**" for plan in plans)],
        *_by(plans, "brokers_by"),
        ["**network**, each way, all brokers", *(_rate(plan.network_in_bytes) for plan in plans)],
        ["**disk**, all copies", *(f"{plan.disk_bytes / 1e12:,.1f} TB" for plan in plans)],
    ]
    return table(head, rows)


def _by(plans: Sequence[Plan], name: str) -> list[list[str]]:
    limits = getattr(plans[0], name)
    return [[f"by {limit}", *(f"{getattr(plan, name)[limit]:,}" for plan in plans)] for limit in limits]


def _rate(bytes_per_second: float) -> str:
    return f"{bytes_per_second / 1e6:,.0f} MB/s"


def _breaks(plans: Sequence[Plan]) -> list[str]:
    lines = []
    for plan in plans:
        workers, brokers = plan.breaks_first
        said = f"- **{plan.rate:,.0f} events/s.** {REMEDIES[workers]} {REMEDIES[brokers]}"
        lines += textwrap.wrap(said, WIDTH, subsequent_indent="  ")
    return [
        *lines,
        "",
        "Whatever the rate: all events of one SKU pass through one worker, so a single SKU takes no more than one",
        "worker does. Changing the number of partitions is a migration: choose it for the rate to come.",
    ]
