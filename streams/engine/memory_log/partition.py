"""One partition of the memory log, with Kafka's rules of visibility."""

from bisect import bisect_left

from streams.engine.log import Headers
from streams.engine.memory_log.records import NO_TRANSACTION, MemoryRecord


class PartitionLog:
    """
    An append-only list of records and transaction markers.

    A marker takes an offset like a record. Readers of committed records stop at the last stable offset: the
    first offset of the oldest transaction that has no marker here yet, whatever became of it elsewhere.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.high_watermark = 0
        self._entries: list[MemoryRecord] = []
        self._offsets: list[int] = []
        self._open: dict[int, int] = {}  # First offset by transaction, oldest first: dicts keep their order.
        self._aborted: set[int] = set()

    def last_stable_offset(self) -> int:
        """Return the offset where readers of committed records stop."""
        return next(iter(self._open.values()), self.high_watermark)

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None,
        timestamp: int,
        transaction: int = NO_TRANSACTION,
    ) -> int:
        """Append a record and return its offset; timestamp in milliseconds since 1970."""
        offset = self.high_watermark
        if transaction:
            self._open.setdefault(transaction, offset)
        place = (self.topic, self.partition, offset)
        self._store(MemoryRecord(place, key, value, headers, timestamp, transaction))
        return offset

    def mark(self, transaction: int, *, committed: bool, timestamp: int) -> None:
        """Append a transaction's marker: from here on its records are visible, or never will be."""
        self._open.pop(transaction)
        if not committed:
            self._aborted.add(transaction)
        place = (self.topic, self.partition, self.high_watermark)
        self._store(MemoryRecord(place, None, None, None, timestamp, transaction, marker=True))

    def committed(self, offset: int, limit: int) -> tuple[list[MemoryRecord], int]:
        """Return up to limit committed records from an offset on, and the offset to go on from."""
        found: list[MemoryRecord] = []
        stable = self.last_stable_offset()
        for index in range(bisect_left(self._offsets, offset), len(self._entries)):
            at = self._offsets[index]
            if at >= stable:
                break
            if len(found) == limit:
                return found, at
            entry = self._entries[index]
            if not entry.marker and entry.transaction not in self._aborted:
                found.append(entry)
        return found, max(offset, stable)

    def uncommitted(self, offset: int) -> list[MemoryRecord]:
        """Return all records from an offset on: committed, open and aborted ones."""
        entries = self._entries[bisect_left(self._offsets, offset) :]
        return [entry for entry in entries if not entry.marker]

    def compact(self) -> None:
        """
        Drop what Kafka's cleaner may drop below the last stable offset, but never the last entry.

        Records that a later committed one of the same key supersedes go, aborted ones, and markers.
        Tombstones stay, as they do in Kafka for delete.retention.ms.
        """
        stable = min(self.last_stable_offset(), self.high_watermark - 1)
        newest: dict[bytes | None, int] = {}
        for entry in self._entries:
            if entry.offset() < self.last_stable_offset() and self._visible(entry):
                newest[entry.key()] = entry.offset()
        self._entries = [
            entry
            for entry in self._entries
            if entry.offset() >= stable or (self._visible(entry) and newest[entry.key()] == entry.offset())
        ]
        self._offsets = [entry.offset() for entry in self._entries]

    def _visible(self, entry: MemoryRecord) -> bool:
        return not entry.marker and entry.transaction not in self._aborted

    def _store(self, entry: MemoryRecord) -> None:
        self._entries.append(entry)
        self._offsets.append(self.high_watermark)
        self.high_watermark += 1
