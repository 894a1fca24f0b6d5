"""Balances of a SKU: a gap is found wherever it is, and nothing that the stock agent writes is one."""

from __future__ import annotations

from functools import partial
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.events import StockEvent
from streams.domain.policy import LocationPolicy, StockPolicySet
from streams.ledger.chain import Chain, Entry
from streams.ledger.effects import AVAILABLE_FACTORS, GOODS, MOVERS, ON_HAND_FACTORS
from streams.ledger.movement import Figures, Movement, UnreadableRow
from streams.ledger.words import words
from streams.verify.stock import ON_HAND_SIGN
from tests.agents.stockroom import Stockroom
from tests.agents.test_holds_properties import STEP_MS, opened, rows
from tests.agents.test_holds_properties import inputs as hold_inputs
from tests.domain.shop import NOW, SKU, any_event, renamed
from tests.domain.test_counts import any_count
from tests.ledger.rows import encoded, full, movement, row

OLD = partial(Figures, unsellable=None, reserved=None, held=None, safety_stock=None)
"""What a row of the first release says."""

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
    assert chain.balances == {"shop": OLD(5, 5)}
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
    assert chain.balances == {"shop": OLD(4, 4), "yard": OLD(3, 3)}


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
    assert chain.balances == {"shop": OLD(1, 1)}


HELD = (
    full("GoodsReceived", 0, 10, version=1),
    full("PlaceHold", 10, 10, version=2, quantity=4, held=4),
    full("PlaceHold", 10, 10, version=2, quantity=9, held=4, outcome="REJECTED"),
    full("PlaceHold", 10, 10, version=3, quantity=3, held=3),
    full("ConfirmHold", 10, 10, version=4, quantity=2, reserved=2),
    full("OrderShipped", 10, 8, version=5),
    full("StockCounted", 8, 9, version=6, quantity=9),
)


def test_what_is_promised_chains_too() -> None:
    """A hold that is placed, refused more, shrinks, and becomes an order that ships; then a count."""
    chain, entries = follow(*HELD)
    assert [entry.gaps for entry in entries] == [()] * len(HELD)
    assert [entry.notes for entry in entries] == [()] * len(HELD)
    assert chain.balances == {"shop": Figures(9, 9)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (full("SaleRecorded", 10, 9, version=5, held=1), "held at shop was 0"),
        (full("StockCounted", 10, 9, version=5, reserved=0), "reserved at shop was 2"),
        (full("HoldExpired", 10, 10, version=5, quantity=3, reserved=2), "held at shop was 0"),
        (full("OrderShipped", 10, 8, version=5, reserved=-1), "reserved at shop was 2"),
        (full("PlaceHold", 10, 10, version=5, quantity=1, reserved=2, held=2), "held at shop was 0"),
        (full("ReleaseHold", 10, 10, version=4, outcome="SUPERSEDED", reserved=1), "reserved at shop was 2"),
        (full("SaleRecorded", 10, 9, version=5, reserved=2, available_after=9), "available at shop is 9"),
    ],
)
def test_figure_that_an_event_has_no_say_in_is_a_gap(wrong: Movement, said: str) -> None:
    """Every change of what is reserved, held or available has its row and its reason."""
    _, entries = follow(*HELD[:5], wrong)
    assert [bool(entry.gaps) for entry in entries] == [False] * 5 + [True]
    assert entries[-1].gaps[0].startswith(said)


def test_request_without_a_location_is_no_balance() -> None:
    """Refused before one was chosen: its row stands beside the others."""
    chain, entries = follow(
        full("PlaceHold", 0, 0, version=0, location_id="", outcome="REJECTED", reason="UNKNOWN_SKU"), *HELD
    )
    assert not any(entry.gaps for entry in entries)
    assert chain.balances.keys() == {"shop"}


def test_safety_stock_is_told_from_what_an_order_reserved() -> None:
    """Figure by figure: of an order that takes all that a policy gave back, nothing is lost in the sum."""
    _, entries = follow(
        full("GoodsReceived", 0, 10, version=1, safety_stock=2),
        full("OrderPlaced", 10, 10, version=3, quantity=2, reserved=2),
    )
    assert "available at shop changed by -2" in entries[0].notes[0]
    assert "available at shop changed by +2" in entries[1].notes[0]


def test_effects_are_those_that_verification_knows() -> None:
    """Two tables of the same facts must not drift apart; every event has a span of what becomes available."""
    assert {name: factor for name, factor in ON_HAND_FACTORS.items() if factor} == ON_HAND_SIGN
    assert AVAILABLE_FACTORS.keys() == GOODS.keys()
    assert {name for movers in MOVERS.values() for name in movers} <= ON_HAND_FACTORS.keys()


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


@settings(max_examples=150)
@given(hold_inputs(), st.lists(st.integers(1, 5), max_size=8))
def test_whatever_holds_and_orders_write_chains(events: list[Any], sizes: list[int]) -> None:
    """Requests, orders and time in any batches: no figure moves without a row that says so."""
    room, chain = opened(), Chain(complete=True)
    for number, size in enumerate([*sizes, len(events), 0]):
        batch, events = events[:size], events[size:]
        room.take(*batch, now=NOW + number * STEP_MS)
    for value in rows(room, "stock-movements"):
        entry = chain.add(Movement(0, 0, value))
        assert (entry.gaps, entry.notes) == ((), ())
        assert entry.movement.outcome == "APPLIED" or words(entry.movement)
    level = room.level(SKU)
    assert level is not None
    for place in level["locations"]:
        found = chain.balances[place["location_id"]]
        assert all(getattr(found, name) == place[name] for name in Figures._fields if name in place)


@given(st.lists(any_count(), min_size=1, max_size=8), st.lists(any_event(), max_size=8))
def test_whatever_counts_write_chains(counts: list[Any], events: list[StockEvent]) -> None:
    """Applied, late, superseded and distrusted: each in words, no version and no balance with a gap."""
    room, chain = Stockroom(), Chain(complete=True)
    inputs = [one for pair in zip_longest(counts, events) for one in pair if one is not None]
    room.take(*(one._replace(event_id=f"e-{number}") for number, one in enumerate(inputs)))
    for value in rows(room, "stock-movements"):
        entry = chain.add(Movement(0, 0, value))
        assert entry.gaps == ()
        is_count = entry.movement.event_type == "StockCounted"
        assert words(entry.movement) or (entry.movement.outcome == "APPLIED" and not is_count)


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
    assert (found.change, found.on_hand, found.after.available) == (-6, (48, 42), 42)
