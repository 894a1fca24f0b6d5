"""
The engine: a consumer group's member that turns batches into transactions (design D1 to D5).

    assigned ─> restoring ─> poll ─> batch ─> [processor] ─> flush ─> commit ─> merge
                               ^                                        │
                               └───────────── abort, rewind <───────────┘

It is synchronous and knows nothing of stock, of Faust or of Kafka: it runs on any streams.engine.log.Log. Four
rules of design D2 keep it right under faults: the group metadata is taken at assignment, offsets come from the
batch's own records, any error in a commit that is not plainly retriable ends the process or rewinds, and write
sets merge only after success.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.engine.batch import Batch
from streams.engine.errors import AbortableLogError, ConfigurationError, EngineError, RetriableLogError
from streams.engine.log import GroupMetadata, Log, Partition, Record
from streams.engine.recent import RecentNotes
from streams.engine.restore import Restored, Restorer
from streams.engine.seen import SeenCodec, SeenEvents
from streams.engine.table import Table

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25  # How often time alone may change state (design D3).
GLOBAL_POLL_RECORDS = 10_000

# Batches take turns: a producer whose commit has returned can't begin again until the markers of its transaction
# are written, and librdkafka asks again only after 20 ms (CONCURRENT_TRANSACTIONS).
PRODUCERS = 2


class Processor(Protocol):
    """What an agent does with batches; it owns the tables that the engine restores and commits."""

    @property
    def tables(self) -> Sequence[Table[Any]]:
        """The tables that the engine restores, commits and drops."""

    @property
    def recent(self) -> RecentNotes | None:
        """What it remembers of recent events; it commits and is restored with their identities."""

    @property
    def global_topics(self) -> Sequence[str]:
        """Topics that every worker reads whole."""

    @property
    def pending(self) -> bool:
        """True while there is work without records, so that ticks follow each other at once."""

    def apply(self, batch: Batch) -> None:
        """Apply a batch, or a tick when it has no records. An exception ends the process, nothing is skipped."""

    def take_global(self, record: Record) -> None:
        """Take one record of a global topic, which every worker reads whole."""

    def assigned(self, partition: int) -> None:
        """Know that a partition number is restored and its inputs will follow."""

    def revoked(self, partition: int) -> None:
        """Know that a partition number is gone."""


class Monitor(Protocol):
    """Who is told what the engine does; times are seconds."""

    def committed(self, batch: Batch, seconds: float) -> None: ...
    def aborted(self, batch: Batch, error: EngineError) -> None: ...
    def restored(self, restored: Restored) -> None: ...
    def rebalanced(self, partitions: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine needs to know of its set-up; input topics are co-partitioned with everything else."""

    group_id: str
    worker_id: str
    input_topics: tuple[str, ...]
    output_topics: tuple[str, ...]
    seen_topic: str
    seen_window_hours: int = 7 * 24
    batch_max_records: int = 10_000

    @property
    def transactional_ids(self) -> tuple[str, ...]:
        """Stable over restarts, so that a restarted worker ends its own open transactions at once (design D3)."""
        return tuple(f"{self.group_id}-{self.worker_id}-{number}" for number in range(PRODUCERS))


