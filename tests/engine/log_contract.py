"""What every log must keep: one suite, run on the log in memory and on a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import pytest

from streams.engine.errors import EngineError, FatalLogError, FencedError
from streams.engine.log import GroupConsumer, GroupMetadata, Log, Partition, Record, TransactionalProducer

DEADLINE_SECONDS = 30.0  # A join on a busy machine takes a few seconds; nothing here takes longer.
POLL_SECONDS = 0.05
KEY = b"sku-1"


class Bed(Protocol):
    """Where the contract is tried: a cluster, and ways to make topics and clients."""

    def topic(self, partitions: int) -> str:
        """Create a topic of a new name."""

    def log(self) -> Log:
        """Return the cluster as a process of its own sees it."""

    def append(self, topic: str, partition: int, value: bytes) -> None:
        """Write a record outside any transaction."""


def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, failing at the deadline; it is asked again and again, and may poll."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"


class Reading:
    """A table reader that collects what it reads of one partition."""

    def __init__(self, log: Log, partition: Partition) -> None:
        self.reader = log.reader()
        self.partition = partition
        self.records: list[Record] = []
        self.reader.start(partition, 0)

    def values(self) -> list[bytes | None]:
        """Poll once and return all values so far."""
        self.records += self.reader.poll(100, POLL_SECONDS)
        return [record.value() for record in self.records]

    def up_to(self, offset: int) -> list[bytes | None]:
        """Poll until nothing committed below an offset is unread; return all values."""
        eventually(lambda: self.values() is not None and self.reader.position(self.partition) >= offset)
        return self.values()

    def end(self) -> int:
        """Return the high watermark."""
        return self.reader.end_offsets([self.partition])[self.partition]


class Member:
    """A group member that notes what happens to it."""

    def __init__(self, log: Log, group_id: str, instance_id: str, topics: list[str]) -> None:
        self.consumer: GroupConsumer = log.consumer(group_id, instance_id)
        self.assigned: list[Partition] | None = None
        self.metadata: GroupMetadata | None = None
        self.records: list[Record] = []
        self.consumer.subscribe(topics, self._on_assign, self._on_gone, self._on_gone)

    def _on_assign(self, partitions: list[Partition]) -> None:
        self.assigned = sorted(partitions)
        self.metadata = self.consumer.group_metadata()

    def _on_gone(self, _: list[Partition]) -> None:
        self.assigned = None

    def poll(self) -> list[bytes | None]:
        """Poll once and return all values so far."""
        self.records += self.consumer.poll(100, POLL_SECONDS)
        return [record.value() for record in self.records]

    def owns(self, partitions: list[Partition]) -> bool:
        """Poll once and return whether exactly these are assigned."""
        self.poll()
        return self.assigned == sorted(partitions)

    def membership(self) -> GroupMetadata:
        """Return the metadata as it was taken in the assign callback."""
        assert self.metadata is not None
        return self.metadata


@contextmanager
def transaction(producer: TransactionalProducer) -> Iterator[TransactionalProducer]:
    """Commit what is done within."""
    producer.begin()
    yield producer
    producer.commit()


class LogContract:
    """The suite; a subclass gives the fixture `bed`."""

    @pytest.fixture
    def bed(self) -> Bed:
        """Return the place to try it."""
        raise NotImplementedError

    @staticmethod
    def producer(bed: Bed, transactional_id: str) -> TransactionalProducer:
        """Return a producer that owns its transactional id."""
        producer = bed.log().producer(transactional_id)
        producer.init_transactions()
        return producer

    def test_records_keep_what_was_written(self, bed: Bed) -> None:
        """Key, value, headers, place and time come back as written; a tombstone has no value."""
        topic = bed.topic(2)
        with transaction(self.producer(bed, topic)) as producer:
            producer.produce(topic, 1, KEY, b"v", [("a", b"1"), ("a", b"2")])
            producer.produce(topic, 1, KEY, None)
        reading = Reading(bed.log(), (topic, 1))
        eventually(lambda: len(reading.values()) == 2)
        first, second = reading.records
        assert (first.topic(), first.partition(), first.offset(), first.key()) == (topic, 1, 0, KEY)
        assert (first.value(), first.headers()) == (b"v", [("a", b"1"), ("a", b"2")])
        assert first.timestamp()[0] != 0
        assert (second.offset(), second.value(), second.headers()) == (1, None, None)

    def test_open_transaction_holds_readers_back_at_its_first_record(self, bed: Bed) -> None:
        """The high watermark counts uncommitted records, while readers stop before them until they commit."""
        topic = bed.topic(1)
        producer, membership = self.producer(bed, topic), self._membership(bed, topic)
        bed.append(topic, 0, b"before")
        producer.begin()
        producer.produce(topic, 0, KEY, b"open")
        producer.send_offsets({(topic, 0): 0}, membership)
        bed.append(topic, 0, b"after")
        reading = Reading(bed.log(), (topic, 0))
        assert reading.end() == 3
        assert reading.up_to(1) == [b"before"]
        assert reading.reader.position((topic, 0)) == 1
        producer.commit()
        eventually(lambda: reading.values() == [b"before", b"open", b"after"])

    def _membership(self, bed: Bed, topic: str) -> GroupMetadata:
        """Return proof of membership in a group of its own."""
        member = Member(bed.log(), f"{topic}-group", "one", [topic])
        eventually(lambda: member.owns([(topic, 0)]))
        return member.membership()

    def test_sending_offsets_leaves_no_record_in_the_client(self, bed: Bed) -> None:
        """Who takes the high watermark after offsets were accepted sees all records that belong to them."""
        topic = bed.topic(1)
        producer, membership = self.producer(bed, topic), self._membership(bed, topic)
        producer.begin()
        for number in range(100):
            producer.produce(topic, 0, KEY, b"%d" % number)
        producer.send_offsets({(topic, 0): 0}, membership)
        assert Reading(bed.log(), (topic, 0)).end() == 100
        producer.abort()

    def test_aborted_records_are_passed_unseen(self, bed: Bed) -> None:
        """An aborted transaction leaves offsets behind, but no records."""
        topic = bed.topic(1)
        producer, membership = self.producer(bed, topic), self._membership(bed, topic)
        producer.begin()
        producer.produce(topic, 0, KEY, b"never")
        producer.send_offsets({(topic, 0): 0}, membership)
        producer.abort()
        with transaction(producer):
            producer.produce(topic, 0, KEY, b"kept")
        reading = Reading(bed.log(), (topic, 0))
        eventually(lambda: reading.values() is not None and reading.end() == 4)
        assert reading.up_to(4) == [b"kept"]

    def test_a_new_owner_of_a_transactional_id_aborts_and_fences_the_former(self, bed: Bed) -> None:
        """init_transactions ends what the former owner left open, and that one can't commit any more."""
        topic = bed.topic(1)
        former, membership = self.producer(bed, topic), self._membership(bed, topic)
        former.begin()
        former.produce(topic, 0, KEY, b"never")
        former.send_offsets({(topic, 0): 0}, membership)
        with transaction(self.producer(bed, topic)) as newer:
            newer.produce(topic, 0, KEY, b"kept")
        with pytest.raises(FencedError):
            former.commit()
        reading = Reading(bed.log(), (topic, 0))
        eventually(lambda: reading.values() == [b"kept"])

    def test_open_writer_is_shown_to_who_waits_behind_it(self, bed: Bed) -> None:
        """Who holds a partition back is found; before it, where a reader is only slow, there is nobody to blame."""
        topic = bed.topic(1)
        with transaction(self.producer(bed, topic)) as living:
            living.produce(topic, 0, KEY, b"committed")
        reading = Reading(bed.log(), (topic, 0))
        eventually(lambda: reading.values() == [b"committed"])
        end = reading.end()
        producer, membership = self.producer(bed, topic), self._membership(bed, topic)
        producer.begin()
        producer.produce(topic, 0, KEY, b"open")
        producer.produce(topic, 0, KEY, b"open too")
        producer.send_offsets({(topic, 0): 0}, membership)
        reader = bed.log().reader()
        eventually(lambda: [record.value() for record in reader.open_writers((topic, 0), end)] == [b"open"])
        assert list(reader.open_writers((topic, 0), 0)) == []
        producer.abort()

    def test_offsets_commit_with_their_transaction(self, bed: Bed) -> None:
        """A member that takes over goes on where the last committed transaction ended."""
        topic = bed.topic(1)
        for value in (b"0", b"1", b"2"):
            bed.append(topic, 0, value)
        first = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: first.poll() == [b"0", b"1", b"2"])
        producer = self.producer(bed, topic)
        producer.begin()
        producer.send_offsets({(topic, 0): 1}, first.membership())
        producer.commit()
        producer.begin()
        producer.send_offsets({(topic, 0): 3}, first.membership())
        producer.abort()
        second = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: second.poll() == [b"1", b"2"])

    def test_lag_after_a_restart_is_what_was_not_committed(self, bed: Bed) -> None:
        """A partition that stays quiet after a restart must not look as if all of it were still to be read."""
        topic = bed.topic(2)
        for value in (b"0", b"1", b"2"):
            bed.append(topic, 0, value)
        first = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: len(first.poll()) == 3)
        with transaction(self.producer(bed, topic)) as producer:
            producer.send_offsets({(topic, 0): 3}, first.membership())
        second = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: second.poll() == [] and second.consumer.lag().keys() == {(topic, 0), (topic, 1)})
        assert second.consumer.lag() == {(topic, 0): 0, (topic, 1): 0}
        bed.append(topic, 0, b"3")
        eventually(lambda: second.poll() == [b"3"])
        assert second.consumer.lag()[topic, 0] == 0

    def test_offsets_of_two_producers_count_in_the_order_in_which_they_were_sent(self, bed: Bed) -> None:
        """Producers may take turns; so may offsets of topics that the group does not read, as a mere fence."""
        topic, fence = bed.topic(1), bed.topic(1)
        for value in (b"0", b"1", b"2"):
            bed.append(topic, 0, value)
        first = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: first.poll() == [b"0", b"1", b"2"])
        for offset, name in enumerate((f"{topic}-a", f"{topic}-b"), start=1):
            with transaction(self.producer(bed, name)) as producer:
                producer.send_offsets({(topic, 0): offset, (fence, 0): 0}, first.membership())
        second = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: second.poll() == [b"2"])

    def test_pending_offsets_hold_back_who_takes_over(self, bed: Bed) -> None:
        """While a transaction with a partition's offset is open, its new owner reads nothing."""
        topic = bed.topic(1)
        bed.append(topic, 0, b"0")
        bed.append(topic, 0, b"1")
        first = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: len(first.poll()) == 2)
        producer = self.producer(bed, topic)
        producer.begin()
        producer.send_offsets({(topic, 0): 1}, first.membership())
        second = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: second.owns([(topic, 0)]))
        for _ in range(10):
            assert second.poll() == []
        producer.commit()
        eventually(lambda: second.poll() == [b"1"])

    def test_members_share_equal_partition_numbers(self, bed: Bed) -> None:
        """With two members each owns half, the same partition numbers of both topics."""
        left, right = bed.topic(4), bed.topic(4)
        topics = [left, right]
        first = Member(bed.log(), left, "one", topics)
        eventually(lambda: first.owns([(topic, number) for topic in topics for number in range(4)]))
        second = Member(bed.log(), left, "two", topics)
        low = [(topic, number) for topic in topics for number in (0, 1)]
        high = [(topic, number) for topic in topics for number in (2, 3)]
        eventually(lambda: all([first.owns(low), second.owns(high)]))  # Both poll each time.

    def test_metadata_of_an_earlier_generation_commits_nothing(self, bed: Bed) -> None:
        """Offsets sent in the name of an assignment that is over are refused."""
        topic = bed.topic(2)
        first = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: first.owns([(topic, 0), (topic, 1)]))
        stale = first.membership()
        second = Member(bed.log(), topic, "two", [topic])
        eventually(lambda: all([first.owns([(topic, 0)]), second.owns([(topic, 1)])]))
        producer = self.producer(bed, topic)
        producer.begin()
        producer.produce(topic, 0, KEY, b"never")
        with pytest.raises(FencedError):
            producer.send_offsets({(topic, 0): 1}, stale)

    def test_a_restarted_static_member_fences_its_former_self(self, bed: Bed) -> None:
        """The newer process has the partitions at once, the former can neither commit nor poll on."""
        topic = bed.topic(2)
        both = [(topic, 0), (topic, 1)]
        former = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: former.owns(both))
        newer = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: newer.owns(both))
        producer = self.producer(bed, topic)
        producer.begin()
        with pytest.raises(FencedError):
            producer.send_offsets({(topic, 0): 1}, former.membership())
        with pytest.raises(FatalLogError):
            eventually(lambda: former.poll() is None)

    def test_paused_partitions_return_nothing_until_resumed(self, bed: Bed) -> None:
        """Pausing one partition leaves the other alone, and loses nothing."""
        topic = bed.topic(2)
        member = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: member.owns([(topic, 0), (topic, 1)]))
        member.consumer.pause([(topic, 0)])
        bed.append(topic, 0, b"held")
        bed.append(topic, 1, b"passed")
        eventually(lambda: member.poll() == [b"passed"])
        assert member.poll() == [b"passed"]
        member.consumer.resume([(topic, 0)])
        eventually(lambda: member.poll() == [b"passed", b"held"])

    def test_seeking_back_returns_the_same_records_again(self, bed: Bed) -> None:
        """After a rewind the partition is read again from that offset, in order."""
        topic = bed.topic(1)
        for value in (b"0", b"1", b"2"):
            bed.append(topic, 0, value)
        member = Member(bed.log(), topic, "one", [topic])
        eventually(lambda: member.poll() == [b"0", b"1", b"2"])
        member.consumer.seek((topic, 0), 1)
        eventually(lambda: member.poll() == [b"0", b"1", b"2", b"1", b"2"])

    def test_partition_counts_leave_missing_topics_out(self, bed: Bed) -> None:
        """Who asks can tell what is missing."""
        topic = bed.topic(3)
        assert bed.log().partition_counts([topic, "no-such-topic"]) == {topic: 3}

    def test_a_partition_that_is_not_there_can_not_be_written(self, bed: Bed) -> None:
        """A mistaken topic or partition number ends in an error, at the latest at the commit."""
        topic = bed.topic(1)
        producer = self.producer(bed, topic)
        producer.begin()

        def write() -> None:
            producer.produce(topic, 1, KEY, b"v")
            producer.commit()

        with pytest.raises(EngineError):
            write()
