"""A table: committed values, a write set over them that merges or goes, and a changelog that rebuilds both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import table as table_module
from streams.engine.table import Table

TOPIC = "numbers"


class Log:
    """A table of numbers under text keys, and its changelog; a key's group is its first letter."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, bytes | None]] = []
        self.decoded: list[bytes] = []
        self.table: Table[int] = Table(TOPIC, self._encode, self._decode, lambda key: key[:1])
        self.table.open(0)
        self.table.open(1)

    def _encode(self, key: bytes, value: int) -> bytes:
        return b"%b=%d" % (key, value)

    def _decode(self, encoded: bytes) -> int:
        self.decoded.append(encoded)
        return int(encoded.partition(b"=")[2])

    def _produce(self, topic: str, partition: int, key: bytes, value: bytes | None) -> None:
        assert topic == TOPIC
        self.records.append((partition, key, value))

    def flush(self) -> None:
        """Produce the write set."""
        self.table.flush(self._produce)

    def commit(self, *changes: tuple[int, bytes, int | None]) -> None:
        """One batch of changes."""
        for change in changes:
            self.table.put(*change)
        self.flush()
        self.table.merge()

    def restored(self) -> Log:
        """Another table, made of this one's changelog."""
        other = Log()
        for record in self.records:
            other.table.restore(*record)
        return other

    def contents(self) -> dict[tuple[int, bytes], int | None]:
        """All that is committed."""
        return {
            (partition, key): self.table.get(partition, key)
            for partition in (0, 1)
            for key in self.table.keys(partition)
        }


def test_a_batch_sees_its_own_writes_and_others_see_none_of_them() -> None:
    """The write set lies over the table; committed() looks beneath it."""
    log = Log()
    log.commit((0, b"a", 1), (0, b"b", 2))
    log.table.put(0, b"a", 10)
    log.table.put(0, b"b", None)
    log.table.put(0, b"c", 30)
    assert [log.table.get(0, key) for key in (b"a", b"b", b"c", b"d")] == [10, None, 30, None]
    assert [log.table.committed(0, key) for key in (b"a", b"b", b"c", b"d")] == [1, 2, None, None]
    assert sorted(log.table.keys(0)) == [b"a", b"b"]
    assert log.table.get(1, b"a") is None


def test_only_the_last_value_of_a_batch_is_produced() -> None:
    """One record a key however often it changes, none for what was taken back, a tombstone for what was deleted."""
    log = Log()
    for value in range(100):
        log.table.put(0, b"a", value)
    log.table.put(1, b"b", 5)
    log.table.put(1, b"b", None)
    log.table.put(0, b"c", 7)
    log.table.unput(0, b"c")
    log.table.unput(0, b"never there")
    log.commit()
    assert sorted(log.records) == [(0, b"a", b"a=99"), (1, b"b", None)]
    assert log.contents() == {(0, b"a"): 99}
    log.commit()
    assert len(log.records) == 2


def test_what_is_discarded_leaves_no_trace() -> None:
    """Before or after it was flushed: values, keys and groups are as they were."""
    log = Log()
    log.commit((0, b"a1", 1))
    for flushed in (False, True):
        log.table.put(0, b"a1", None)
        log.table.put(0, b"a2", 2)
        if flushed:
            log.flush()
        log.table.discard()
        log.table.merge()
        assert log.contents() == {(0, b"a1"): 1}
        assert log.table.group(0, b"a") == [1]
        assert list(log.table.written()) == []


def test_a_group_is_what_the_batch_and_the_table_hold() -> None:
    """Written ones among them, deleted ones not, other groups and partitions not either."""
    log = Log()
    log.commit((0, b"a1", 1), (0, b"a2", 2), (0, b"b1", 3), (1, b"a1", 4))
    log.table.put(0, b"a2", None)
    log.table.put(0, b"a1", 10)
    log.table.put(0, b"a3", 30)
    log.table.put(0, b"b2", 5)
    assert sorted(log.table.group(0, b"a")) == [10, 30]
    assert log.table.group(1, b"a") == [4]
    log.table.unput(0, b"a3")
    assert log.table.group(0, b"a") == [10]
    log.commit()
    assert log.table.group(0, b"a") == [10]
    log.commit((0, b"a1", None))
    assert log.table.group(0, b"a") == []