class Engine:
    """
    One worker. Call start once, then step for ever, or next_batch and commit with the processor in between.

    now gives milliseconds since 1970, clock gives monotonic seconds. Any FatalLogError means: end the process.
    """

    def __init__(
        self,
        log: Log,
        config: EngineConfig,
        processor: Processor,
        monitor: Monitor,
        now: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._config = config
        self._processor = processor
        self._monitor = monitor
        self._now = now
        self._clock = clock
        self._codec = SeenCodec()
        self._seen = SeenEvents(config.seen_topic, self._codec, config.seen_window_hours, processor.recent)
        self._tables = {table.topic: table for table in processor.tables}
        self._owned: set[int] = set()
        self._parked: set[int] = set()
        self._group: GroupMetadata | None = None
        self._next_tick = 0.0
        self._consumer = log.consumer(config.group_id, config.worker_id)
        self._producers = [log.producer(name) for name in config.transactional_ids]
        self._turn = 0
        self._globals = log.reader()
        self._global_partitions: list[Partition] = []
        self._restorer = Restorer(
            log.reader(),
            (*self._tables, config.seen_topic),
            self._restore_record,
            clock,
            self._end_writers,
            # Every transaction of events writes there what it has seen.
            config.seen_topic,
        )

    def start(self) -> None:
        """
        Check the topics, end what an earlier run left open, read the global tables and join the group.

        Raises ConfigurationError when topics are missing or their partition counts differ.
        """
        partitions = self._check_partitions()
        for producer in self._producers:
            producer.init_transactions()
        self._global_partitions = [
            (topic, p) for topic in self._processor.global_topics for p in range(partitions)
        ]
        for partition in self._global_partitions:
            self._globals.start(partition, 0)
        self._catch_up_globals()
        self._consumer.subscribe(self._config.input_topics, self._on_assign, self._on_revoke, self._on_lost)

    @property
    def ready(self) -> bool:
        """True when this worker is a member of the group and its partitions, if any, are restored."""
        return self._group is not None and not self._restorer.busy

    @property
    def owned(self) -> frozenset[int]:
        """The partition numbers that this worker owns."""
        return frozenset(self._owned)

    def held(self) -> dict[str, int]:
        """Return the number of keys by table, and of identities under the name of their topic."""
        return {name: len(table) for name, table in self._tables.items()} | {
            self._seen.topic: len(self._seen)
        }

    def lag(self) -> dict[Partition, int]:
        """Return records not yet read, by partition, as far as the client knows."""
        return dict(self._consumer.lag())

    def step(self, timeout_seconds: float = 0.1) -> bool:
        """Take, apply and commit one batch; return False when there was nothing to do."""
        batch = self.next_batch(timeout_seconds)
        if batch is None:
            return False
        self._processor.apply(batch)
        self.commit(batch)
        return True

    def next_batch(self, timeout_seconds: float) -> Batch | None:
        """Return the next batch with its transaction begun, an empty one when a tick is due, or None."""
        if self._restorer.busy:
            self._restored(self._restorer.step(0.0))
            timeout_seconds = 0.01
        for record in self._globals.poll(GLOBAL_POLL_RECORDS, 0.0):
            self._processor.take_global(record)
        until_tick = 0.0 if self._processor.pending else max(0.0, self._next_tick - self._clock())
        records = self._consumer.poll(self._config.batch_max_records, min(timeout_seconds, until_tick))
        if self._restorer.busy:
            early = {
                record.partition() for record in records if self._restorer.is_restoring(record.partition())
            }
            assert not early, f"records came before their tables: partitions {sorted(early)}"
        # Asked under load too: what time alone does, such as dropping old identities, must not wait for a lull.
        if not self._tick_due() and not records:
            return None
        self._turn = (self._turn + 1) % len(self._producers)
        producer = self._producers[self._turn]
        producer.begin()
        return Batch(records, self._now(), self._seen, producer)

    def commit(self, batch: Batch) -> None:
        """
        Commit a batch with its tables, identities and offsets; rewind to its first records if that fails.

        Raises FatalLogError, with nothing of the batch visible, when the process must end.
        """
        started = self._clock()
        try:
            self._flush(batch)
            batch.producer.commit()
        except AbortableLogError as error:
            self._rewind(batch, error)
            return
        for table in self._tables.values():
            table.merge()
        self._seen.merge()
        for action in batch.on_commit:
            action()
        self._monitor.committed(batch, self._clock() - started)

    def close(self) -> None:
        """Leave the group; whatever is in flight is aborted by the broker or the next start."""
        self._consumer.close()
        for producer in self._producers:
            producer.close()
        self._globals.close()
        self._restorer.reader.close()

    def _tick_due(self) -> bool:
        now = self._clock()
        if now < self._next_tick and not self._processor.pending:
            return False
        self._next_tick = now + TICK_SECONDS
        self._seen.sweep(self._now())
        return bool(self._owned)

    def _flush(self, batch: Batch) -> None:
        produce, tables = batch.producer.produce, self._tables.values()
        writes = batch.emitted > 0 or any(True for table in tables for _ in table.written())
        # First, since these name the writer: whoever waits behind a worker that froze while its records were on
        # their way finds out whose transaction to end.
        self._seen.flush(produce, self._config.transactional_ids[self._turn], batch.now)
        for table in tables:
            table.flush(produce)
        if batch.records or writes:
            assert self._group is not None, "records and ticks come only within an assignment"
            batch.producer.send_offsets(batch.next_offsets() or self._fence(), self._group)

    def _fence(self) -> dict[Partition, int]:
        """
        Return an offset that means nothing, for a tick to commit.

        Only offsets make Kafka check the membership: without any, a worker thawed after its session would
        commit what its stale tables came to. The simulation found that.
        """
        return {(self._config.seen_topic, min(self._owned)): 0}

    def _rewind(self, batch: Batch, error: EngineError) -> None:
        logger.warning("transaction aborted, %d records will be applied again: %s", len(batch.records), error)
        for table in self._tables.values():
            table.discard()
        self._seen.discard()
        batch.producer.abort()
        for partition, offset in batch.first_offsets().items():
            self._consumer.seek(partition, offset)
        self._monitor.aborted(batch, error)

    def _check_partitions(self) -> int:
        config = self._config
        wanted = (*config.input_topics, *config.output_topics, *self._tables, config.seen_topic)
        counts = self._log.partition_counts((*wanted, *self._processor.global_topics))
        missing = sorted(set(wanted) - counts.keys())
        if missing:
            raise ConfigurationError(
                f"topics are missing: {', '.join(missing)}; create them with `onhand topics`"
            )
        if len({counts[topic] for topic in wanted}) > 1:
            shown = ", ".join(f"{topic} {counts[topic]}" for topic in sorted(set(wanted)))
            raise ConfigurationError(f"topics keyed alike must have the same number of partitions: {shown}")
        return counts[wanted[0]]

    def _catch_up_globals(self) -> None:
        """Read the global topics up to their end: nothing decided before now is missed."""
        targets = self._globals.end_offsets(self._global_partitions)
        while any(self._globals.position(partition) < target for partition, target in targets.items()):
            for record in self._globals.poll(GLOBAL_POLL_RECORDS, 0.01):
                self._processor.take_global(record)

    def _on_assign(self, partitions: list[Partition]) -> None:
        # Taken now and kept for all batches of this assignment: metadata taken later lets a thawed worker's
        # stale batch through (design D2, KAFKA-9365).
        self._group = self._consumer.group_metadata()
        numbers = {number for _, number in partitions}
        self._forget(self._parked - numbers)
        self._parked.clear()
        for number in numbers:
            for table in self._tables.values():
                table.open(number)
            self._seen.open(number)
        self._owned = numbers
        if numbers:
            self._consumer.pause(partitions)
            self._restorer.begin(sorted(numbers))
        self._monitor.rebalanced(sorted(numbers))
        logger.info("assigned partitions %s", sorted(numbers))

    def _on_revoke(self, partitions: list[Partition]) -> None:
        """Park what is up to date, so that a partition that comes straight back costs nothing."""
        numbers = {number for _, number in partitions}
        try:
            whole = set(self._restorer.park(numbers))
            if whole:
                self._prove_membership()
        except (RetriableLogError, AbortableLogError):
            whole = set()
        self._leave(numbers, kept=whole)

    def _prove_membership(self) -> None:
        """
        Have the broker say that nobody else owned our partitions until now.

        Who is frozen while it is asked to leave may be expelled meanwhile: what it parks then would be taken for up
        to date though others have written. Raises FencedError when that has happened. The simulation found that.
        """
        assert self._group is not None, "only a member is asked to leave"
        producer = self._producers[self._turn]
        producer.begin()
        try:
            producer.send_offsets(self._fence(), self._group)
            producer.commit()
        except AbortableLogError:
            producer.abort()
            raise

    def _on_lost(self, partitions: list[Partition]) -> None:
        """Forget everything: others may have written since our last commit."""
        self._leave({number for _, number in partitions}, kept=set())

    def _leave(self, numbers: set[int], kept: set[int]) -> None:
        for number in numbers:
            self._processor.revoked(number)
        self._forget(numbers - kept)
        self._parked |= kept
        self._owned -= numbers
        self._group = None

    def _forget(self, numbers: Iterable[int]) -> None:
        gone = list(numbers)
        self._restorer.forget(gone)
        for number in gone:
            for table in self._tables.values():
                table.drop(number)
            self._seen.drop(number)

    def _restore_record(self, record: Record) -> None:
        value = record.value()
        table = self._tables.get(record.topic())
        if table is not None:
            table.restore(record.partition(), record.key() or b"", value)
        elif value is not None:
            self._seen.restore(record.partition(), value, self._now())

    def _restored(self, restored: Sequence[Restored]) -> None:
        if restored:
            self._catch_up_globals()
        for one in restored:
            self._processor.assigned(one.partition)
            self._consumer.resume([(topic, one.partition) for topic in self._config.input_topics])
            self._monitor.restored(one)
            logger.info(
                "partition %d restored: %d records in %.2f s", one.partition, one.records, one.seconds
            )

    def _end_writers(self, records: Sequence[Record]) -> None:
        """End the open transaction of a dead owner by claiming its transactional id (design D3)."""
        values = [value for record in records if (value := record.value()) is not None]
        writers = {self._codec.writer(value) for value in values}
        for transactional_id in writers - {*self._config.transactional_ids}:
            logger.warning("ending the open transaction of %s", transactional_id)
            producer = self._log.producer(transactional_id)
            producer.init_transactions()
            producer.close()
