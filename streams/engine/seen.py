"""
Which events have been seen: identities of at least seven days, at about 30 bytes each (design D5).

An identity is a 128-bit hash: with 64 bits a collision, and so a lost event, is no longer negligible at a billion
ids. Beside it stand 48 bits of a hash of the content, so that another event under a used id is told from a
duplicate, and the hour. Entries of one hash prefix are packed into one byte string that bytes.find searches; a
Python set would cost about 120 bytes an entry. New entries commit with the batch, one record per partition.
"""

from enum import Enum
from itertools import zip_longest

import xxhash

from streams.engine.recent import RecentNotes
from streams.engine.table import Produce
from streams.engine.versions import readers_by_header, writer_of
from streams.engine.wire import HEADER_BYTES

IDENTITY_BYTES = 16
CONTENT_BYTES = 6
PACKED_BYTES = IDENTITY_BYTES + CONTENT_BYTES
_PREFIX_BYTES = 2  # Chosen by the slot, so not stored: 65,536 slots a partition.
_SLOTS = 1 << 8 * _PREFIX_BYTES
_HOUR_BYTES = 2
_ENTRY_BYTES = PACKED_BYTES - _PREFIX_BYTES + _HOUR_BYTES
_HOURS = 1 << 8 * _HOUR_BYTES  # Hours count modulo this, 7.5 years.
_SUFFIX_BYTES = IDENTITY_BYTES - _PREFIX_BYTES
RECORD_BYTES = 20_000 * PACKED_BYTES  # 440 kB: however large a batch, a topic takes its records (1 MB).
SLOTS_SWEPT = 512  # Slots rid of old entries at a time: under a millisecond when nothing has expired.
MILLISECONDS_PER_HOUR = 3_600_000


class Verdict(Enum):
    """What is known of an identity."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


def identity_hash(source_id: bytes, event_id: bytes) -> bytes:
    """Return the 16-byte hash of an identity; the length of source_id keeps ("a", "bc") and ("ab", "c") apart."""
    return xxhash.xxh3_128_digest(b"%d:%b%b" % (len(source_id), source_id, event_id))


def content_hash(content: bytes) -> bytes:
    """Return the 6-byte hash of an event's content."""
    return xxhash.xxh3_64_digest(content)[:CONTENT_BYTES]


class _PartitionStore:
    """Committed identities of one partition."""

    def __init__(self) -> None:
        self.slots = [b""] * _SLOTS
        self.entries = 0
        self._swept = 0

    def content_of(self, identity: bytes) -> bytes | None:
        """Return the content hash that was seen under an identity."""
        blob = self.slots[identity[0] << 8 | identity[1]]
        if not blob:
            return None
        suffix = identity[_PREFIX_BYTES:]
        at = blob.find(suffix)
        while at > 0 and at % _ENTRY_BYTES:  # Bytes that straddle two entries are no entry.
            at = blob.find(suffix, at + 1)
        return None if at < 0 else blob[at + _SUFFIX_BYTES : at + _SUFFIX_BYTES + CONTENT_BYTES]

    def add(self, packed: bytes, hour: int) -> None:
        """Add packed entries, PACKED_BYTES each."""
        slots, stamp = self.slots, (hour % _HOURS).to_bytes(_HOUR_BYTES, "big")
        for start in range(0, len(packed), PACKED_BYTES):
            slot = packed[start] << 8 | packed[start + 1]
            slots[slot] += packed[start + _PREFIX_BYTES : start + PACKED_BYTES] + stamp
        self.entries += len(packed) // PACKED_BYTES

    def sweep(self, now_hour: int, window_hours: int) -> None:
        """Drop entries older than the window from the next few slots."""
        for slot in range(self._swept, self._swept + SLOTS_SWEPT):
            blob = self.slots[slot]
            # Entries are in order of arrival, so a young first one means that all are young.
            if blob and self._age(blob, 0, now_hour) > window_hours:
                self.slots[slot] = kept = self._young(blob, now_hour, window_hours)
                self.entries -= (len(blob) - len(kept)) // _ENTRY_BYTES
        self._swept = (self._swept + SLOTS_SWEPT) % _SLOTS

    @staticmethod
    def _age(blob: bytes, start: int, now_hour: int) -> int:
        stamp = int.from_bytes(blob[start + _ENTRY_BYTES - _HOUR_BYTES : start + _ENTRY_BYTES], "big")
        age = (now_hour - stamp) % _HOURS
        return age if age < _HOURS // 2 else 0  # A clock that stepped back makes an entry young, not ancient.

    def _young(self, blob: bytes, now_hour: int, window_hours: int) -> bytes:
        starts = range(0, len(blob), _ENTRY_BYTES)
        return b"".join(
            blob[s : s + _ENTRY_BYTES] for s in starts if self._age(blob, s, now_hour) <= window_hours
        )