def test_a_group_costs_no_look_at_the_rest_of_the_batch() -> None:
    """Enumerating one group touches its own keys alone, or a large batch would take quadratic time."""
    looked_at: list[bytes] = []

    def group_of(key: bytes) -> bytes:
        looked_at.append(key)
        return key[:1]

    table: Table[int] = Table(TOPIC, lambda _key, value: b"%d" % value, int, group_of)
    table.open(0)
    for number in range(1_000):
        table.put(0, b"b%d" % number, number)
    table.put(0, b"a", 1)
    looked_at.clear()
    assert table.group(0, b"a") == [1]
    assert len(looked_at) <= 1


def test_values_stay_encoded_until_they_are_touched() -> None:
    """A restore decodes nothing, a second look decodes nothing again."""
    restored = (log := Log()).table
    for number in range(100):
        restored.restore(0, b"k%d" % number, b"k%d=%d" % (number, number))
    assert log.decoded == []
    assert restored.get(0, b"k7") == restored.get(0, b"k7") == restored.committed(0, b"k7") == 7
    assert log.decoded == [b"k7=7"]


def test_a_restored_value_replaces_the_one_that_was_decoded() -> None:
    """After parking, others may have written: what was decoded before is old."""
    log = Log()
    log.commit((0, b"a", 1))
    log.table.restore(0, b"a", b"a=2")
    assert log.table.get(0, b"a") == 2
    log.table.restore(0, b"a", None)
    assert log.table.get(0, b"a") is None
    assert log.table.group(0, b"a") == []
    log.table.restore(0, b"never there", None)
    assert len(log.table) == 0


def test_decoded_values_are_let_go_of_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for decoded values is bounded; evicted ones are decoded anew and are the same."""
    monkeypatch.setattr(table_module, "DECODED_VALUES_KEPT", 10)
    log = Log()
    log.commit(*((0, b"k%d" % number, number) for number in range(100)))
    for number in range(100):
        assert log.table.get(0, b"k%d" % number) == number
        assert len(log.table._decoded[0]) <= 10


def test_a_dropped_partition_is_gone_and_the_others_stay() -> None:
    """Opening an open partition keeps it, opening a dropped one begins empty."""
    log = Log()
    log.commit((0, b"a", 1), (1, b"a", 2))
    log.table.open(0)
    assert log.table.get(0, b"a") == 1
    log.table.drop(0)
    assert len(log.table) == 1
    log.table.open(0)
    assert log.table.get(0, b"a") is None
    assert log.table.group(0, b"a") == []
    assert log.table.get(1, b"a") == 2


KEYS = st.sampled_from([b"a1", b"a2", b"b1", b"b2", b"b3"])
CHANGES = st.tuples(st.integers(0, 1), KEYS, st.none() | st.integers(0, 9))
BATCHES = st.lists(st.tuples(st.lists(CHANGES, max_size=8), st.booleans()), max_size=8)


@given(BATCHES)
def test_table_is_its_changelog_and_a_dictionary(
    batches: list[tuple[list[tuple[int, bytes, int | None]], bool]],
) -> None:
    """Whatever is written, deleted, committed and discarded: contents, groups and restore agree with a dictionary."""
    log, model = Log(), dict[tuple[int, bytes], int]()
    for changes, commits in batches:
        attempt = dict(model)
        for partition, key, value in changes:
            log.table.put(partition, key, value)
            attempt.pop((partition, key), None)
            if value is not None:
                attempt[partition, key] = value
            in_group = [found for (p, k), found in attempt.items() if p == partition and k[:1] == key[:1]]
            assert sorted(log.table.group(partition, key[:1])) == sorted(in_group)
        if commits:
            log.commit()
            model = attempt
        else:
            log.table.discard()
    assert log.contents() == model
    assert log.restored().contents() == model
    assert len(log.table) == len(model)
