"""
Restore: bring a partition's tables up to date before its inputs are touched (design D3).

Restore ends at the high watermark taken, uncommitted records included, when the partition was assigned, and
reads committed records only. The end that a committed reader sees is the last stable offset; a table restored
to that can miss records whose input offsets are already committed (KAFKA-10167).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from streams.engine.errors import RetriableLogError
from streams.engine.log import Partition, Record, TableReader

logger = logging.getLogger(__name__)

RECORDS_PER_SLICE = 10_000  # About 30 ms of work, so that partitions already restored go on meanwhile.
STALL_SECONDS = 1.0  # A partition that stands still for so long may be behind an open transaction.

Apply = Callable[[Record], None]


@dataclass(slots=True)
class _Progress:
    target: int
    started_at: float
    position: int = 0
    moved_at: float = 0.0
    records: int = 0


@dataclass(slots=True)
class Restored:
    """One partition number that is up to date: how many records it took and how long, in seconds."""

    partition: int
    records: int
    seconds: float


@dataclass
class Restorer:
    """
    Restores partition numbers, each over all table topics.

    apply takes one record of a table topic. end_writers ends the open transaction that a partition waits behind,
    given its first record there; only partitions of writers_topic are asked, whose records name their writer.
    """

    reader: TableReader
    topics: Sequence[str]
    apply: Apply
    clock: Callable[[], float]
    end_writers: Callable[[Sequence[Record]], None]
    writers_topic: str
    _progress: dict[Partition, _Progress] = field(default_factory=dict)
    _parked: dict[Partition, int] = field(default_factory=dict)
    _taken: dict[int, int] = field(default_factory=dict)

    def begin(self, partitions: Iterable[int]) -> None:
        """Start to restore partition numbers, each from where it was parked, else from the start."""
        wanted = [(topic, partition) for partition in partitions for topic in self.topics]
        now = self.clock()
        for partition, target in self.reader.end_offsets(wanted).items():
            start = self._parked.pop(partition, 0)
            self._progress[partition] = _Progress(target, now, start, now)
            self.reader.start(partition, start)

    def park(self, partitions: Iterable[int]) -> list[int]:
        """
        Remember how far the tables of partition numbers are good, and return those.

        To be called while they are still ours and nothing is in flight: what others write comes behind.
        """
        whole = [number for number in partitions if not self.is_restoring(number)]
        self._parked.update(self.reader.end_offsets([(topic, p) for p in whole for topic in self.topics]))
        return whole

    def forget(self, partitions: Iterable[int]) -> None:
        """Stop to restore partition numbers and forget where they were parked."""
        gone = [(topic, partition) for partition in partitions for topic in self.topics]
        self.reader.stop([partition for partition in gone if self._progress.pop(partition, None)])
        for partition in gone:
            self._parked.pop(partition, None)
            self._taken.pop(partition[1], None)

    def is_restoring(self, partition: int) -> bool:
        """Return True while a partition number is not up to date."""
        return any((topic, partition) in self._progress for topic in self.topics)

    @property
    def busy(self) -> bool:
        """True while anything is being restored."""
        return bool(self._progress)

    def step(self, timeout_seconds: float) -> list[Restored]:
        """Restore a slice; return the partition numbers that are now up to date."""
        for record in self.reader.poll(RECORDS_PER_SLICE, timeout_seconds):
            progress = self._progress.get((record.topic(), record.partition()))
            if progress is not None:
                self.apply(record)
                progress.records += 1
        now = self.clock()
        reached = [partition for partition in list(self._progress) if self._advance(partition, now)]
        restored = self._finish(reached)
        self._unblock(now)
        return restored

    def _advance(self, partition: Partition, now: float) -> bool:
        """Note how far a partition has come; return True when it has reached its target."""
        progress = self._progress[partition]
        position = self.reader.position(partition)
        if position >= progress.target:
            return True
        if position != progress.position:
            progress.position, progress.moved_at = position, now
        return False

    def _unblock(self, now: float) -> None:
        """Find out what holds back the partitions that stand still, where their records name their writer."""
        stalled = [
            partition
            for partition, progress in self._progress.items()
            if now - progress.moved_at > STALL_SECONDS
        ]
        if not stalled:
            return
        logger.info("restore stands still: %s", ", ".join(map(self._shown, stalled)))
        for partition in stalled:
            if partition[0] == self.writers_topic:
                self._end_writers_of(partition)
        # Asking took time in which nothing was read: it must not make the others look stalled.
        for waiting in self._progress.values():
            waiting.moved_at = self.clock()

    def _shown(self, partition: Partition) -> str:
        topic, number = partition
        return f"{topic}-{number} at {self.reader.position(partition)} of {self._progress[partition].target}"

    def _end_writers_of(self, partition: Partition) -> None:
        position = self.reader.position(partition)
        try:
            writers = self.reader.open_writers(partition, position)
        except RetriableLogError as error:
            logger.warning("restore of %s-%d stands still at %d: %s", *partition, position, error)
            return
        if writers:
            logger.warning("restore of %s-%d waits at %d behind an open transaction", *partition, position)
            self.end_writers(writers)

    def _finish(self, reached: list[Partition]) -> list[Restored]:
        self.reader.stop(reached)
        started: dict[int, float] = {}
        for topic, number in reached:
            progress = self._progress.pop((topic, number))
            self._taken[number] = self._taken.get(number, 0) + progress.records
            started[number] = progress.started_at
        now = self.clock()
        return [
            Restored(number, self._taken.pop(number), now - started_at)
            for number, started_at in started.items()
            if not self.is_restoring(number)
        ]
