"""
What is remembered of recent events, by key and for some hours: notes of one size, packed.

A record an event would double what the stock path writes. So the notes of a batch travel in the records that
keep its identities (seen.py), which commit with it, and in memory all notes of a key are one byte string. A note
begins with its time; the rest is the agent's own.
"""

from collections.abc import Iterator, Mapping

from streams.engine.codec import read_varint, varint

TIME_BYTES = 6  # Milliseconds since 1970, big-endian: enough until the year 10889.
RECORD_BYTES = 440_000  # Beside as many bytes of identities, a record stays below a topic's 1 MB.
KEYS_SWEPT = 2_000  # Keys rid of old notes at a time: under a millisecond when nothing has expired.
MILLISECONDS_PER_HOUR = 3_600_000


def stamp(milliseconds: int) -> bytes:
    """Return the time that a note begins with."""
    return milliseconds.to_bytes(TIME_BYTES, "big")


class RecentNotes:
    """
    Notes by key of this worker's partitions, note_bytes each, forgotten when their time is hours ago.

    What a batch adds counts at once for `of`, and stays only if the batch commits. Not for several threads.
    """

    def __init__(self, note_bytes: int, hours: int) -> None:
        self.note_bytes = note_bytes
        self._window_milliseconds = hours * MILLISECONDS_PER_HOUR
        self._stored: dict[int, dict[bytes, bytearray]] = {}
        self._fresh: dict[int, dict[bytes, bytearray]] = {}
        self._to_sweep: dict[int, Iterator[bytes]] = {}

    def open(self, partition: int) -> None:
        """Begin to hold a partition, empty unless it is held already."""
        self._stored.setdefault(partition, {})
        self._fresh.setdefault(partition, {})

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        for held in (self._stored, self._fresh, self._to_sweep):
            held.pop(partition, None)

    def add(self, partition: int, key: bytes, note: bytes) -> None:
        """Add a note to the batch's."""
        fresh = self._fresh[partition]
        known = fresh.get(key)
        if known is None:
            fresh[key] = bytearray(note)
        else:
            known += note

    def of(self, partition: int, key: bytes) -> bytes:
        """Return the notes of a key, one behind the other, what this batch added included."""
        return bytes(self._stored[partition].get(key, b"")) + self._fresh[partition].get(key, b"")

    def committed(self, partition: int) -> Mapping[bytes, bytearray]:
        """Return the committed notes of a partition by key; it changes with every commit."""
        return self._stored[partition]

    def packed(self, partition: int) -> list[bytes]:
        """Return what the batch added, in parts that fit into a record each."""
        parts: list[bytes] = []
        part: list[bytes] = []
        size = 0
        step = RECORD_BYTES // self.note_bytes * self.note_bytes
        for key, notes in self._fresh[partition].items():
            for start in range(0, len(notes), step):
                piece = notes[start : start + step]
                entry = b"".join((varint(len(key)), key, varint(len(piece)), piece))
                if size + len(entry) > RECORD_BYTES and part:
                    parts.append(b"".join(part))
                    part, size = [], 0
                part.append(entry)
                size += len(entry)
        return [*parts, b"".join(part)] if part else parts

    def restore(self, partition: int, packed: bytes, now_milliseconds: int) -> None:
        """Take one part, without the keys all of whose notes are old by now."""
        oldest, stored, index = stamp(self._oldest(now_milliseconds)), self._stored[partition], 0
        while index < len(packed):
            length, index = read_varint(packed, index)
            key, index = packed[index : index + length], index + length
            length, index = read_varint(packed, index)
            notes, index = packed[index : index + length], index + length
            if kept := self._since(notes, oldest):
                stored.setdefault(key, bytearray()).extend(kept)

    def merge(self) -> None:
        """Keep what the batch added; call it after the transaction has committed."""
        for partition, fresh in self._fresh.items():
            stored = self._stored[partition]
            for key, notes in fresh.items():
                known = stored.get(key)
                if known is None:
                    stored[key] = notes
                else:
                    known += notes
            fresh.clear()

    def discard(self) -> None:
        """Forget what the batch added."""
        for fresh in self._fresh.values():
            fresh.clear()

    def sweep(self, now_milliseconds: int) -> None:
        """Forget some old notes; called at every tick."""
        oldest = stamp(self._oldest(now_milliseconds))
        for partition, stored in self._stored.items():
            keys = self._to_sweep.get(partition)
            if keys is None:
                keys = self._to_sweep[partition] = iter(list(stored))
            for _ in range(KEYS_SWEPT):
                key = next(keys, None)
                if key is None:
                    del self._to_sweep[partition]
                    break
                self._forget_old(stored, key, oldest)

    def _forget_old(self, stored: dict[bytes, bytearray], key: bytes, oldest: bytes) -> None:
        notes = stored[key]
        if (
            notes[:TIME_BYTES] >= oldest
        ):  # They lie about in order of time: when the first is young, most are.
            return
        kept = self._since(bytes(notes), oldest)
        if kept:
            stored[key] = bytearray(kept)
        else:
            del stored[key]

    def _since(self, notes: bytes, oldest: bytes) -> bytes:
        """Return the notes that are not older."""
        size = self.note_bytes
        return b"".join(
            notes[start : start + size]
            for start in range(0, len(notes), size)
            if notes[start : start + TIME_BYTES] >= oldest
        )

    def _oldest(self, now_milliseconds: int) -> int:
        return max(0, now_milliseconds - self._window_milliseconds)

    def __len__(self) -> int:
        return (
            sum(len(notes) for stored in self._stored.values() for notes in stored.values())
            // self.note_bytes
        )
