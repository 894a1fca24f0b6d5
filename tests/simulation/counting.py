"""A tiny agent that counts, to try the engine alone: no rule of stock, every path of the engine."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from streams.engine.batch import Batch
from streams.engine.engine import Engine, EngineConfig
from streams.engine.errors import EngineError
from streams.engine.log import Log, Partition, Record
from streams.engine.memory_log import MemoryCluster, MemoryLog, MemoryRecord
from streams.engine.partitioner import partition_for
from streams.engine.restore import Restored
from streams.engine.seen import Verdict, content_hash, identity_hash
from streams.engine.table import Table
from tests.simulation.world import Input

GROUP = "counting"
LEFT, RIGHT = "left", "right"
TOTALS, LEDGER, DEAD, SEEN, RULES = "totals", "ledger", "dead", "seen", "rules"
SOURCE = b"source"
TICK = "tick"
DEFERRED_STEP = 2  # Added by one tick: most deferred amounts take several, so that faults fall between them.


class Total(NamedTuple):
    """A key's total; deferred is added little by little by ticks, so that time alone changes state."""

    total: int = 0
    version: int = 0
    deferred: int = 0


class Event(NamedTuple):
    """What a source writes: JSON of these."""

    event_id: str
    kind: str
    amount: int


def encode_total(_key: bytes, value: Total) -> bytes:
    """Return a changelog value."""
    return json.dumps(value).encode()


def decode_total(data: bytes) -> Total:
    """Return the total of a changelog value."""
    return Total(*json.loads(data))


class Counting:
    """A streams.engine.engine.Processor: adds amounts, at once or at the next tick, and writes a ledger."""

    def __init__(self) -> None:
        self._totals: Table[Total] = Table(TOTALS, encode_total, decode_total)
        self.tables: tuple[Table[Any], ...] = (self._totals,)
        self.recent = None
        self.global_topics = (RULES,)
        self.rules: dict[bytes, bytes | None] = {}
        self._owned: set[int] = set()
        self.pending = False

    def take_global(self, record: Record) -> None:
        """Keep the newest rule."""
        self.rules[record.key() or b""] = record.value()

    def assigned(self, partition: int) -> None:
        """Own a partition."""
        self._owned.add(partition)

    def revoked(self, partition: int) -> None:
        """Own it no longer."""
        self._owned.discard(partition)

    def deferring(self) -> bool:
        """Return whether ticks have something left to add."""
        totals = [
            self._totals.get(partition, key)
            for partition in self._owned
            for key in self._totals.keys(partition)
        ]
        return any(total is not None and total.deferred for total in totals)

    def apply(self, batch: Batch) -> None:
        """Apply a batch, or add up on a tick what was deferred."""
        for record in batch.records:
            self._apply(batch, record)
        if not batch.records:
            for partition in sorted(self._owned):
                self._add_deferred(batch, partition)

    def _apply(self, batch: Batch, record: Record) -> None:
        key, partition, data = record.key() or b"", record.partition(), record.value() or b""
        try:
            event = Event(*json.loads(data))
        except (ValueError, TypeError):
            batch.emit(DEAD, partition, key, data)
            return
        verdict = batch.seen.check(
            partition, identity_hash(SOURCE, event.event_id.encode()), content_hash(data)
        )
        if verdict is Verdict.CONFLICT:
            batch.emit(DEAD, partition, key, data)
            return
        before = self._totals.get(partition, key) or Total()
        if verdict is Verdict.DUPLICATE:
            self._record(batch, partition, key, event.event_id, "duplicate", before, before)
            return
        if event.kind == "defer":
            after = before._replace(version=before.version + 1, deferred=before.deferred + event.amount)
        else:
            after = before._replace(version=before.version + 1, total=before.total + event.amount)
        if event.kind == "rule":
            batch.emit(RULES, partition, key, data)
        self._totals.put(partition, key, after)
        self._record(batch, partition, key, event.event_id, "applied", before, after)

    def _add_deferred(self, batch: Batch, partition: int) -> None:
        for key in self._totals.keys(partition):
            before = self._totals.get(partition, key)
            if before is not None and before.deferred:
                step = max(-DEFERRED_STEP, min(DEFERRED_STEP, before.deferred))
                after = Total(before.total + step, before.version + 1, before.deferred - step)
                self._totals.put(partition, key, after)
                self._record(batch, partition, key, TICK, TICK, before, after)

    @staticmethod
    def _record(
        batch: Batch, partition: int, key: bytes, event_id: str, outcome: str, before: Total, after: Total
    ) -> None:
        batch.emit(LEDGER, partition, key, json.dumps([event_id, outcome, before, after]).encode())


class SilentMonitor:
    """Listens to nothing."""

    def committed(self, batch: Batch, seconds: float) -> None:
        """Ignore it."""

    def aborted(self, batch: Batch, error: EngineError) -> None:
        """Ignore it."""

    def restored(self, restored: Restored) -> None:
        """Ignore it."""

    def rebalanced(self, partitions: Sequence[int]) -> None:
        """Ignore it."""


EngineClass = Callable[..., Engine]


