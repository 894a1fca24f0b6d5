"""The memory log's reader of whole partitions."""

from collections.abc import Iterable, Sequence

from streams.engine.log import Partition
from streams.engine.memory_log.cluster import MemoryCluster
from streams.engine.memory_log.processes import Process
from streams.engine.memory_log.records import MemoryRecord

IDLE_PROBABILITY = 0.2
"""How often a poll finds nothing although there is something, as when a fetch is still on its way."""


class MemoryReader:
    """Reader of whole partitions of the memory log; see streams.engine.log.TableReader."""

    def __init__(self, cluster: MemoryCluster, process: Process) -> None:
        self._cluster = cluster
        self._process = process
        self._positions: dict[Partition, int] = {}

    def end_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return the high watermarks, uncommitted records included."""
        self._process.point("before reader.end_offsets")
        return {partition: self._cluster.log(partition).high_watermark for partition in partitions}

    def start(self, partition: Partition, offset: int) -> None:
        """Begin to read a partition at an offset."""
        self._process.point("before reader.start")
        self._cluster.log(partition)
        self._positions[partition] = offset

    def stop(self, partitions: Iterable[Partition]) -> None:
        """Read these no longer."""
        for partition in partitions:
            self._positions.pop(partition, None)

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[MemoryRecord]:
        """Return committed records of the started partitions; how many of them is random. Waits virtually."""
        self._process.point("before reader.poll")
        found = self._read(max_records)
        if not found:
            self._cluster.wait(timeout_seconds)
        self._process.point("after reader.poll")
        return found

    def _read(self, max_records: int) -> list[MemoryRecord]:
        generator = self._cluster.random
        if not self._positions or generator.random() < IDLE_PROBABILITY:
            return []
        left = generator.randint(1, max_records)
        partitions = list(self._positions)
        generator.shuffle(partitions)
        found: list[MemoryRecord] = []
        for partition in partitions:
            records, position = self._cluster.log(partition).committed(
                self._positions[partition], left - len(found)
            )
            self._positions[partition] = position
            found += records
        return found

    def position(self, partition: Partition) -> int:
        """Return the offset up to which nothing committed is left unread."""
        return self._positions[partition]

    def open_writers(self, partition: Partition, offset: int) -> Sequence[MemoryRecord]:
        """Return the first record of the open transaction that stands at an offset, if one does."""
        self._process.point("before reader.open_writers")
        log = self._cluster.log(partition)
        return [] if log.last_stable_offset() > offset else log.uncommitted(offset)[:1]

    def close(self) -> None:
        """Stop reading."""
        self._positions.clear()
