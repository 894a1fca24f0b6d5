"""Carrying records from Kafka into one generation of the view."""

from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.view import metrics
from streams.view.batch import TopicWrites
from streams.view.source import Source
from streams.view.store import Applied, Batch, ViewMovedError, ViewStore

BATCH_RECORDS = 5_000  # About 10 ms of Redis's one thread, so that queries hardly notice.
REFUSED_LOGGED = 3  # Of one batch; the metric counts them all.

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Projection:
    """
    One generation, and the consumer that feeds it.

    Methods raise redis.RedisError, aiokafka.errors.KafkaError, and ViewMovedError when another writer or a
    changed Redis makes this one's position wrong; then attach again.
    """

    source: Source
    store: ViewStore
    generation: str
    positions: dict[tuple[str, int], int]

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer that reads for this generation."""
        return self.source.consumer

    async def seek(self) -> None:
        """Read on from where the generation is now."""
        stored = await self.store.positions(self.generation)
        if not stored.offsets:
            raise ViewMovedError(self.generation)
        self.positions = stored.offsets
        for (topic, number), offset in stored.offsets.items():
            self.consumer.seek(TopicPartition(topic, number), offset)

    async def step(self, wait_ms: int) -> Applied:
        """
        Carry over what comes within the wait, at most BATCH_RECORDS records.

        All stored positions are compared with ours, also of partitions that do not move: Redis may have been
        emptied or rolled back while nothing came.
        """
        read = await self.consumer.getmany(timeout_ms=wait_ms, max_records=BATCH_RECORDS)
        following = await self._consumer_positions()
        gathered = _gather(read)
        writes = {topic: topic_writes.writes() for topic, topic_writes in gathered.items()}
        applied = await self.store.apply(self.generation, Batch(self.positions, following, writes))
        self.positions = following
        _count(read, gathered, applied)
        return applied

    def progress(self, start: dict[tuple[str, int], int], goal: dict[TopicPartition, int]) -> float:
        """Return how much of the way from start to goal is done, 0 to 1."""
        total = sum(max(0, end - start[part.topic, part.partition]) for part, end in goal.items())
        left = sum(max(0, end - self.positions[part.topic, part.partition]) for part, end in goal.items())
        return 1.0 - left / total if total else 1.0

    async def _consumer_positions(self) -> dict[tuple[str, int], int]:
        """Return where the consumer is: unlike the last record's offset, this passes transaction markers."""
        return {
            (part.topic, part.partition): await self.consumer.position(part)
            for part in self.source.partitions
        }


def _gather(read: dict[TopicPartition, list[ConsumerRecord]]) -> dict[str, TopicWrites]:
    gathered: dict[str, TopicWrites] = {}
    for part, records in read.items():
        gathered.setdefault(part.topic, TopicWrites()).add_all(records)
    return gathered


def _count(
    read: dict[TopicPartition, list[ConsumerRecord]], gathered: dict[str, TopicWrites], applied: Applied
) -> None:
    for part, records in read.items():
        metrics.RECORDS.labels(part.topic).inc(len(records))
    metrics.IGNORED.inc(applied.ignored + sum(writes.ignored for writes in gathered.values()))
    for topic, writes in gathered.items():
        metrics.REFUSED.labels(topic).inc(len(writes.refused))
        for refused in writes.refused[:REFUSED_LOGGED]:
            log.error("view.record_refused", topic=topic, offset=refused.offset, reason=refused.reason)
