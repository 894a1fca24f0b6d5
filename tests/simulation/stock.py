"""The stock agent and the retry agent under faults, checked by `onhand verify`'s own recomputation."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas import wire
from streams import topology
from streams.agents.retry import SOURCE_OF, RetryAgent
from streams.agents.stock import StockAgent
from streams.app import engine_config
from streams.cli.verify import plan_of
from streams.domain.events import OWN_SOURCE
from streams.engine.engine import Engine
from streams.engine.log import Log, Partition
from streams.engine.memory_log import MemoryCluster, MemoryLog
from streams.settings import Catalogue, Settings
from streams.verify.report import Report
from streams.verify.run import Verification
from tests.simulation.counting import SilentMonitor
from tests.simulation.stock_inputs import CHANNELS, Source
from tests.simulation.world import Input

INPUTS = tuple(topic.name for topic in topology.INPUTS)
RETRY_STEP_PROBABILITY = 0.4  # The retry agent has a thread of its own, so any interleaving may happen.


class SilentStockMonitor(SilentMonitor):
    """Listens to nothing of the stock agent either."""

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Ignore it."""

    def refused(self, reasons: Mapping[tuple[str, str, str], int]) -> None:
        """Ignore it."""

    def alerts(self, kinds: Mapping[str, int]) -> None:
        """Ignore it."""

    def stale_sources(self, count: int) -> None:
        """Ignore it."""

    def oversold(self, units: int) -> None:
        """Ignore it."""

    def counted(self, discrepancies: Mapping[tuple[str, str], int]) -> None:
        """Ignore it."""

    def holds(self, counts: Mapping[str, int]) -> None:
        """Ignore it."""

    def feeds(self, decisions: Mapping[str, int]) -> None:
        """Ignore it."""

    def sources(self, latest: Mapping[str, int]) -> None:
        """Ignore it."""


class StockProcess:
    """One worker process: the engine with the stock agent, and the retry agent beside it."""

    def __init__(self, log: Log, settings: Settings, cluster: MemoryCluster) -> None:
        self._cluster = cluster
        self._agent = StockAgent(settings, SilentStockMonitor())
        self._engine = Engine(
            log,
            engine_config(settings),
            self._agent,
            SilentStockMonitor(),
            lambda: cluster.now_ms,
            lambda: cluster.now_ms / 1_000,
        )
        self._retries = RetryAgent(log, settings, lambda: cluster.now_ms)

    def start(self) -> None:
        """Start both."""
        self._engine.start()
        self._retries.start()

    def step(self) -> None:
        """Let one of them do a step."""
        if self._cluster.random.random() < RETRY_STEP_PROBABILITY:
            self._retries.step(0.0)
        else:
            self._engine.step(0.0)

    def close(self) -> None:
        """Stop both."""
        self._engine.close()
        self._retries.stop()

    def serves(self) -> frozenset[int]:
        """Return the owned partition numbers, none while something is left to do or to read."""
        # Who listens first has not judged silences yet.
        listens = bool(self._engine.owned) and self._agent._sources.listens
        busy = not self._engine.ready or self._agent.pending or self._policies_unread() or listens
        return frozenset() if busy else self._engine.owned

    def _policies_unread(self) -> bool:
        reader = self._engine._globals
        ends = reader.end_offsets(self._engine._global_partitions)
        return any(reader.position(partition) < end for partition, end in ends.items())


