"""
A table: the latest value of each key, partition by partition, whose changelog is a compacted topic (design D3).

Values stay encoded until first touched. What a batch changes lies in a write set over the table; it is encoded
and produced once per key, and merged only after the transaction has committed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")
Encode = Callable[[bytes, Value], bytes]
Decode = Callable[[bytes], Value]
Produce = Callable[[str, int, bytes, bytes | None], None]

DECODED_VALUES_KEPT = 50_000  # Per partition; a decoded value takes about 1 KiB, so 50 MB at the most.


class Table(Generic[Value]):
    """
    The latest value of each key of the partitions that this worker owns.

    encode(key, value) gives the changelog record's bytes and decode(bytes) the value again. With group_of, keys
    can be enumerated by the group that it names, at the same cost however many groups there are.
    """

    def __init__(
        self,
        topic: str,
        encode: Encode[Value],
        decode: Decode[Value],
        group_of: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.topic = topic
        self._encode = encode
        self._decode = decode
        self._group_of = group_of
        self._encoded: dict[int, dict[bytes, bytes]] = {}
        self._decoded: dict[int, dict[bytes, Value]] = {}
        self._written: dict[int, dict[bytes, Value | None]] = {}
        self._groups: dict[int, dict[bytes, dict[bytes, None]]] = {}
        self._groups_written: dict[int, dict[bytes, dict[bytes, None]]] = {}
        self._flushed: list[tuple[int, bytes, Value | None, bytes | None]] = []

    def open(self, partition: int) -> None:
        """Begin to hold a partition, empty unless it is held already."""
        self._encoded.setdefault(partition, {})
        self._decoded.setdefault(partition, {})
        self._written.setdefault(partition, {})
        self._groups.setdefault(partition, {})
        self._groups_written.setdefault(partition, {})

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        for held in (self._encoded, self._decoded, self._written, self._groups, self._groups_written):
            held.pop(partition, None)

    def restore(self, partition: int, key: bytes, encoded: bytes | None) -> None:
        """Take one changelog record; None is a tombstone."""
        self._decoded[partition].pop(key, None)
        self._store(partition, key, encoded)

    def get(self, partition: int, key: bytes) -> Value | None:
        """Return the value of key, what this batch wrote included; None when there is none."""
        written = self._written[partition]
        if key in written:
            return written[key]
        decoded = self._decoded[partition]
        value = decoded.get(key)
        if value is None:
            encoded = self._encoded[partition].get(key)
            if encoded is None:
                return None
            value = self._decode(encoded)
            self._keep_decoded(decoded, key, value)
        return value

    def committed(self, partition: int, key: bytes) -> Value | None:
        """Return the value of key as it was before this batch."""
        value = self._decoded[partition].get(key)
        if value is None:
            encoded = self._encoded[partition].get(key)
            value = None if encoded is None else self._decode(encoded)
        return value

    def put(self, partition: int, key: bytes, value: Value | None) -> None:
        """Write into the batch's write set; None deletes."""
        self._written[partition][key] = value
        if self._group_of is not None:
            self._groups_written[partition].setdefault(self._group_of(key), {})[key] = None

    def unput(self, partition: int, key: bytes) -> None:
        """Take a key out of the batch's write set: it has not changed after all."""
        self._written[partition].pop(key, None)

    def written(self) -> Iterator[tuple[int, bytes, Value | None]]:
        """Yield (partition, key, value) of the write set."""
        for partition, values in self._written.items():
            for key, value in values.items():
                yield partition, key, value

    def group(self, partition: int, group: bytes) -> list[Value]:
        """Return the values of a group, what this batch wrote included."""
        keys = dict(self._groups[partition].get(group, ()))
        keys.update(self._groups_written[partition].get(group, ()))
        return [value for key in keys if (value := self.get(partition, key)) is not None]

    def keys(self, partition: int) -> list[bytes]:
        """Return the committed keys of a partition."""
        return list(self._encoded[partition])

    def committed_values(self, partition: int) -> Mapping[bytes, bytes]:
        """Return the committed values of a partition by key, still encoded; it changes with every commit."""
        return self._encoded[partition]

    def written_keys(self, partition: int) -> Iterable[bytes]:
        """Return the keys of a partition in the write set."""
        return self._written[partition]

    def has_group(self, partition: int, group: bytes) -> bool:
        """Return True when a group has values, before this batch or in it."""
        return group in self._groups[partition] or group in self._groups_written[partition]

    def encoded(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield committed keys and values of a partition, the values still encoded."""
        yield from self._encoded[partition].items()

    def flush(self, produce: Produce) -> None:
        """Encode the write set, one record a key, and produce it."""
        topic, encode, flushed = self.topic, self._encode, self._flushed
        for partition, values in self._written.items():
            for key, value in values.items():
                encoded = None if value is None else encode(key, value)
                produce(topic, partition, key, encoded)
                flushed.append((partition, key, value, encoded))

    def merge(self) -> None:
        """Make the flushed write set the committed state; call it after the transaction has committed."""
        for partition, key, value, encoded in self._flushed:
            decoded = self._decoded[partition]
            if value is None:
                decoded.pop(key, None)
            else:
                self._keep_decoded(decoded, key, value)
            self._store(partition, key, encoded)
        self.discard()

    def discard(self) -> None:
        """Forget the write set."""
        self._flushed.clear()
        for written in (self._written, self._groups_written):
            for values in written.values():
                values.clear()

    def __len__(self) -> int:
        return sum(len(values) for values in self._encoded.values())

    def _store(self, partition: int, key: bytes, encoded: bytes | None) -> None:
        if encoded is None:
            self._encoded[partition].pop(key, None)
        else:
            self._encoded[partition][key] = encoded
        if self._group_of is not None:
            self._index(partition, self._group_of(key), key, present=encoded is not None)

    def _index(self, partition: int, group: bytes, key: bytes, *, present: bool) -> None:
        groups = self._groups[partition]
        if present:
            groups.setdefault(group, {})[key] = None
        elif group in groups:
            groups[group].pop(key, None)
            if not groups[group]:
                del groups[group]

    @staticmethod
    def _keep_decoded(decoded: dict[bytes, Value], key: bytes, value: Value) -> None:
        # Clearing it whole is the cheapest eviction: what is still in use comes back at one decode each.
        if len(decoded) >= DECODED_VALUES_KEPT:
            decoded.clear()
        decoded[key] = value
