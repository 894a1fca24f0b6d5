"""A partition's tables are up to date before its inputs are touched, and nobody is fenced for being slow."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streams.engine.log import Partition, Record
from streams.engine.memory_log import MemoryCluster, MemoryLog
from streams.engine.memory_log import producer as producer_module
from streams.engine.memory_log import reader as reader_module
from streams.engine.restore import STALL_SECONDS, Restored, Restorer

LEVELS, SEEN = "levels", "seen"
STEPS_ENOUGH = 100


@pytest.fixture(autouse=True)
def _records_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer sends each record when it gets it, so that an open transaction is in the log."""
    monkeypatch.setattr(producer_module, "FLUSH_PROBABILITY", 1.0)


class Restoring:
    """A restorer of two tables with two partitions each, on the log in memory."""

    def __init__(self, longest_marker_delay_ms: int = 0) -> None:
        self.cluster = MemoryCluster(longest_marker_delay_ms=longest_marker_delay_ms)
        for topic in (LEVELS, SEEN):
            self.cluster.create_topic(topic, 2)
        self.log = MemoryLog(self.cluster)
        self.applied: list[tuple[Partition, bytes | None]] = []
        self.blamed: list[Partition] = []
        self.restorer = Restorer(
            self.log.reader(), (LEVELS, SEEN), self._apply, self._clock, self._end_writers, SEEN
        )

    def _apply(self, record: Record) -> None:
        self.applied.append(((record.topic(), record.partition()), record.value()))

    def _clock(self) -> float:
        return self.cluster.now_ms / 1_000

    def _end_writers(self, writers: Sequence[Record]) -> None:
        (first,) = writers
        self.blamed.append((first.topic(), first.partition()))

    def write(self, topic: str, partition: int, *values: bytes) -> None:
        """Write values without a transaction."""
        for value in values:
            self.cluster.append(topic, partition, b"key", value)

    def run(self) -> list[Restored]:
        """Step until nothing is being restored, in no time."""
        done: list[Restored] = []
        for _ in range(STEPS_ENOUGH):
            done += self.restorer.step(0.0)
            if not self.restorer.busy:
                return done
        raise AssertionError("the restore did not end")

    def steps(self, milliseconds: int) -> list[Restored]:
        """Step through some time."""
        done: list[Restored] = []
        for _ in range(milliseconds // 10):
            done += self.restorer.step(0.0)
            self.cluster.tick(10)
        return done

    def values(self, topic: str, partition: int) -> list[bytes | None]:
        """What was applied of one partition, in order."""
        return [value for place, value in self.applied if place == (topic, partition)]


def test_all_tables_of_a_partition_are_restored_in_order() -> None:
    """Only of the partitions asked for; the count is of all tables, however they came along."""
    at = Restoring()
    at.write(LEVELS, 0, *(b"%d" % number for number in range(500)))
    at.write(SEEN, 0, b"a", b"b")
    at.write(LEVELS, 1, b"of another")
    at.restorer.begin([0])
    assert at.restorer.is_restoring(0)
    assert not at.restorer.is_restoring(1)
    (restored,) = at.run()
    assert (restored.partition, restored.records) == (0, 502)
    assert at.values(LEVELS, 0) == [b"%d" % number for number in range(500)]
    assert at.values(SEEN, 0) == [b"a", b"b"]
    assert at.values(LEVELS, 1) == []


def test_an_empty_partition_is_restored_at_once() -> None:
    """A first start waits for nothing."""
    at = Restoring()
    at.restorer.begin([0, 1])
    assert sorted(one.partition for one in at.restorer.step(0.0)) == [0, 1]
    assert not at.restorer.busy


def test_restore_waits_for_what_is_written_but_not_committed() -> None:
    """The end is the high watermark: records of a transaction that is just ending belong to the table (KAFKA-10167)."""
    at = Restoring()
    producer = at.log.producer("writer")
    producer.init_transactions()
    producer.begin()
    producer.produce(LEVELS, 0, b"key", b"in flight")
    at.restorer.begin([0])
    assert at.steps(500) == []
    producer.commit()
    (restored,) = at.run()
    assert (restored.records, at.values(LEVELS, 0)) == (1, [b"in flight"])
    assert restored.seconds == pytest.approx(0.5)


def test_what_was_aborted_is_not_restored() -> None:
    """It takes place in the log and none in the table."""
    at = Restoring()
    producer = at.log.producer("writer")
    producer.init_transactions()
    producer.begin()
    producer.produce(LEVELS, 0, b"key", b"aborted")
    producer.abort()
    at.write(LEVELS, 0, b"kept")
    at.restorer.begin([0])
    at.run()
    assert at.values(LEVELS, 0) == [b"kept"]


def test_parked_partition_takes_only_what_others_wrote_since() -> None:
    """One that comes straight back costs nothing; what came behind is not missed."""
    at = Restoring()
    at.write(LEVELS, 0, b"1", b"2")
    at.restorer.begin([0])
    at.run()
    assert at.restorer.park([0]) == [0]
    at.write(LEVELS, 0, b"by another owner")
    at.applied.clear()
    at.restorer.begin([0])
    (restored,) = at.run()
    assert (restored.records, at.values(LEVELS, 0)) == (1, [b"by another owner"])


def test_half_restored_partition_can_not_be_parked() -> None:
    """Its tables are good for nothing yet."""
    at = Restoring()
    at.write(LEVELS, 0, b"1")
    at.restorer.begin([0])
    assert at.restorer.park([0, 1]) == [1]


def test_forgotten_partition_begins_anew() -> None:
    """Whatever was read or parked before; until then nothing more of it is applied."""
    at = Restoring()
    at.write(LEVELS, 0, b"1", b"2")
    at.restorer.begin([0])
    at.run()
    at.restorer.park([0])
    at.restorer.forget([0])
    at.applied.clear()
    at.restorer.begin([0])
    at.restorer.forget([0])
    assert at.steps(200) == []
    assert at.applied == []
    at.restorer.begin([0])
    (restored,) = at.run()
    assert (restored.records, at.values(LEVELS, 0)) == (2, [b"1", b"2"])


def test_one_partition_behind_a_dead_writer_does_not_hold_up_the_others() -> None:
    """Those that are up to date go on; the writer is named after a standstill, and again until it is gone."""
    at = Restoring()
    producer = at.log.producer("dead")
    producer.init_transactions()
    producer.begin()
    producer.produce(SEEN, 0, b"key", b"never committed")
    at.write(LEVELS, 1, b"1")
    at.restorer.begin([0, 1])
    assert [one.partition for one in at.steps(int(STALL_SECONDS * 1_000))] == [1]
    assert at.blamed == []
    at.steps(int(STALL_SECONDS * 2_500))
    assert at.blamed == [(SEEN, 0)] * 3
    at.log.producer("dead").init_transactions()
    (restored,) = at.run()
    assert (restored.partition, at.values(SEEN, 0)) == (0, [])


def test_a_dead_writer_is_named_however_many_partitions_wait_behind_it() -> None:
    """Where records name their writer, in every such partition at once: asking one by one outlasted the time-out."""
    at = Restoring()
    producer = at.log.producer("dead")
    producer.init_transactions()
    producer.begin()
    for topic in (LEVELS, SEEN):
        for partition in (0, 1):
            producer.produce(topic, partition, b"key", b"never committed")
    at.restorer.begin([0, 1])
    assert at.steps(int(STALL_SECONDS * 1_500)) == []
    assert at.blamed == [(SEEN, 0), (SEEN, 1)]
    at.log.producer("dead").init_transactions()
    assert [one.partition for one in at.run()] == [0, 1]


def test_a_slow_reader_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standstill without an open transaction is our own: whoever wrote last may well be alive."""
    monkeypatch.setattr(reader_module, "IDLE_PROBABILITY", 1.0)
    at = Restoring()
    at.write(LEVELS, 0, b"1")
    at.restorer.begin([0])
    at.steps(int(STALL_SECONDS * 3_000))
    assert at.blamed == []
    monkeypatch.setattr(reader_module, "IDLE_PROBABILITY", 0.0)
    assert at.run()[0].records == 1
