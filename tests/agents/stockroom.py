"""The stock agent without a log: batches in, what it emits out, committed or aborted as the engine would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas import wire
from streams import topology
from streams.agents.stock import StockAgent
from streams.domain.catalogue import ItemDescribed
from streams.domain.events import StockCounted, StockEvent
from streams.domain.hold_requests import Request
from streams.domain.policy import StockPolicySet
from streams.engine.batch import Batch
from streams.engine.log import Headers
from streams.engine.memory_log import MemoryRecord
from streams.engine.partitioner import partition_for
from streams.engine.seen import SeenCodec, SeenEvents
from streams.ledger.chain import Chain
from streams.ledger.movement import Movement
from streams.settings import Settings
from tests.domain.shop import NOW

Input = StockEvent | StockCounted | Request | StockPolicySet | ItemDescribed

PARTITIONS = 4
SEEN_CODEC = SeenCodec()
TABLES = tuple(topic.name for topic in topology.TABLES)


class Emitted(NamedTuple):
    """One record that a batch produced."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def fields(self) -> dict[str, Any]:
        """The value, decoded by fastavro."""
        assert self.value is not None
        return wire.decode(self.value)[1]

    def header(self, name: str) -> str:
        """One header as text."""
        return dict(self.headers)[name].decode()


class Monitor:
    """Counts what the agent says of committed batches."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[tuple[str, str, str]] = Counter()
        self.alerts_by_kind: Counter[str] = Counter()
        self.silent = 0
        self.oversold_units = 0
        self.discrepancies: Counter[tuple[str, str]] = Counter()
        self.held: Counter[str] = Counter()
        self.decided: Counter[str] = Counter()
        self.latest: dict[str, int] = {}

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        self.outcomes.update(outcomes)

    def refused(self, reasons: Mapping[tuple[str, str, str], int]) -> None:
        self.reasons.update(reasons)

    def alerts(self, kinds: Mapping[str, int]) -> None:
        self.alerts_by_kind.update(kinds)

    def stale_sources(self, count: int) -> None:
        self.silent = count

    def oversold(self, units: int) -> None:
        self.oversold_units += units

    def counted(self, discrepancies: Mapping[tuple[str, str], int]) -> None:
        self.discrepancies.update(discrepancies)

    def holds(self, counts: Mapping[str, int]) -> None:
        self.held.update(counts)

    def feeds(self, decisions: Mapping[str, int]) -> None:
        self.decided.update(decisions)

    def sources(self, latest: Mapping[str, int]) -> None:
        self.latest.update(latest)


class Producer:
    """Takes what a batch emits; the rest of a transactional producer is not asked for."""

    def __init__(self) -> None:
        self.emitted: list[Emitted] = []

    def produce(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None:
        self.emitted.append(Emitted(topic, partition, key, value, headers or ()))


class Stockroom:
    """
    One worker with all partitions, or some; `all` is everything that it has committed, and what was before.

    Whatever a test does with it, the ledger chains: a row that leaves a gap fails the test.
    """

    def __init__(
        self, earlier: Sequence[Emitted] = (), *, owned: Sequence[int] = range(PARTITIONS), **settings: Any
    ) -> None:
        self.settings = Settings(**{"partitions": PARTITIONS, "channels": ("pos", "web"), **settings})
        self.monitor = Monitor()
        self.agent = StockAgent(self.settings, self.monitor)
        self.seen = SeenEvents(topology.SEEN_EVENTS.name, SEEN_CODEC, 7 * 24, self.agent.recent)
        self.all: list[Emitted] = list(earlier)
        self.owned = tuple(owned)
        self._offset = 0
        self._ledger: dict[str, Chain] = {}
        self._follow(earlier)
        for partition in self.owned:
            self.seen.open(partition)
            for table in self.agent.tables:
                table.open(partition)
        self._restore(earlier)
        for partition in self.owned:
            self.agent.assigned(partition)

    def _restore(self, earlier: Sequence[Emitted]) -> None:
        tables = {table.topic: table for table in self.agent.tables}
        for record in earlier:
            if record.topic in self.agent.global_topics:
                self.agent.take_global(as_record(record))
            elif record.partition not in self.owned:
                continue
            elif record.topic in tables:
                tables[record.topic].restore(record.partition, record.key or b"", record.value)
            elif record.topic == self.seen.topic:
                assert record.value is not None
                self.seen.restore(record.partition, record.value, NOW)

    def record(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> MemoryRecord:
        """An input record, on its right partition unless told otherwise."""
        if partition is None:
            partition = partition_for(key or b"", PARTITIONS)
        self._offset += 1
        return MemoryRecord((topic, partition, self._offset), key, value, headers, NOW)

    def record_of(self, event: Input, **options: Any) -> MemoryRecord:
        """The input record of an event or policy."""
        name = type(event).__name__
        value = wire.encode(name, as_fields(event))
        return self.record(topology.EVENT_TOPICS[name].name, event.sku.encode(), value, **options)

    def take(self, *inputs: Input | MemoryRecord, now: int = NOW, commits: bool = True) -> Harvest:
        """Apply one batch and return what it produced, tables and identities included."""
        records = [one if isinstance(one, MemoryRecord) else self.record_of(one) for one in inputs]
        producer = Producer()
        batch = Batch(records, now, self.seen, producer)  # type: ignore[arg-type] # Only produce is asked for.
        self.agent.apply(batch)
        for table in self.agent.tables:
            table.flush(producer.produce)
        self.seen.flush(producer.produce, "worker-0", now)
        if not commits:
            for table in self.agent.tables:
                table.discard()
            self.seen.discard()
            return Harvest(producer.emitted)
        for table in self.agent.tables:
            table.merge()
        self.seen.merge()
        for action in batch.on_commit:
            action()
        self.all += producer.emitted
        self._follow(producer.emitted)
        return Harvest(producer.emitted)

    def _follow(self, emitted: Sequence[Emitted]) -> None:
        """Follow the balances of every SKU, each from its first row."""
        for row in Harvest(emitted).movements():
            chain = self._ledger.setdefault(row["sku"], Chain(complete=True))
            assert chain.add(Movement(0, 0, row)).gaps == ()

    def tick(self, now: int = NOW) -> Harvest:
        """A batch without records."""
        return self.take(now=now)

    def hear_globals(self, harvest: Harvest) -> None:
        """Bring what a batch wrote for all workers round through the global topics."""
        for record in harvest:
            if record.topic in self.agent.global_topics:
                self.agent.take_global(as_record(record))

    def level(self, sku: str) -> dict[str, Any] | None:
        """A SKU's latest value on the table's topic."""
        found = [one for one in self.all if (one.topic, one.key) == (TABLES[0], sku.encode())]
        return found[-1].fields() if found else None


class Harvest(list[Emitted]):
    """What one batch produced, or several."""

    def __add__(self, more: list[Emitted]) -> Harvest:  # type: ignore[override] # It stays a harvest.
        return Harvest([*self, *more])

    def of(self, topic: str) -> list[Emitted]:
        """The records on one topic."""
        return [one for one in self if one.topic == topic]

    def movements(self) -> list[dict[str, Any]]:
        """The ledger's rows."""
        return [one.fields() for one in self.of("stock-movements")]

    def alerts(self) -> list[dict[str, Any]]:
        """What people are told."""
        return [one.fields() for one in self.of("stock-alerts")]

    def told(self) -> dict[tuple[str, str], int]:
        """Units by channel and SKU; fails when a channel is told twice of one SKU."""
        found = [one.fields() for one in self if one.topic.startswith("availability-")]
        told = {(one["channel_id"], one["sku"]): one["available_to_sell"] for one in found}
        assert len(told) == len(found), "one batch told a channel twice of one SKU"
        return told


def as_record(emitted: Emitted) -> MemoryRecord:
    """What was emitted, as it is read."""
    place = emitted.topic, emitted.partition, 0
    return MemoryRecord(place, emitted.key, emitted.value, emitted.headers or None, NOW)


def as_fields(event: Any) -> Any:
    """Records as dictionaries, as the edge codec takes them."""
    if hasattr(event, "_asdict"):
        return {name: as_fields(value) for name, value in event._asdict().items()}
    return [as_fields(part) for part in event] if isinstance(event, tuple) else event