class CountingWorker:
    """One worker process around the engine."""

    def __init__(self, log: Log, worker_id: str, cluster: MemoryCluster, engine_class: EngineClass) -> None:
        self.processor = Counting()
        config = EngineConfig(GROUP, worker_id, (LEFT, RIGHT), (LEDGER, DEAD, RULES), SEEN)
        self._engine = engine_class(
            log,
            config,
            self.processor,
            SilentMonitor(),
            lambda: cluster.now_ms,
            lambda: cluster.now_ms / 1_000,
        )
        self.start = self._engine.start
        self.close = self._engine.close

    def step(self) -> None:
        """Take, apply and commit a batch."""
        self._engine.step(0.0)

    def serves(self) -> frozenset[int]:
        """Return the partition numbers that it has restored."""
        return self._engine.owned if self._engine.ready and not self.processor.deferring() else frozenset()


class CountingScenario:
    """Adds, deferred adds and rules on a few keys over two co-partitioned inputs, with duplicates and poison."""

    name = "counting"
    compacted = (TOTALS, RULES)
    inputs_by_group: Mapping[str, Sequence[str]] = {GROUP: (LEFT, RIGHT)}

    def __init__(self, engine_class: EngineClass = Engine) -> None:
        self._engine_class = engine_class
        self.partitions = 0

    def topics(self, generator: random.Random) -> dict[str, int]:
        """Return the number of partitions by topic."""
        self.partitions = generator.randint(1, 3)
        return dict.fromkeys((LEFT, RIGHT, TOTALS, LEDGER, DEAD, SEEN, RULES), self.partitions)

    def inputs(self, generator: random.Random, now_ms: int) -> list[Input]:
        """Return what sources write."""
        keys = [f"key-{number}".encode() for number in range(generator.randint(1, 5))]
        found: list[Input] = []
        for number in range(generator.randint(5, 40)):
            topic, key = generator.choice((LEFT, RIGHT)), generator.choice(keys)
            partition = partition_for(key, self.partitions)
            kind = generator.choice(("add", "add", "defer", "defer", "rule"))
            value = json.dumps(Event(f"e{number}", kind, generator.randint(-5, 9))).encode()
            found.append(Input(topic, partition, key, value))
            chance = generator.random()
            if chance < 0.08:
                found.append(Input(topic, partition, key, b"poison-%d" % number))
            elif chance < 0.3:
                found.insert(generator.randrange(len(found)), found[-1])
        if generator.random() < 0.3:
            found += found[: generator.randint(0, len(found))]
        return found

    def worker(self, log: MemoryLog, worker_id: str, cluster: MemoryCluster) -> CountingWorker:
        """Return a worker that has not started."""
        return CountingWorker(log, worker_id, cluster, self._engine_class)

    def check(self, cluster: MemoryCluster, inputs: Sequence[Input]) -> None:
        """Check the ledger, the table and the dead letters against the inputs."""
        good = [item for item in inputs if not (item.value or b"").startswith(b"poison")]
        poison = Counter(item.value for item in inputs if item not in good)
        assert Counter(record.value() for record in cluster.committed(DEAD)) == poison, "dead letters"
        expected: dict[bytes, int] = defaultdict(int)
        applied = {Event(*json.loads(item.value or b"")): item.key for item in good}
        for event, key in applied.items():
            expected[key or b""] += event.amount
        rows = [(record, json.loads(record.value() or b"")) for record in cluster.committed(LEDGER)]
        outcomes = Counter(row[1] for _, row in rows)
        assert sorted(row[0] for _, row in rows if row[1] == "applied") == sorted(e.event_id for e in applied)
        assert outcomes["applied"] + outcomes["duplicate"] == len(good), "every record has one row"
        last = check_chains(rows)
        assert {key: total.total for key, total in last.items()} == expected, "ledger against inputs"
        assert {total.deferred for total in last.values()} <= {0}, "ticks add up all that was deferred"
        assert newest(cluster, TOTALS, decode_total) == last, "table against ledger"


def check_chains(rows: Sequence[tuple[MemoryRecord, list[Any]]]) -> dict[bytes, Total]:
    """Check that each row begins where the last one of its key ended; return where each key ends."""
    last: dict[bytes, Total] = {}
    for record, (event_id, outcome, before, after) in rows:
        key = record.key() or b""
        assert last.get(key, Total()) == Total(*before), (
            f"ledger of {key!r} is torn at {event_id} ({outcome})"
        )
        last[key] = Total(*after)
    return last


def newest(
    cluster: MemoryCluster, topic: str, decode: Callable[[bytes], Any], version: str = "version"
) -> dict[bytes, Any]:
    """Replay a changelog: return the newest value of each key; versions must only rise."""
    values: dict[bytes, Any] = {}
    places: dict[bytes, Partition] = {}
    for record in cluster.committed(topic):
        key, data = record.key() or b"", record.value()
        if data is None:
            values.pop(key, None)
            continue
        value = decode(data)
        if key in values:
            assert getattr(value, version) > getattr(values[key], version), f"{topic}: {key!r} went back"
        values[key] = value
        place = (topic, record.partition())
        assert places.setdefault(key, place) == place, f"{topic}: {key!r} is in two partitions"
    return values
