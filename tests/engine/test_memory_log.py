"""What only the log in memory can show: its clock, its markers, its crash points."""

from __future__ import annotations

import random

import pytest

from streams.engine.errors import AbortableLogError, FatalLogError, FencedError
from streams.engine.log import Partition
from streams.engine.memory_log import Membership, MemoryCluster, MemoryLog, Process, SimulatedCrash
from streams.engine.memory_log.consumer import MemoryConsumer

TOPIC, OTHER = "topic", "other"
P0, P1 = (TOPIC, 0), (TOPIC, 1)
SESSION_MS = 6_000
TRANSACTION_MS = 10_000
SEEDS = 40


def make_cluster(seed: int = 0, longest_marker_delay_ms: int = 0) -> MemoryCluster:
    """A cluster with two topics of two partitions."""
    cluster = MemoryCluster(
        random.Random(seed),
        longest_marker_delay_ms=longest_marker_delay_ms,
        session_timeout_ms=SESSION_MS,
        transaction_timeout_ms=TRANSACTION_MS,
    )
    for topic in (TOPIC, OTHER):
        cluster.create_topic(topic, 2)
    return cluster


class Member:
    """A member that notes its callbacks."""

    def __init__(self, cluster: MemoryCluster, instance_id: str, process: Process | None = None) -> None:
        self.process = process or Process()
        self.consumer: MemoryConsumer = MemoryLog(cluster, self.process).consumer("group", instance_id)
        self.events: list[str] = []
        self.owned: list[Partition] = []
        self.metadata = Membership("group")
        self.consumer.subscribe([TOPIC], self._on_assign, self._on_revoke, self._on_lost)

    def _on_assign(self, partitions: list[Partition]) -> None:
        self.events.append("assign")
        self.owned = partitions
        self.metadata = self.consumer.group_metadata()

    def _on_revoke(self, _: list[Partition]) -> None:
        self.events.append("revoke")
        self.owned = []

    def _on_lost(self, _: list[Partition]) -> None:
        self.events.append("lost")
        self.owned = []

    def poll(self, times: int = 1) -> list[bytes | None]:
        """Poll and return the values."""
        return [record.value() for _ in range(times) for record in self.consumer.poll(100, 0.0)]


def test_commit_returns_before_its_markers_reach_every_partition() -> None:
    """Decided at once, visible in each partition at a time of its own."""
    cluster = make_cluster(longest_marker_delay_ms=1_000)
    producer = MemoryLog(cluster).producer("id")
    producer.init_transactions()
    producer.begin()
    for partition in range(2):
        for topic in (TOPIC, OTHER):
            producer.produce(topic, partition, b"k", b"v")
    producer.commit()
    logs = [cluster.log((topic, partition)) for topic in (TOPIC, OTHER) for partition in range(2)]
    visible = []
    for _ in range(100):
        visible.append(sum(log.last_stable_offset() > 0 for log in logs))
        cluster.tick(10)
    assert visible[0] < 4
    assert visible == sorted(visible)
    assert len(set(visible)) > 2, "the markers arrive one after the other"
    cluster.tick(10)
    assert all(log.last_stable_offset() == log.high_watermark == 2 for log in logs)


def test_owner_waits_for_its_markers_before_its_next_transaction() -> None:
    """As in Kafka, where the next transaction gets CONCURRENT_TRANSACTIONS until then."""
    cluster = make_cluster(longest_marker_delay_ms=1_000_000)
    producer = MemoryLog(cluster).producer("id")
    producer.init_transactions()
    for value in (b"1", b"2"):
        producer.begin()
        for _ in range(20):
            producer.produce(TOPIC, 0, b"k", value)
        producer.commit()
    cluster.append(TOPIC, 0, b"k", b"3")
    records, _ = cluster.log(P0).committed(0, 100)
    assert [record.value() for record in records] == [b"1"] * 20


def test_a_transaction_past_its_time_out_is_aborted_and_its_owner_fenced() -> None:
    """The broker ends what a dead or frozen owner leaves open."""
    cluster = make_cluster()
    producer = MemoryLog(cluster).producer("id")
    producer.init_transactions()
    producer.begin()
    for _ in range(20):
        producer.produce(TOPIC, 0, b"k", b"never")
    assert cluster.transactions.pending()
    cluster.tick(TRANSACTION_MS)
    assert cluster.transactions.pending()
    cluster.tick(1)
    assert not cluster.transactions.pending()
    with pytest.raises(FencedError):
        producer.commit()
    assert cluster.committed(TOPIC) == []


def test_offsets_sent_later_count_even_if_their_marker_comes_first() -> None:
    """Two producers of one process take turns; their markers may overtake each other."""
    for seed in range(SEEDS):
        cluster = make_cluster(seed, longest_marker_delay_ms=1_000)
        member = Member(cluster, "one")
        member.poll()
        producers = [MemoryLog(cluster).producer(name) for name in ("a", "b")]
        for offset, producer in enumerate(producers, start=1):
            producer.init_transactions()
            producer.begin()
            producer.send_offsets({P0: offset}, member.metadata)
            producer.commit()
        cluster.tick(1_001)
        assert cluster.group("group").offset(P0) == 2


def test_thawed_member_returns_what_it_had_prefetched_before_it_learns_of_its_loss() -> None:
    """Some seeds return records of an assignment that is over; none can commit them."""
    stale = 0
    for seed in range(SEEDS):
        cluster = make_cluster(seed)
        for number in range(50):
            cluster.append(TOPIC, 0, b"k", b"%d" % number)
        frozen = Member(cluster, "one")
        while not frozen.poll():
            pass
        metadata = frozen.metadata
        frozen.process.frozen = True
        cluster.tick(SESSION_MS + 1)
        frozen.process.frozen = False
        stale += bool(frozen.poll()) and "lost" not in frozen.events
        producer = MemoryLog(cluster).producer("id")
        producer.init_transactions()
        producer.begin()
        with pytest.raises(FencedError):
            producer.send_offsets({P0: 50}, metadata)
    assert 0 < stale < SEEDS