class StockScenario:
    """All inputs, full feeds, policies, poison, misplaced records, a lenient or a strict catalogue."""

    name = "stock"

    def __init__(self) -> None:
        self.partitions = 0
        self._settings = Settings()

    @property
    def compacted(self) -> Sequence[str]:
        """Return the topics that are compacted; the inputs' own compaction is left to stock-policies."""
        return tuple(topic.name for topic in topology.all_topics(CHANNELS) if topic.compacted)

    @property
    def inputs_by_group(self) -> Mapping[str, Sequence[str]]:
        """Return what the stock agent and the retry agent must have read."""
        group_id = self._settings.group_id
        return {group_id: INPUTS, f"{group_id}-retry": tuple(SOURCE_OF)}

    def topics(self, generator: random.Random) -> dict[str, int]:
        """Return the number of partitions by topic."""
        self.partitions = generator.randint(1, 3)
        self._settings = Settings(
            partitions=self.partitions,
            channels=CHANNELS,
            catalogue=generator.choice(list(Catalogue)),
            retry_delay_seconds=generator.choice((0.1, 1.0)),
            retry_attempts=generator.randint(0, 3),
        )
        return {topic.name: self.partitions for topic in topology.all_topics(CHANNELS)}

    def inputs(self, generator: random.Random, now_ms: int) -> list[Input]:
        """Return what sources write."""
        return Source(generator, self.partitions, now_ms).inputs()

    def worker(self, log: MemoryLog, worker_id: str, cluster: MemoryCluster) -> StockProcess:
        """Return a worker that has not started."""
        return StockProcess(log, self._settings.model_copy(update={"worker_id": worker_id}), cluster)

    def check(self, cluster: MemoryCluster, inputs: Sequence[Input]) -> None:
        """Recompute everything from the inputs, and count that each input came to exactly one end."""
        report = Verification(
            plan_of(self._settings), ClusterReader(cluster), None, Report(), cluster.now_ms
        ).run()
        sentences = [difference.sentence() for difference in report.differences]
        assert not sentences, f"{len(sentences)} differences, first: {'; '.join(sentences[:3])}"
        self._check_ends(cluster, inputs)
        check_versions(cluster, topology.STOCK_LEVELS.name)
        for channel_id in CHANNELS:
            check_versions(cluster, topology.availability_topic(channel_id).name)

    def _check_ends(self, cluster: MemoryCluster, inputs: Sequence[Input]) -> None:
        """
        Each record that a source wrote ends as one ledger row or one dead letter.

        Policies and rows of full feeds have no ledger of their own.
        """
        policies = topology.STOCK_POLICIES.name
        written = [item for item in inputs if item.topic in INPUTS and item.topic != policies]
        of_feeds = {item.value for item in written if is_of_feed(item.value)}
        names = {wire.decode(value)[1]["event_id"] for value in of_feeds if value}
        rows = [
            wire.decode(one.value() or b"")[1] for one in cluster.committed(topology.STOCK_MOVEMENTS.name)
        ]
        kept = [row for row in rows if row["source_id"] != OWN_SOURCE and not is_feed_row(row, names)]
        dead = [
            one
            for topic in INPUTS
            if topic != policies
            for one in cluster.committed(f"{topic}-dlq")
            if one.value() not in of_feeds
        ]
        expected = sum(item.value not in of_feeds for item in written)
        assert len(kept) + len(dead) == expected, (
            f"{expected} records came to {len(kept)} rows and {len(dead)} dead letters"
        )


def is_of_feed(value: bytes | None) -> bool:
    """Whether a record is a row of a full feed."""
    try:
        return wire.decode(value or b"")[1].get("feed_kind") == "FULL"
    except ValueError:
        return False


def is_feed_row(row: dict[str, Any], names: set[str]) -> bool:
    """Whether a row of the ledger says what a full feed has changed."""
    is_count = row["event_type"] == "StockCounted" and row["reference"] is not None
    return is_count and row["event_id"] in names


def check_versions(cluster: MemoryCluster, topic: str) -> None:
    """Versions of a key only rise, in one partition."""
    last: dict[bytes | None, tuple[int, int]] = {}
    for record in cluster.committed(topic):
        data = record.value()
        if data is not None:
            _, value = wire.decode(data)
            partition, version = last.get(record.key(), (record.partition(), 0))
            assert record.partition() == partition, f"{topic}: {record.key()!r} is in two partitions"
            assert value["version"] > version, (
                f"{topic}: {record.key()!r} went from {version} to {value['version']}"
            )
            last[record.key()] = (partition, value["version"])


class ClusterReader:
    """A streams.verify.reading.Reader of a cluster in memory."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 if it is missing."""
        return self._cluster.partition_counts([topic]).get(topic, 0)

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the first offset and the end."""
        return 0, self._cluster.log(partition).high_watermark

    def read(self, partitions: Iterable[Partition]) -> Iterator[Any]:
        """Yield all committed records, in order within each partition."""
        for partition in partitions:
            log = self._cluster.log(partition)
            yield from log.committed(0, log.high_watermark + 1)[0]

    def committed(self, group_id: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return a group's committed offsets."""
        group = self._cluster.group(group_id)
        offsets = {partition: group.offset(partition) for partition in partitions}
        return {partition: offset for partition, offset in offsets.items() if offset is not None}
