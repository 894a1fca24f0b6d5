"""Notes of recent events: what commits stays, what is old goes, and restarts bring back the rest."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import recent as module
from streams.engine.recent import MILLISECONDS_PER_HOUR, TIME_BYTES, RecentNotes, stamp
from streams.engine.seen import SeenCodec, SeenEvents, Verdict

NOW = 1_800_000_000_000
HOURS = 25
NOTE_BYTES = TIME_BYTES + 2
WINDOW_MS = HOURS * MILLISECONDS_PER_HOUR


def note(number: int, at: int = NOW) -> bytes:
    """A note that tells itself from others."""
    return stamp(at) + number.to_bytes(2, "big")


def opened(*partitions: int) -> RecentNotes:
    """Notes that hold partitions, all empty."""
    notes = RecentNotes(NOTE_BYTES, HOURS)
    for partition in partitions:
        notes.open(partition)
    return notes


def test_notes_of_a_batch_count_at_once_and_stay_with_it() -> None:
    """A count in the same batch looks back at them; by key and by partition."""
    notes = opened(0, 1)
    notes.add(0, b"a", note(1))
    notes.add(0, b"a", note(2))
    notes.add(0, b"b", note(3))
    assert notes.of(0, b"a") == note(1) + note(2)
    assert notes.of(1, b"a") == b""
    assert len(notes) == 0
    notes.merge()
    notes.add(0, b"a", note(4))
    assert notes.of(0, b"a") == note(1) + note(2) + note(4)
    assert len(notes) == 3


def test_notes_of_an_aborted_batch_are_gone() -> None:
    """And what was committed before stays as it was."""
    notes = opened(0)
    notes.add(0, b"a", note(1))
    notes.merge()
    notes.add(0, b"a", note(2))
    notes.add(0, b"b", note(3))
    notes.discard()
    assert (notes.of(0, b"a"), notes.of(0, b"b"), notes.packed(0)) == (note(1), b"", [])
    notes.add(0, b"a", note(4))
    notes.merge()
    assert notes.of(0, b"a") == note(1) + note(4)


def test_merged_notes_do_not_change_with_the_next_batch() -> None:
    """What a batch added is handed over to the store; the next one begins anew."""
    notes = opened(0)
    notes.add(0, b"a", note(1))
    notes.merge()
    notes.add(0, b"a", note(2))
    notes.discard()
    assert notes.of(0, b"a") == note(1)


keys = st.sampled_from([b"a", b"b", "Größe-7".encode(), b"k" * 200])


@given(st.lists(st.tuples(keys, st.integers(0, 99)), max_size=40), st.integers(0, 40))
def test_packed_notes_come_back_whole(added: list[tuple[bytes, int]], split: int) -> None:
    """Whatever lies in them, in any number of records, in the order in which they were added."""
    before, after = opened(0), opened(0)
    for batch in (added[:split], added[split:]):
        for key, number in batch:
            before.add(0, key, note(number))
        for part in before.packed(0):
            after.restore(0, part, NOW)
        before.merge()
    for key in {key for key, _ in added}:
        assert after.of(0, key) == before.of(0, key)
    assert len(after) == len(added)


def test_parts_fit_into_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many notes a batch has, of one key or of many; no note is cut in two."""
    monkeypatch.setattr(module, "RECORD_BYTES", 100)
    chance, before, after = random.Random(1), opened(0), opened(0)
    for number in range(500):
        before.add(0, b"hot" if chance.random() < 0.5 else b"key-%d" % number, note(number))
    parts = before.packed(0)
    assert max(map(len, parts)) <= 100 + len(b"key-499") + 2
    assert len(parts) > 50
    for part in parts:
        after.restore(0, part, NOW)
    before.merge()
    assert after.of(0, b"hot") == before.of(0, b"hot")
    assert len(after) == 500


def test_restore_leaves_out_what_is_old_by_now() -> None:
    """Of each key the notes within the window; a key without any takes no memory."""
    before, after = opened(0), opened(0)
    before.add(0, b"a", note(1, NOW - 1))
    before.add(0, b"a", note(2, NOW))
    before.add(0, b"old", note(3, NOW - 1))
    (part,) = before.packed(0)
    after.restore(0, part, NOW + WINDOW_MS)
    assert after.of(0, b"a") == note(2)
    assert list(after._stored[0]) == [b"a"]


