"""The waiting room and its positions, against a model that keeps everything."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.egress.positions import COMPACT_ABOVE, Positions
from connectors.egress.waiting import Stored, Waiting, WaitingRoom
from connectors.protocols import Availability

SKUS = st.sampled_from(["a", "b", "c", "d"])


def waiting(sku: str, version: int, offset: int, partition: int = 0) -> Waiting:
    """Return a value that came in at an offset."""
    update = Availability(sku, "web", 1, version, 0, 0)
    return Waiting(update, Stored("availability-web", partition, offset, sku.encode(), b"value"))


def versions(entries: list[Waiting]) -> list[tuple[str, int]]:
    """Return SKU and version of each."""
    return [(entry.update.sku, entry.update.version) for entry in entries]


@given(st.lists(st.tuples(st.booleans(), SKUS)))
def test_the_position_is_the_first_offset_whose_latest_value_is_not_done(
    steps: list[tuple[bool, str]],
) -> None:
    """As a plain dictionary of the newest offsets says."""
    positions, model = Positions(), dict[str, int]()
    for offset, (arrives, sku) in enumerate(steps):
        if arrives:
            positions.add(sku, offset)
            model[sku] = offset
        elif sku in model:
            positions.done(sku, model.pop(sku))
        assert positions.lowest() == min(model.values(), default=None)


def test_an_older_value_that_is_done_does_not_move_the_position_of_a_newer() -> None:
    """The newer one is still to be delivered."""
    positions = Positions()
    positions.add("a", 3)
    positions.add("a", 7)
    positions.done("a", 3)
    assert positions.lowest() == 7


def test_positions_do_not_grow_while_a_channel_is_down() -> None:
    """One busy SKU behind one that is stuck leaves two entries to keep, not a million."""
    positions = Positions()
    positions.add("stuck", 0)
    for offset in range(1, 10 * COMPACT_ABOVE):
        positions.add("busy", offset)
    assert len(positions._arrivals) <= COMPACT_ABOVE + 1
    assert positions.lowest() == 0


@given(
    st.lists(st.tuples(SKUS, st.integers(1, 6), st.sampled_from(["put back", "delay", "done"])), max_size=40)
)
def test_versions_taken_of_a_sku_never_fall(steps: list[tuple[str, int, str]]) -> None:
    """Whatever arrives in whatever order and whatever becomes of it; and in the end the highest was taken."""
    room, taken, highest = WaitingRoom(), dict[str, int](), dict[str, int]()

    def take(fate: str, now: float) -> None:
        for entry in room.take(2, now):
            sku, version = entry.update.sku, entry.update.version
            assert version >= taken.get(sku, 0)
            taken[sku] = version
            if fate == "put back":
                room.put_back([entry])
            elif fate == "delay":
                room.delay(entry, now + 3)
            else:
                room.done(entry)

    for offset, (sku, version, fate) in enumerate(steps):
        room.add(waiting(sku, version, offset))
        highest[sku] = max(version, highest.get(sku, 0))
        take(fate, float(offset))
    while room.next_due(1e9) is not None:
        take("done", 1e9)
    assert taken == highest
    assert room.lowest(0) is None
    assert len(room) == 0


def test_a_sku_keeps_its_place_in_the_queue_when_a_newer_value_comes() -> None:
    """A busy SKU neither starves nor overtakes the others."""
    room = WaitingRoom()
    for offset, (sku, version) in enumerate([("a", 1), ("b", 1), ("a", 2)]):
        room.add(waiting(sku, version, offset))
    assert versions(room.take(10, 0.0)) == [("a", 2), ("b", 1)]


def test_a_newer_value_does_not_wait_for_the_older_ones_delay() -> None:
    """It starts afresh."""
    room = WaitingRoom()
    room.add(waiting("a", 1, 0))
    (entry,) = room.take(10, 0.0)
    room.delay(entry, 60.0)
    assert room.take(10, 0.0) == []
    assert room.next_due(10.0) == 50.0
    room.add(waiting("a", 2, 1))
    assert versions(room.take(10, 0.0)) == [("a", 2)]
    assert room.next_due(100.0) is None


def test_a_refused_batch_comes_again_in_halves() -> None:
    """The bound holds only while those whom it concerns are in the batch."""
    room = WaitingRoom()
    for offset, sku in enumerate("abcdefgh"):
        room.add(waiting(sku, 1, offset))
    batch = room.take(4, 0.0)
    for entry in batch:
        entry.company = 2
    room.put_back(batch)
    taken = [[sku for sku, _ in versions(room.take(4, 0.0))] for _ in range(3)]
    assert taken == [["a", "b"], ["c", "d"], ["e", "f", "g", "h"]]


def test_what_is_superseded_is_counted_once_each() -> None:
    """While waiting, while delayed, while under way, and when it comes late."""
    counted: list[None] = []
    room = WaitingRoom(on_superseded=lambda: counted.append(None))
    room.add(waiting("a", 1, 0))
    room.add(waiting("a", 2, 1))
    assert len(counted) == 1
    (entry,) = room.take(1, 0.0)
    room.add(waiting("a", 3, 2))
    room.put_back([entry])
    assert len(counted) == 2
    (entry,) = room.take(1, 0.0)
    room.delay(entry, 5.0)
    room.add(waiting("a", 4, 3))
    assert len(counted) == 3
    room.add(waiting("a", 4, 4))
    assert len(counted) == 4


def test_a_partition_that_comes_back_is_read_again() -> None:
    """After clear() the same versions are taken again: nobody knows what became of them."""
    room = WaitingRoom()
    room.add(waiting("a", 5, 0))
    (under_way,) = room.take(1, 0.0)
    room.clear()
    room.put_back([under_way])
    assert len(room) == 0
    assert room.add(waiting("a", 5, 0))
