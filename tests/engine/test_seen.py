"""Which events have been seen: remembered with their batch, told from others, forgotten after the window."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import seen_memory
from streams.engine.seen import (
    CONTENT_BYTES,
    IDENTITY_BYTES,
    MILLISECONDS_PER_HOUR,
    SLOTS_SWEPT,
    SeenCodec,
    SeenEvents,
    Verdict,
    content_hash,
    identity_hash,
)

WINDOW_HOURS = 7 * 24
TOPIC = "seen"
SLOTS = 65_536
NOW_HOUR = 500_000  # In 2027.


class Store:
    """Seen events of partition 0 and the records that they have produced."""

    def __init__(self) -> None:
        self.seen = SeenEvents(TOPIC, SeenCodec(), WINDOW_HOURS)
        self.seen.open(0)
        self.records: list[bytes] = []

    def _produce(self, topic: str, partition: int, key: bytes, value: bytes | None) -> None:
        assert (topic, partition, key) == (TOPIC, 0, b"")
        assert value is not None
        self.records.append(value)

    def check(self, identity: bytes, content: bytes = b"sold 1") -> Verdict:
        """Ask for one identity within the present batch."""
        return self.seen.check(0, identity, content_hash(content))

    def commit(self, hour: int = NOW_HOUR) -> None:
        """End the batch in an hour."""
        self.seen.flush(self._produce, "worker-0", hour * MILLISECONDS_PER_HOUR + 5)
        self.seen.merge()

    def remember(self, *identities: bytes, hour: int = NOW_HOUR) -> None:
        """One batch of new identities."""
        for identity in identities:
            assert self.check(identity) is Verdict.NEW
        self.commit(hour)

    def sweep_all(self, hour: int) -> None:
        """As many ticks as it takes to look at every slot."""
        for _ in range(SLOTS // SLOTS_SWEPT):
            self.seen.sweep(hour * MILLISECONDS_PER_HOUR)

    def restarted(self, hour: int = NOW_HOUR) -> Store:
        """A new store that has read this one's records."""
        other = Store()
        for record in self.records:
            other.seen.restore(0, record, hour * MILLISECONDS_PER_HOUR)
        return other


def identity(number: int) -> bytes:
    """An event's identity."""
    return identity_hash(b"till-1", b"%d" % number)


def test_the_same_event_again_is_a_duplicate_within_its_batch_and_after() -> None:
    """Whether it stands in the write set or is committed makes no difference."""
    store = Store()
    assert store.check(identity(1)) is Verdict.NEW
    assert store.check(identity(1)) is Verdict.DUPLICATE
    store.commit()
    assert store.check(identity(1)) is Verdict.DUPLICATE
    assert len(store.seen) == 1


def test_another_event_under_a_used_id_is_a_conflict_within_its_batch_and_after() -> None:
    """And stays one: the first content keeps the id."""
    store = Store()
    store.check(identity(1), b"sold 1")
    assert store.check(identity(1), b"sold 2") is Verdict.CONFLICT
    store.commit()
    assert store.check(identity(1), b"sold 2") is Verdict.CONFLICT
    assert store.check(identity(1), b"sold 1") is Verdict.DUPLICATE


def test_what_was_aborted_was_never_seen() -> None:
    """Flushed or not: an event of an aborted batch is new again."""
    store = Store()
    store.check(identity(1))
    store.seen.discard()
    assert store.check(identity(1)) is Verdict.NEW
    store.seen.flush(lambda *_: None, "worker-0", 0)
    store.seen.discard()
    store.seen.merge()
    assert len(store.seen) == 0
    assert store.check(identity(1)) is Verdict.NEW


def test_partitions_are_told_apart_and_forgotten_alone() -> None:
    """An identity is known where its SKU is; dropping one partition leaves the others, opening again keeps them."""
    store = Store()
    store.seen.open(1)
    store.remember(identity(1))
    assert store.seen.check(1, identity(1), content_hash(b"sold 1")) is Verdict.NEW
    store.seen.discard()
    store.seen.drop(1)
    store.seen.open(0)
    assert store.check(identity(1)) is Verdict.DUPLICATE
    store.seen.drop(0)
    store.seen.open(0)
    assert store.check(identity(1)) is Verdict.NEW


def test_a_restarted_worker_knows_what_the_earlier_one_has_seen() -> None:
    """Identity and content come back from the packed records, batch for batch."""
    store = Store()
    for batch in range(5):
        store.remember(*(identity(batch * 100 + n) for n in range(100)))
    assert len(store.records) == 5
    again = store.restarted()
    assert len(again.seen) == 500
    assert {again.check(identity(n)) for n in range(500)} == {Verdict.DUPLICATE}
    assert again.check(identity(7), b"other") is Verdict.CONFLICT
    assert again.check(identity(500)) is Verdict.NEW


def test_records_name_their_writer() -> None:
    """So that a new owner can end a dead writer's transaction."""
    store = Store()
    store.remember(identity(1))
    assert SeenCodec().writer(store.records[0]) == "worker-0"


def test_a_batch_of_any_size_fits_into_records_that_a_topic_takes() -> None:
    """Kafka's limit is a million bytes a record; nothing of a large batch may be lost at a seam."""
    store = Store()
    store.remember(*map(identity, range(60_000)))
    assert len(store.records) > 1
    assert max(map(len, store.records)) < 1_000_000
    again = store.restarted()
    assert len(again.seen) == 60_000
    assert {again.check(identity(n)) for n in range(0, 60_000, 7)} == {Verdict.DUPLICATE}


def test_a_batch_without_events_produces_nothing() -> None:
    """Ticks cost no record."""
    store = Store()
    store.commit()
    assert store.records == []


