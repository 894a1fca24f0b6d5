"""Balances of a SKU: a gap is found wherever it is, and nothing that the stock agent writes is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.events import StockEvent
from streams.domain.policy import LocationPolicy, StockPolicySet
from streams.ledger.chain import AVAILABLE_FACTORS, ON_HAND_FACTORS, Balance, Chain, Entry
from streams.ledger.movement import Movement, UnreadableRow
from streams.verify.stock import ON_HAND_SIGN
from tests.agents.stockroom import Stockroom
from tests.domain.shop import NOW, SKU, any_event, renamed
from tests.ledger.rows import encoded, movement, row

HONEST = (
    movement("GoodsReceived", 0, 10, version=1),
    movement("SaleRecorded", 10, 7, version=2),
    movement("SaleRecorded", 7, 7, version=2, quantity=3, outcome="DUPLICATE"),
    movement("OrderPlaced", 7, 7, version=3, quantity=2, available_after=5),
    movement("OrderPlaced", 7, 7, version=3, quantity=9, available_after=5, outcome="REJECTED"),
    movement("OrderShipped", 7, 5, version=4),
)


def follow(*movements: Movement, complete: bool = True) -> tuple[Chain, list[Entry]]:
    """A chain that has taken movements, and what it said of each."""
    chain = Chain(complete=complete)
    return chain, [chain.add(one) for one in movements]


def test_honest_rows_chain() -> None:
    """Facts, promises, refusals and duplicates, one after the other: no gap, nothing to explain."""
    chain, entries = follow(*HONEST)
    assert (chain.gaps_total, chain.rows_total, chain.version) == (0, 6, 4)
    assert chain.balances == {"shop": Balance(5, 5)}
    assert all(entry.notes == () for entry in entries)


@pytest.mark.parametrize("missing", [0, 1, 5])
def test_missing_row_that_moved_goods_is_a_gap(missing: int) -> None:
    """The row after it, or the end's figure, shows that one is missing; never a row before it."""
    left = [one for number, one in enumerate(HONEST) if number != missing]
    end = movement("SaleRecorded", 5, 4, version=5)
    _, entries = follow(*left, end)
    assert [number for number, entry in enumerate(entries) if entry.gaps] == [missing]
    assert "is" in entries[missing].gaps[0]


def test_row_that_moves_other_than_its_event_is_a_gap() -> None:
    """A sale of 3 takes 3; a duplicate takes nothing."""
    chain, entries = follow(
        movement("GoodsReceived", 0, 10, version=1),
        movement("SaleRecorded", 10, 6, quantity=3, version=2),
        movement("SaleRecorded", 6, 3, quantity=3, version=3, outcome="DUPLICATE"),
    )
    assert [len(entry.gaps) for entry in entries] == [0, 1, 1]
    assert entries[1].gaps == ("SaleRecorded APPLIED of 3 changes on hand by -3, the row has -4",)
    assert chain.gaps_total == 2


def test_version_that_does_not_rise_is_a_gap() -> None:
    """An applied event is a new version; a duplicate may repeat the last, never go back."""
    _, entries = follow(
        movement("GoodsReceived", 0, 2, version=5),
        movement("SaleRecorded", 2, 1, version=5),
        movement("SaleRecorded", 1, 1, version=4, outcome="DUPLICATE"),
    )
    assert [len(entry.gaps) for entry in entries] == [0, 1, 1]


def test_locations_chain_by_themselves() -> None:
    """Each has a balance of its own; the version is the SKU's."""
    chain, entries = follow(
        movement("GoodsReceived", 0, 5, version=1),
        movement("GoodsReceived", 0, 3, version=2, location_id="yard"),
        movement("SaleRecorded", 5, 4, version=3),
    )
    assert not any(entry.gaps for entry in entries)
    assert chain.balances == {"shop": Balance(4, 4), "yard": Balance(3, 3)}


def test_rows_from_the_middle_begin_with_the_first_balance_read() -> None:
    """What happened before the asked time is nobody's gap; from the very beginning it would be one."""
    rows = (movement("SaleRecorded", 40, 39, version=8), movement("SaleRecorded", 39, 38, version=9))
    assert follow(*rows, complete=False)[0].gaps_total == 0
    assert follow(*rows, complete=True)[0].gaps_total == 1


def test_safety_stock_between_events_is_explained() -> None:
    """Available fell by 3 where a sale of 1 took 1: a policy keeps 2 back; no gap."""
    _, entries = follow(
        movement("GoodsReceived", 0, 10, version=1),
        movement("SaleRecorded", 10, 9, version=3, available_after=7),
    )
    assert entries[1].gaps == ()
    assert "available at shop changed by -2" in entries[1].notes[0]


def test_events_of_a_later_release_are_followed_but_not_judged() -> None:
    """A count sets what it found; the chain still notices a balance that does not go on."""
    chain, entries = follow(
        movement("GoodsReceived", 0, 10, version=1),
        movement("StockCounted", 10, 4, quantity=4, version=2),
        movement("SaleRecorded", 4, 3, version=3),
        movement("SaleRecorded", 2, 1, version=4),
    )
    assert [bool(entry.gaps) for entry in entries] == [False, False, False, True]
    assert chain.balances == {"shop": Balance(1, 1)}


def test_effects_are_those_that_verification_knows() -> None:
    """Two tables of the same facts must not drift apart; every event has a span of what becomes available."""
    assert {name: factor for name, factor in ON_HAND_FACTORS.items() if factor} == ON_HAND_SIGN
    assert AVAILABLE_FACTORS.keys() == ON_HAND_FACTORS.keys()


@given(st.lists(st.one_of(any_event(), st.integers(0, 9)), max_size=25))
def test_whatever_the_stock_agent_writes_chains(steps: list[StockEvent | int]) -> None:
    """Any events in any order, some twice, with safety stock moved in between: no gap, each shift explained."""
    room, chain = Stockroom(), Chain(complete=True)
    shifted = False
    for number, step in enumerate(steps):
        if isinstance(step, int):
            locations = (LocationPolicy("*", step),)
            harvest = room.take(StockPolicySet(f"p-{number}", "erp", SKU, NOW + number, None, (), locations))
            while room.agent.pending:
                room.tick()
            shifted = shifted or step > 0
        else:
            harvest = room.take(renamed(step, f"e-{number}"), renamed(step, f"e-{number // 2}"))
        for value in harvest.movements():
            entry = chain.add(Movement(0, 0, value))
            assert entry.gaps == ()
            assert shifted or entry.notes == ()
    level = room.level(SKU)
    expected = {} if level is None else {one["location_id"]: one["on_hand"] for one in level["locations"]}
    found = {place: balance.on_hand for place, balance in chain.balances.items()}
    assert {place: units for place, units in expected.items() if units} == {
        place: units for place, units in found.items() if units
    }


@pytest.mark.parametrize("data", [None, b"", b"\x00\x00\x00\x00\x01rubbish", b"\x7fELF"])
def test_damaged_rows_are_told_apart(data: bytes | None) -> None:
    """What is no movement never becomes one."""
    with pytest.raises(UnreadableRow):
        Movement.of(0, 1, data)


def test_rows_come_back_as_they_were_written() -> None:
    """Every field, and what is worked out from them."""
    values = row("SaleRecorded", 48, 42, version=4, late=True)
    found = Movement.of(3, 9, encoded(values))
    assert found.values == values
    assert (found.change, found.on_hand, found.available_after) == (-6, (48, 42), 42)
