"""
Every metric of the stock worker and its neighbours: a closed list, so that dashboards never meet a stranger.

Units are in the names, as Prometheus wants them. No metric has a label by SKU: a shop has too many of them.
"""

import threading
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import CollectorRegistry

LATENCY_BUCKETS_SECONDS = (
    0.005, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
BATCH_RECORDS_BUCKETS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


class BulkHistogram:
    """
    A histogram that takes many observations at once.

    prometheus-client's own takes one at a time, at about 1 µs each: 3 % of what an event may cost.
    """

    def __init__(
        self, name: str, documentation: str, buckets: Sequence[float], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._name, self._documentation, self._bounds = name, documentation, tuple(buckets)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe_many(self, counts: Mapping[float, int]) -> None:
        """Add values, each with how often it was seen."""
        with self._lock:
            for value, count in counts.items():
                self._counts[bisect_left(self._bounds, value)] += count
                self._sum += value * count

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the one metric family, as prometheus-client asks for it."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        names = [*(str(bound) for bound in self._bounds), "+Inf"]
        cumulated = [(name, float(sum(counts[: n + 1]))) for n, name in enumerate(names)]
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], buckets=cumulated, sum_value=total)
        yield family


# What the stock agent does with events -------------------------------------------------------------------

EVENT_LATENCY = BulkHistogram(
    "onhand_event_latency_seconds",
    "From an event written to its availability committed.",
    LATENCY_BUCKETS_SECONDS,
)
EVENTS = Counter(
    "onhand_events", "Events by input topic and outcome, duplicates included.", ("topic", "outcome")
)
DEAD_LETTERS = Counter(
    "onhand_dead_letters", "Events given up, by input topic and reason.", ("topic", "reason")
)
RETRIES = Counter(
    "onhand_retries", "Events put off for another try, by input topic and reason.", ("topic", "reason")
)
OVERSOLD_UNITS = Counter("onhand_oversold_units", "Units by which deficits have grown (semantics 8).")
DISCREPANCY_UNITS = Counter(
    "onhand_discrepancy_units",
    "Units that counts found beyond what was believed, or missed, by location (semantics 5).",
    ("location", "direction"),
)
ALERTS = Counter("onhand_alerts", "Alerts raised, by kind; the topic stock-alerts has them.", ("kind",))
STALE_SOURCES = Gauge("onhand_stale_sources", "Sources silent for longer than some policy allows.")
HOLD_OUTCOMES = ("placed", "changed", "confirmed", "released", "expired", "refused")
HOLDS = Counter(
    "onhand_holds", f"Checkout holds by what became of them: {', '.join(HOLD_OUTCOMES)}.", ("outcome",)
)
FEED_DECISIONS = ("apply", "quarantined", "approved", "rejected", "abandoned", "superseded")
FEEDS = Counter(
    "onhand_feeds", f"Full feeds by what was decided: {', '.join(FEED_DECISIONS)}.", ("decision",)
)
SOURCE_STALENESS = Gauge(
    "onhand_source_staleness_seconds", "Age of the latest event of a source, by its occurred_at.", ("source",)
)

# What the engine does with batches -----------------------------------------------------------------------

BATCH_RECORDS = Histogram(
    "onhand_batch_records", "Records in one transaction.", buckets=BATCH_RECORDS_BUCKETS
)
BATCH_SECONDS = Histogram(
    "onhand_batch_seconds",
    "From a batch taken to its transaction committed.",
    buckets=LATENCY_BUCKETS_SECONDS,
)
COMMIT_SECONDS = Histogram(
    "onhand_commit_seconds", "Flush and commit of one transaction.", buckets=LATENCY_BUCKETS_SECONDS
)
TRANSACTION_ABORTS = Counter("onhand_transaction_aborts", "Transactions aborted and applied again.")
RESTORE_SECONDS = Histogram(
    "onhand_restore_seconds", "Restore of one partition.", buckets=LATENCY_BUCKETS_SECONDS
)
RESTORED_RECORDS = Counter("onhand_restored_records", "Changelog records read in restores.")
REBALANCES = Counter("onhand_rebalances", "Assignments taken.")
ASSIGNED_PARTITIONS = Gauge("onhand_assigned_partitions", "Partition numbers that this worker owns.")
LAG = Gauge("onhand_lag_records", "Records not yet read, by topic and partition.", ("topic", "partition"))
TABLE_KEYS = Gauge("onhand_table_keys", "Keys held, by table; for seen events their identities.", ("table",))

LOCATIONS_SHOWN = 500  # As with sources: what is found at others is shown together.
OTHER_LOCATIONS = "other"


class Locations:
    """The locations that metrics name, so that a source with endless ids can't fill the memory."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def shown(self, location_id: str) -> str:
        """Return what a location is called in metrics."""
        if len(self._shown) < LOCATIONS_SHOWN:
            self._shown.add(location_id)
        return location_id if location_id in self._shown else OTHER_LOCATIONS


SOURCES_SHOWN = 100  # A label value costs memory for ever; sources beyond these are not shown.


class Sources:
    """Latest occurred_at by source, shown as staleness at the moment of the scrape."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._latest: dict[str, int] = {}

    def saw(self, latest: Mapping[str, int]) -> None:
        """Take the latest occurred_at by source_id, UTC milliseconds."""
        for source_id, occurred_at in latest.items():
            known = self._latest.get(source_id)
            if known is None and len(self._latest) < SOURCES_SHOWN:
                SOURCE_STALENESS.labels(source_id).set_function(partial(self._age_seconds, source_id))
            if known is not None or len(self._latest) < SOURCES_SHOWN:
                self._latest[source_id] = max(known or 0, occurred_at)

    def _age_seconds(self, source_id: str) -> float:
        return (self._now() - self._latest[source_id]) / 1_000


def latencies(timestamps: Iterable[int], committed_at: int) -> dict[float, int]:
    """Return seconds from each timestamp (UTC milliseconds) to committed_at, with how often each was seen."""
    return {max(0, committed_at - at) / 1_000: count for at, count in Tally(timestamps).items()}
