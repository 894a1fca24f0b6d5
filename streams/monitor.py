"""Turns what the engine and the stock agent do into metrics."""

import time
from collections.abc import Callable, Mapping, Sequence

import schemas
from streams import metrics, topology
from streams.domain.errors import Reason
from streams.engine.batch import Batch
from streams.engine.errors import EngineError
from streams.engine.log import Partition
from streams.engine.restore import Restored

ALERT_KINDS: Sequence[str] = next(
    field["type"]["symbols"] for field in schemas.load("StockAlert")["fields"] if field["name"] == "kind"
)
OUTCOMES = (
    "APPLIED",
    "DUPLICATE",
    "LATE",
    "REJECTED",
    "SUPERSEDED",
    "NOT_TRUSTED",
    "EXPLODED",
    "FORWARDED",
    "STAGED",
)


class WorkerMonitor:
    """A streams.engine.engine.Monitor and a streams.agents.stock.StockMonitor; now gives UTC milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._sources = metrics.Sources(now)
        self._locations = metrics.Locations()
        self._shown_lags: set[Partition] = set()
        _show_zeros()

    def committed(self, batch: Batch, seconds: float) -> None:
        """Take a committed batch; seconds is the time of flush and commit."""
        if not batch.records:
            return
        committed_at = self._now()
        metrics.BATCH_RECORDS.observe(len(batch.records))
        metrics.BATCH_SECONDS.observe(max(0, committed_at - batch.now) / 1_000)
        metrics.COMMIT_SECONDS.observe(seconds)
        timestamps = [record.timestamp()[1] for record in batch.records]
        metrics.EVENT_LATENCY.observe_many(metrics.latencies(timestamps, committed_at))

    def aborted(self, _batch: Batch, _error: EngineError) -> None:
        """Take an aborted batch."""
        metrics.TRANSACTION_ABORTS.inc()

    def restored(self, restored: Restored) -> None:
        """Take a restored partition."""
        metrics.RESTORE_SECONDS.observe(restored.seconds)
        metrics.RESTORED_RECORDS.inc(restored.records)

    def rebalanced(self, partitions: Sequence[int]) -> None:
        """Take a new assignment."""
        metrics.REBALANCES.inc()
        metrics.ASSIGNED_PARTITIONS.set(len(partitions))

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Take counts by (topic, outcome)."""
        for (topic, outcome), count in outcomes.items():
            metrics.EVENTS.labels(topic, outcome).inc(count)

    def refused(self, reasons: Mapping[tuple[str, str, str], int]) -> None:
        """Take counts by (topic, kind of refusal, reason)."""
        for (topic, kind, reason), count in reasons.items():
            counter = metrics.RETRIES if kind == "retry" else metrics.DEAD_LETTERS
            counter.labels(topic, reason).inc(count)

    def alerts(self, kinds: Mapping[str, int]) -> None:
        """Take counts of alerts by kind."""
        for kind, count in kinds.items():
            metrics.ALERTS.labels(kind).inc(count)

    def stale_sources(self, count: int) -> None:
        """Take how many sources are silent for longer than some policy allows."""
        metrics.STALE_SOURCES.set(count)

    def oversold(self, units: int) -> None:
        """Take units by which deficits have grown."""
        metrics.OVERSOLD_UNITS.inc(units)

    def counted(self, discrepancies: Mapping[tuple[str, str], int]) -> None:
        """Take units that counts found or missed, by (location_id, "found" or "lost")."""
        for (location_id, direction), units in discrepancies.items():
            metrics.DISCREPANCY_UNITS.labels(self._locations.shown(location_id), direction).inc(units)

    def holds(self, counts: Mapping[str, int]) -> None:
        """Take counts by what became of holds."""
        for outcome, count in counts.items():
            metrics.HOLDS.labels(outcome.lower()).inc(count)

    def feeds(self, decisions: Mapping[str, int]) -> None:
        """Take counts of full feeds by what was decided."""
        for decision, count in decisions.items():
            metrics.FEEDS.labels(decision.lower()).inc(count)

    def sources(self, latest: Mapping[str, int]) -> None:
        """Take the latest occurred_at by source_id."""
        self._sources.saw(latest)

    def state(self, lags: Mapping[Partition, int], held: Mapping[str, int]) -> None:
        """Take how things stand: lag by partition, keys held by table."""
        for partition in self._shown_lags - lags.keys():
            metrics.LAG.remove(partition[0], str(partition[1]))
        for (topic, number), lag in lags.items():
            metrics.LAG.labels(topic, str(number)).set(lag)
        self._shown_lags = set(lags)
        for table, keys in held.items():
            metrics.TABLE_KEYS.labels(table).set(keys)


def _show_zeros() -> None:
    """Begin counters at zero: of one that appears with its first event, Prometheus never sees that event."""
    for topic in topology.INPUTS:
        for outcome in OUTCOMES:
            metrics.EVENTS.labels(topic.name, outcome)
        for reason in Reason:
            metrics.DEAD_LETTERS.labels(topic.name, reason)
        metrics.RETRIES.labels(topic.name, Reason.UNKNOWN_SKU)
    for kind in ALERT_KINDS:
        metrics.ALERTS.labels(kind)
    for outcome in metrics.HOLD_OUTCOMES:
        metrics.HOLDS.labels(outcome)
    for decision in metrics.FEED_DECISIONS:
        metrics.FEEDS.labels(decision)


def now_milliseconds() -> int:
    """Return the wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000