def test_old_notes_are_swept_and_young_ones_stay() -> None:
    """Each tick sweeps some keys; a few ticks sweep all, again and again."""
    notes = opened(0)
    for number in range(5):
        notes.add(0, b"%d" % number, note(1, NOW + number))
        notes.add(0, b"%d" % number, note(2, NOW + 10))
    notes.merge()
    for _ in range(3):
        notes.sweep(NOW + WINDOW_MS + 2)
    assert [len(notes.of(0, b"%d" % number)) // NOTE_BYTES for number in range(5)] == [1, 1, 2, 2, 2]
    for _ in range(3):
        notes.sweep(NOW + WINDOW_MS + 11)
    assert len(notes) == 0
    assert notes._stored[0] == {}


def test_a_sweep_does_some_keys_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a tick stays short, whatever is held; keys that come meanwhile wait for the next round."""
    monkeypatch.setattr(module, "KEYS_SWEPT", 2)
    notes = opened(0)
    for key in (b"a", b"b", b"c"):
        notes.add(0, key, note(1))
    notes.merge()
    notes.sweep(NOW + WINDOW_MS + 1)
    assert len(notes) == 1
    notes.add(0, b"d", note(1))
    notes.merge()
    notes.sweep(NOW + WINDOW_MS + 1)
    assert list(notes._stored[0]) == [b"d"]
    notes.sweep(NOW + WINDOW_MS + 1)
    assert len(notes) == 0


def test_a_dropped_partition_is_forgotten_and_a_parked_one_kept() -> None:
    """Opening what is held already, as when a partition comes straight back, forgets nothing."""
    notes = opened(0, 1)
    notes.add(0, b"a", note(1))
    notes.add(1, b"a", note(2))
    notes.merge()
    notes.sweep(NOW)
    notes.open(0)
    notes.drop(1)
    notes.open(1)
    assert (notes.of(0, b"a"), notes.of(1, b"a")) == (note(1), b"")
    notes.sweep(NOW + WINDOW_MS + 1)
    notes.sweep(NOW + WINDOW_MS + 1)
    assert len(notes) == 0


# With the identities that they travel with --------------------------------------------------------------


def test_notes_travel_with_identities_and_without() -> None:
    """A tick may note something without an event, such as an expiry; more parts than identities have are fine."""
    codec = SeenCodec()
    first = SeenEvents("seen", codec, 168, opened())
    again = SeenEvents("seen", codec, 168, opened())
    for seen in (first, again):
        seen.open(0)
    notes, restored = first._recent, again._recent
    assert notes is not None
    assert restored is not None
    written: list[bytes] = []

    def produce(_topic: str, partition: int, _key: bytes, value: bytes | None) -> None:
        assert value is not None
        written.append(value)
        again.restore(partition, value, NOW)

    first.check(0, b"i" * 16, b"c" * 6)
    notes.add(0, b"a", note(1))
    first.flush(produce, "w", NOW)
    first.merge()
    notes.add(0, b"a", note(2))
    first.flush(produce, "w", NOW)
    first.merge()
    assert len(written) == 2
    assert restored.of(0, b"a") == note(1) + note(2) == notes.of(0, b"a")
    assert again.check(0, b"i" * 16, b"c" * 6) is Verdict.DUPLICATE
    notes.add(0, b"a", note(3))
    first.discard()
    first.flush(produce, "w", NOW)
    assert len(written) == 2
    first.drop(0)
    first.open(0)
    assert notes.of(0, b"a") == b""


def test_whether_an_identity_is_known_is_asked_without_remembering_it() -> None:
    """A count that is too old is refused, and may be sent again under its id."""
    seen = SeenEvents("seen", SeenCodec(), 168)
    seen.open(0)
    assert not seen.knows(0, b"i" * 16)
    assert not seen.knows(0, b"i" * 16)
    seen.check(0, b"i" * 16, b"c" * 6)
    assert seen.knows(0, b"i" * 16)
    seen.flush(lambda *_: None, "w", NOW)
    seen.merge()
    assert seen.knows(0, b"i" * 16)