class SeenEvents:
    """
    Identities seen by this worker's partitions.

    codec.encode(bucket_hour, transactional_id, entries, notes) gives a record's bytes, codec.decode the hour, the
    entries and the notes again: what the agent remembers of these events, which travels with them (recent.py).
    Not for several threads.
    """

    def __init__(
        self, topic: str, codec: "SeenCodec", window_hours: int, recent: RecentNotes | None = None
    ) -> None:
        self.topic = topic
        self._recent = recent
        self._codec = codec
        self._window_hours = window_hours
        self._stores: dict[int, _PartitionStore] = {}
        self._fresh: dict[int, dict[bytes, bytes]] = {}
        self._flushed: list[tuple[int, bytes, int]] = []

    def open(self, partition: int) -> None:
        """Begin to hold a partition, empty unless it is held already."""
        self._stores.setdefault(partition, _PartitionStore())
        self._fresh.setdefault(partition, {})
        if self._recent is not None:
            self._recent.open(partition)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._stores.pop(partition, None)
        self._fresh.pop(partition, None)
        if self._recent is not None:
            self._recent.drop(partition)

    def restore(self, partition: int, encoded: bytes, now_milliseconds: int) -> None:
        """Take one record of the topic, unless its hour has left the window."""
        hour, packed, notes = self._codec.decode(encoded)
        if self._recent is not None and notes:
            self._recent.restore(partition, notes, now_milliseconds)
        if now_milliseconds // MILLISECONDS_PER_HOUR - hour <= self._window_hours:
            self._stores[partition].add(packed, hour)

    def check(self, partition: int, identity: bytes, content: bytes) -> Verdict:
        """Say what is known of an identity, and remember it with this batch when it is new."""
        fresh = self._fresh[partition]
        seen = fresh.get(identity) or self._stores[partition].content_of(identity)
        if seen is None:
            fresh[identity] = content
            return Verdict.NEW
        return Verdict.DUPLICATE if seen == content else Verdict.CONFLICT

    def knows(self, partition: int, identity: bytes) -> bool:
        """Return True when an identity has been seen, with whatever content; remember nothing."""
        return identity in self._fresh[partition] or self._stores[partition].content_of(identity) is not None

    def flush(self, produce: Produce, transactional_id: str, now_milliseconds: int) -> None:
        """Produce the batch's identities, packed into few records a partition, each naming its writer."""
        hour = now_milliseconds // MILLISECONDS_PER_HOUR
        for partition, fresh in self._fresh.items():
            notes = [] if self._recent is None else self._recent.packed(partition)
            if fresh or notes:
                packed = b"".join([identity + content for identity, content in fresh.items()])
                parts = [
                    packed[start : start + RECORD_BYTES] for start in range(0, len(packed), RECORD_BYTES)
                ]
                for part, noted in zip_longest(parts, notes, fillvalue=b""):
                    encoded = self._codec.encode(hour, transactional_id, part, noted)
                    produce(self.topic, partition, b"", encoded)
                self._flushed.append((partition, packed, hour))

    def merge(self) -> None:
        """Make the flushed identities committed ones; call it after the transaction has committed."""
        for partition, packed, hour in self._flushed:
            self._stores[partition].add(packed, hour)
        if self._recent is not None:
            self._recent.merge()
        self.discard()

    def discard(self) -> None:
        """Forget the batch's identities."""
        self._flushed.clear()
        for fresh in self._fresh.values():
            fresh.clear()
        if self._recent is not None:
            self._recent.discard()

    def sweep(self, now_milliseconds: int) -> None:
        """Drop some identities older than the window; called at every tick."""
        for store in self._stores.values():
            store.sweep(now_milliseconds // MILLISECONDS_PER_HOUR, self._window_hours)
        if self._recent is not None:
            self._recent.sweep(now_milliseconds)

    def __len__(self) -> int:
        return sum(store.entries for store in self._stores.values())


class SeenCodec:
    """Encodes the records of a SeenEvents topic, each naming the transactional id that wrote it."""

    def __init__(self) -> None:
        self._write = writer_of("SeenEvents")
        self._readers = readers_by_header("SeenEvents", _fields)

    def encode(self, bucket_hour: int, transactional_id: str, entries: bytes, notes: bytes = b"") -> bytes:
        """Return the record's bytes."""
        return self._write(bucket_hour, transactional_id, entries, notes)

    def decode(self, data: bytes) -> tuple[int, bytes, bytes]:
        """Return (bucket_hour, entries, notes)."""
        bucket_hour, _, entries, notes = self._read(data)
        return bucket_hour, entries, notes

    def writer(self, data: bytes) -> str:
        """Return the transactional id that wrote a record."""
        return self._read(data)[1]

    def _read(self, data: bytes) -> tuple[int, str, bytes, bytes]:
        found: tuple[int, str, bytes, bytes] = self._readers[data[:HEADER_BYTES]](data, HEADER_BYTES)
        return found


def _fields(
    bucket_hour: int, transactional_id: str, entries: bytes, notes: bytes = b""
) -> tuple[int, str, bytes, bytes]:
    return bucket_hour, transactional_id, entries, notes