def test_metadata_of_an_expelled_member_names_nobody_and_passes() -> None:
    """The trap that taking the metadata at assignment avoids (KAFKA-9365)."""
    cluster = make_cluster()
    member = Member(cluster, "one")
    member.poll()
    member.process.frozen = True
    cluster.tick(SESSION_MS + 1)
    member.process.frozen = False
    while member.consumer.group_metadata().member_id:
        pass
    producer = MemoryLog(cluster).producer("id")
    producer.init_transactions()
    producer.begin()
    producer.send_offsets({P0: 1}, member.consumer.group_metadata())
    with pytest.raises(FencedError):
        producer.send_offsets({P0: 1}, member.metadata)


def test_session_ends_only_without_heartbeats() -> None:
    """A member that is slow to poll stays, a frozen one goes, and its partitions to the others."""
    cluster = make_cluster()
    slow, frozen = Member(cluster, "one"), Member(cluster, "two")
    while not (slow.owned == [P0] and frozen.owned == [P1]):
        slow.poll()
        frozen.poll()
    frozen.process.frozen = True
    cluster.tick(SESSION_MS + 1)
    while slow.owned != [P0, P1]:
        slow.poll()
    assert slow.events.count("lost") == 0


def test_lost_is_called_instead_of_revoke_after_the_session() -> None:
    """Who was expelled must forget; others may have written since."""
    cluster = make_cluster()
    member = Member(cluster, "one")
    member.poll()
    member.process.frozen = True
    cluster.tick(SESSION_MS + 1)
    member.process.frozen = False
    while member.events.count("assign") < 2:
        member.poll()
    assert member.events == ["assign", "lost", "assign"]


def test_compaction_keeps_the_newest_of_each_key_and_all_that_is_open() -> None:
    """Offsets stay as they were; the last entry is never dropped."""
    cluster = make_cluster()
    for value in (b"1", b"2", b"3"):
        cluster.append(TOPIC, 0, b"a", value)
    cluster.append(TOPIC, 0, b"b", b"1")
    producer = MemoryLog(cluster).producer("id")
    producer.init_transactions()
    producer.begin()
    for _ in range(20):
        producer.produce(TOPIC, 0, b"a", b"open")
    cluster.compact(TOPIC)
    assert [(record.offset(), record.value()) for record in cluster.committed(TOPIC)] == [
        (2, b"3"),
        (3, b"1"),
    ]
    producer.abort()
    cluster.append(TOPIC, 0, b"a", b"4")
    cluster.compact(TOPIC)
    kept = [(record.key(), record.value()) for record in cluster.committed(TOPIC)]
    assert kept == [(b"b", b"1"), (b"a", b"4")]
    assert len(cluster.log(P0).uncommitted(0)) == 2


def test_crash_ends_every_client_of_its_process_and_cleans_up_nothing() -> None:
    """After the crash each call raises it again, and the open transaction stays open."""

    def crash_at_commit(point: str) -> None:
        if point == "before producer.commit":
            raise SimulatedCrash

    cluster = make_cluster()
    process = Process("victim", crash_at_commit)
    log = MemoryLog(cluster, process)
    producer, consumer = log.producer("id"), log.consumer("group", "one")
    producer.init_transactions()
    producer.begin()
    for _ in range(20):
        producer.produce(TOPIC, 0, b"k", b"v")
    with pytest.raises(SimulatedCrash):
        producer.commit()
    assert not process.alive
    for call in (producer.abort, producer.close, consumer.close):
        with pytest.raises(SimulatedCrash):
            call()
    assert cluster.transactions.pending()


def test_injected_abortable_error_holds_until_the_abort() -> None:
    """As in librdkafka: whatever is tried next fails until the transaction is aborted."""
    failures = iter([AbortableLogError("injected")])

    def fail_once(point: str) -> None:
        if point == "before producer.commit" and (failure := next(failures, None)):
            raise failure

    cluster = make_cluster()
    producer = MemoryLog(cluster, Process("victim", fail_once)).producer("id")
    producer.init_transactions()
    producer.begin()
    producer.produce(TOPIC, 0, b"k", b"never")
    for _ in range(2):
        with pytest.raises(AbortableLogError):
            producer.commit()
    producer.abort()
    producer.begin()
    producer.produce(TOPIC, 0, b"k", b"kept")
    producer.commit()
    assert [record.value() for record in cluster.committed(TOPIC)] == [b"kept"]


def test_misuse_is_fatal() -> None:
    """Calls in the wrong order, and partitions that are not there or not assigned, end the process."""
    cluster = make_cluster()
    log = MemoryLog(cluster)
    producer, member = log.producer("id"), Member(cluster, "one")
    for misuse in (
        producer.begin,
        producer.commit,
        producer.abort,
        lambda: producer.produce(TOPIC, 0, None, None),
        lambda: log.reader().start((TOPIC, 2), 0),
        lambda: member.consumer.seek((OTHER, 0), 0),
        lambda: log.consumer("group", "two").poll(1, 0.0),
    ):
        with pytest.raises(FatalLogError):
            misuse()


def test_waiting_in_vain_lets_virtual_time_pass() -> None:
    """A poll with a time-out that finds nothing moves the clock, so a wait for a time-out comes to an end."""
    cluster = make_cluster()
    before = cluster.now_ms
    MemoryLog(cluster).reader().poll(1, 0.25)
    assert cluster.now_ms == before + 250
