"""
What falls due when: an index, in memory, of records that time alone changes.

The records themselves lie in tables; this index is built from them when a partition is assigned. An entry may be
stale, because its record has changed or gone since: whoever takes it looks at the record.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

Entry = tuple[int, bytes]
"""Time in UTC milliseconds, and the record's key."""


class Due(NamedTuple):
    """One entry that has fallen due."""

    partition: int
    sku: bytes
    key: bytes


class Deadlines:
    """
    Deadlines by partition and SKU. What is taken in a batch comes back unless the batch commits.

    Call `begin` with each batch and `committed` after its commit. Not for several threads.
    """

    def __init__(self) -> None:
        self._by_sku: dict[int, dict[bytes, list[Entry]]] = {}
        self._skus: dict[int, list[tuple[int, bytes]]] = {}
        self._taken: list[tuple[int, int, bytes, bytes]] = []

    def open(self, partition: int) -> None:
        """Begin to hold a partition, empty."""
        self._by_sku[partition] = {}
        self._skus[partition] = []

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._by_sku.pop(partition, None)
        self._skus.pop(partition, None)
        self._taken = [taken for taken in self._taken if taken[1] != partition]

    def add(self, partition: int, sku: bytes, key: bytes, due_at: int) -> None:
        """Remember that a record falls due; it may be remembered several times."""
        entries = self._by_sku[partition].setdefault(sku, [])
        heappush(entries, (due_at, key))
        if entries[0] == (due_at, key):
            heappush(self._skus[partition], (due_at, sku))

    def begin(self) -> None:
        """Put back what the last batch took, if it did not commit."""
        taken, self._taken = self._taken, []
        for due_at, partition, sku, key in taken:
            self.add(partition, sku, key, due_at)

    def committed(self) -> None:
        """Forget for good what the batch took."""
        self._taken.clear()

    def take(self, now: int, limit: int) -> Iterator[Due]:
        """Take up to limit entries that are due at now (due_at <= now), earliest SKUs first."""
        for partition, skus in self._skus.items():
            while limit > 0 and skus and skus[0][0] <= now:
                _, sku = heappop(skus)
                for key in self.take_of(partition, sku, now, limit):
                    limit -= 1
                    yield Due(partition, sku, key)
                if entries := self._by_sku[partition].get(sku):
                    heappush(skus, (entries[0][0], sku))

    def take_of(self, partition: int, sku: bytes, now: int, limit: int | None = None) -> list[bytes]:
        """Take what is due of one SKU: before anything is promised of it, its holds that have ended must go."""
        entries = self._by_sku[partition].get(sku)
        found: list[bytes] = []
        while entries and entries[0][0] <= now and (limit is None or len(found) < limit):
            due_at, key = heappop(entries)
            self._taken.append((due_at, partition, sku, key))
            found.append(key)
        if entries is not None and not entries:
            del self._by_sku[partition][sku]
        return found

    def due(self, now: int) -> bool:
        """Return True when something may be due."""
        return any(skus and skus[0][0] <= now for skus in self._skus.values())

    def fill(self, partition: int, entries: dict[bytes, list[Entry]]) -> None:
        """Open a partition with entries by SKU, all at once."""
        for found in entries.values():
            heapify(found)
        self._by_sku[partition] = entries
        self._skus[partition] = [(found[0][0], sku) for sku, found in entries.items() if found]
        heapify(self._skus[partition])