@pytest.mark.parametrize("hour", [NOW_HOUR, 65_536 * 7 - 100])
def test_an_identity_is_known_through_the_window_and_forgotten_after(hour: int) -> None:
    """Seven days later it is still known, an hour later gone; also when the hours' counter has begun anew."""
    store = Store()
    store.remember(identity(1), identity(2), hour=hour)
    store.remember(identity(3), hour=hour + 30)
    store.sweep_all(hour + WINDOW_HOURS)
    assert store.check(identity(1)) is Verdict.DUPLICATE
    store.sweep_all(hour + WINDOW_HOURS + 1)
    assert len(store.seen) == 1
    assert store.check(identity(1)) is Verdict.NEW
    assert store.check(identity(3)) is Verdict.DUPLICATE


def test_old_identities_go_and_young_ones_stay_within_a_slot() -> None:
    """Those that share their first bytes lie in one string, which is cut where the window begins."""
    chance = random.Random(1)
    alike = [b"ab" + chance.randbytes(IDENTITY_BYTES - 2) for _ in range(40)]
    store = Store()
    for number, one in enumerate(alike):
        store.remember(one, hour=NOW_HOUR + number)
    store.sweep_all(NOW_HOUR + WINDOW_HOURS + 25)
    assert len(store.seen) == 15
    verdicts = [store.check(one) for one in alike]
    assert verdicts == [Verdict.NEW] * 25 + [Verdict.DUPLICATE] * 15


def test_what_left_the_window_is_not_restored() -> None:
    """A restart after a week away begins with what still counts."""
    store = Store()
    store.remember(identity(1), hour=NOW_HOUR - WINDOW_HOURS - 1)
    store.remember(identity(2), hour=NOW_HOUR - WINDOW_HOURS)
    again = store.restarted()
    assert len(again.seen) == 1
    assert again.check(identity(2)) is Verdict.DUPLICATE


def test_a_clock_that_steps_back_forgets_nothing() -> None:
    """What seems to come from the future is young."""
    store = Store()
    store.remember(identity(1))
    store.sweep_all(NOW_HOUR - 1_000)
    assert store.check(identity(1)) is Verdict.DUPLICATE
    assert store.restarted(NOW_HOUR - 1_000).check(identity(1)) is Verdict.DUPLICATE


def test_a_sweep_looks_at_few_slots_at_a_time() -> None:
    """A tick must stay short however many identities there are."""
    store = Store()
    store.remember(*map(identity, range(5_000)))
    later = NOW_HOUR + WINDOW_HOURS + 1
    store.seen.sweep(later * MILLISECONDS_PER_HOUR)
    assert 4_900 < len(store.seen) < 5_000


def test_bytes_that_straddle_two_entries_are_no_identity() -> None:
    """Two entries whose neighbouring bytes spell a third identity do not make it seen."""
    first = b"ab" + bytes(range(14))
    store = Store()
    store.remember(first)
    store.remember(b"ab" + bytes(range(100, 114)))
    blob = store.seen._stores[0].slots[0x6162]
    for start in range(1, len(blob) - IDENTITY_BYTES + 3):
        straddling = b"ab" + blob[start : start + IDENTITY_BYTES - 2]
        if start % 22:
            assert store.seen._stores[0].content_of(straddling) is None, start
    store.remember(b"ab" + blob[5:19])
    assert store.check(b"ab" + blob[5:19]) is Verdict.DUPLICATE


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.booleans()), max_size=8), max_size=8
    ),
    st.booleans(),
)
def test_verdicts_are_those_of_a_dictionary(
    batches: list[list[tuple[int, int, bool]]], commits: bool
) -> None:
    """Whatever the batches, and whether the last of them commits: as a plain dictionary would have it."""
    store, model = Store(), dict[bytes, bytes]()
    for number, batch in enumerate(batches):
        attempt = dict(model)
        for event, content, crowded in batch:
            # Crowded ones differ in one byte only and share a slot.
            one = bytes(15) + bytes([event]) if crowded else identity(event)
            known = attempt.get(one)
            attempt.setdefault(one, b"%d" % content)
            same = Verdict.DUPLICATE if known == b"%d" % content else Verdict.CONFLICT
            assert store.check(one, b"%d" % content) is (Verdict.NEW if known is None else same)
        if commits or number < len(batches) - 1:
            store.commit()
            model = attempt
        else:
            store.seen.discard()
    assert len(store.seen) == len(model)
    again = store.restarted()
    for one, remembered in model.items():
        assert again.check(one, remembered) is Verdict.DUPLICATE


def test_identities_of_two_sources_never_mix() -> None:
    """Where source_id ends and event_id begins is part of the identity, and so is every byte."""
    pairs = [
        (b"a", b"bc"),
        (b"ab", b"c"),
        (b"", b"abc"),
        (b"abc", b""),
        (b"a", b"bd"),
        (b"1", b"1:a"),
        (b"1:1", b"a"),
    ]
    hashes = {identity_hash(*pair) for pair in pairs}
    assert len(hashes) == len(pairs)
    assert {len(one) for one in hashes} == {IDENTITY_BYTES}
    assert len(content_hash(b"x")) == CONTENT_BYTES


@pytest.mark.timeout(60)
def test_a_million_identities_take_little_memory() -> None:
    """At most 40 bytes each in one partition, as a process grows by them."""
    figures = seen_memory.run(seen_memory.IDS)
    assert figures["ids"] == seen_memory.IDS
    assert figures["bytes_per_id"] <= seen_memory.BYTES_PER_ID_AT_MOST
