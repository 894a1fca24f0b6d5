"""
The retry agent: events that could not be applied yet go back to their input topic when their time has come.

It reads every `<input>-retry` topic as a consumer group of its own. The head of each partition decides: until
its `not-before` the partition is paused, while all others go on. What is due goes back with key, value and
headers as they came, and its offset is committed in the same transaction, so that a crash neither loses an
event nor doubles it.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from streams.agents.dead_letters import MAX_RETRY_DELAY_MS, NOT_BEFORE, not_before
from streams.engine.errors import AbortableLogError
from streams.engine.log import GroupMetadata, Headers, Log, Partition, Record
from streams.settings import Settings
from streams.topology import INPUTS, retry_topic

logger = logging.getLogger(__name__)

BATCH_RECORDS = 1_000  # Retries are few; a small transaction holds up readers of the input topics least.
ABORT_DELAY_MS = 1_000  # An aborted batch waits, or a cluster in trouble would get a transaction every poll.

SOURCE_OF = {retry_topic(topic).name: topic.name for topic in INPUTS}
"""The input topic that each retry topic gives its events back to."""

Clock = Callable[[], int]
"""Returns UTC milliseconds."""


@dataclass(frozen=True, slots=True)
class _Head:
    """The record that a paused partition waits for."""

    offset: int
    due_ms: int


class RetryAgent:
    """
    Give waiting events back to their input topics when they are due.

    Call start() once, step() for ever, stop() at the end, all from one thread. FencedError and FatalLogError
    mean that the process must end; nothing of the unfinished step has become visible then.
    """

    def __init__(self, log: Log, settings: Settings, clock: Clock) -> None:
        group_id = f"{settings.group_id}-retry"
        self._clock = clock
        self._consumer = log.consumer(group_id, settings.worker_id)
        self._producer = log.producer(f"{group_id}-{settings.worker_id}")
        self._group: GroupMetadata | None = None
        self._next: dict[Partition, int | None] = {}
        self._waiting: dict[Partition, _Head] = {}
        self._released: dict[Partition, int] = {}

    @property
    def waiting(self) -> int:
        """Number of partitions whose first event is not due yet."""
        return len(self._waiting)

    def start(self) -> None:
        """End what an earlier run left open, then join the group."""
        self._producer.init_transactions()
        self._consumer.subscribe(tuple(SOURCE_OF), self._on_assign, self._on_gone, self._on_gone)

    def step(self, timeout_seconds: float) -> int:
        """
        Wait for waiting events up to the time-out and give back what is due.

        Returns the number of events given back. An aborted transaction counts as none and is tried again.
        """
        self._release()
        records = self._consumer.poll(BATCH_RECORDS, self._bounded(timeout_seconds))
        due = list(self._due(records))
        if not due:
            return 0
        try:
            self._give_back(due)
        except AbortableLogError as error:
            self._rewind(due, error)
            return 0
        for record in due:
            self._next[_partition(record)] = record.offset() + 1
        return len(due)

    def stop(self) -> None:
        """Leave the group; what is not committed stays for the next run."""
        self._consumer.close()
        self._producer.close()

    def _release(self) -> None:
        """Read on where the first event's time has come."""
        now = self._clock()
        ready = [partition for partition, head in self._waiting.items() if head.due_ms <= now]
        for partition in ready:
            self._released[partition] = self._waiting.pop(partition).offset
        if ready:
            self._consumer.resume(ready)

    def _bounded(self, timeout_seconds: float) -> float:
        """Return a time-out that ends no later than the next event is due."""
        if not self._waiting:
            return timeout_seconds
        earliest = min(head.due_ms for head in self._waiting.values())
        return min(timeout_seconds, max(0, earliest - self._clock()) / 1_000)

    def _due(self, records: Iterable[Record]) -> Iterator[Record]:
        """Pass on what may go back now; pause each partition at its first event that may not."""
        now = self._clock()
        expected = dict(self._next)
        for record in records:
            partition = _partition(record)
            # A rebalance inside poll leaves records of partitions that went away, or that begin anew.
            if partition in self._waiting or not _continues(expected, partition, record.offset()):
                continue
            expected[partition] = record.offset() + 1
            due_ms = min(not_before(record.headers()), now + MAX_RETRY_DELAY_MS)
            if due_ms <= now or self._released.get(partition) == record.offset():
                yield record
            else:
                self._wait(partition, record.offset(), due_ms)

    def _wait(self, partition: Partition, offset: int, due_ms: int) -> None:
        self._consumer.pause([partition])
        self._consumer.seek(partition, offset)
        self._waiting[partition] = _Head(offset, due_ms)

    def _give_back(self, due: Sequence[Record]) -> None:
        assert self._group is not None, "records arrive only within an assignment"
        self._producer.begin()
        for record in due:
            self._producer.produce(
                SOURCE_OF[record.topic()],
                record.partition(),
                record.key(),
                record.value(),
                _without_not_before(record.headers()),
            )
        self._producer.send_offsets({_partition(record): record.offset() + 1 for record in due}, self._group)
        self._producer.commit()

    def _rewind(self, due: Sequence[Record], error: AbortableLogError) -> None:
        """Abort, and wait a little with the batch's partitions at their first records."""
        logger.warning("transaction aborted, %d events will be given back again: %s", len(due), error)
        self._producer.abort()
        again_ms = self._clock() + ABORT_DELAY_MS
        first: dict[Partition, int] = {}
        for record in due:
            first.setdefault(_partition(record), record.offset())
        for partition, offset in first.items():
            self._wait(partition, offset, again_ms)

    def _on_assign(self, partitions: list[Partition]) -> None:
        # Taken now and kept for the whole assignment: see design D2.
        self._group = self._consumer.group_metadata()
        self._forget(list(self._next))
        self._next = dict.fromkeys(partitions)
        self._consumer.resume(partitions)  # A pause of the last assignment must not outlive it.

    def _on_gone(self, partitions: list[Partition]) -> None:
        self._forget(partitions)
        self._group = None

    def _forget(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._next.pop(partition, None)
            self._waiting.pop(partition, None)
            self._released.pop(partition, None)


def _partition(record: Record) -> Partition:
    return record.topic(), record.partition()


def _continues(expected: dict[Partition, int | None], partition: Partition, offset: int) -> bool:
    """Tell whether a record of that offset is of the present assignment and not passed on already."""
    if partition not in expected:
        return False
    following = expected[partition]
    return following is None or offset >= following


def _without_not_before(headers: Headers | None) -> list[tuple[str, bytes]]:
    return [header for header in headers or () if header[0] != NOT_BEFORE]
