"""Bundles: how many of a set may be sold, and what an event of one means for its components."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import bundles, validation
from streams.domain.bundles import ComponentAvailability, ComponentLevel
from streams.domain.catalogue import BundleComponent
from streams.domain.errors import GiveUp, Reason
from streams.domain.events import (
    OWN_SOURCE,
    STOCK_EVENTS,
    GoodsReceived,
    SaleRecorded,
    StockAdjusted,
    StockEvent,
)
from streams.domain.validation import MAXIMUM_QUANTITY
from tests.domain.shop import NOW, make

SET = "GIFT-SET"
MUG_AND_SPOONS = (BundleComponent("MUG", 1), BundleComponent("SPOON", 2))


def level(sku: str, **units: int) -> ComponentLevel:
    """What channels may sell of a component."""
    channels = tuple(ComponentAvailability(*one) for one in sorted(units.items()))
    return ComponentLevel(sku, 1, NOW, channels)


def test_the_scarcest_component_decides_by_channel() -> None:
    """Seven spoons make three sets, five mugs five."""
    levels = {"MUG": level("MUG", pos=5, web=1), "SPOON": level("SPOON", pos=7, web=7)}
    found = bundles.available_to_sell(MUG_AND_SPOONS, levels.get, ("pos", "web"))
    assert found == [("pos", 3), ("web", 1)]


def test_a_component_or_channel_of_which_nothing_is_known_sells_no_bundle() -> None:
    """Nobody has said that there is any."""
    levels = {"MUG": level("MUG", pos=5)}
    assert bundles.available_to_sell(MUG_AND_SPOONS, levels.get, ("pos",)) == [("pos", 0)]
    levels["SPOON"] = level("SPOON", pos=9)
    assert bundles.available_to_sell(MUG_AND_SPOONS, levels.get, ("pos", "web")) == [("pos", 4), ("web", 0)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 7)), min_size=1, max_size=4))
def test_available_bundles_are_as_many_as_can_be_taken_one_by_one(parts: list[tuple[int, int]]) -> None:
    """Brute force: take what one bundle needs until something runs out."""
    components = tuple(BundleComponent(f"C-{n}", needed) for n, (_, needed) in enumerate(parts))
    levels = {f"C-{n}": level(f"C-{n}", pos=units) for n, (units, _) in enumerate(parts)}
    left, taken = [units for units, _ in parts], 0
    while all(units >= needed for units, (_, needed) in zip(left, parts, strict=True)):
        left = [units - needed for units, (_, needed) in zip(left, parts, strict=True)]
        taken += 1
    for order in permutations(components):
        assert bundles.available_to_sell(order, levels.get, ("pos",)) == [("pos", taken)]


@pytest.mark.parametrize("kind", STOCK_EVENTS)
def test_an_event_of_a_bundle_is_the_same_event_of_each_component(kind: type[StockEvent]) -> None:
    """As many times what it needs of it; everything else is as it was."""
    event = make(kind, sku=SET, quantity=3)
    mug, spoons = bundles.explode(event, MUG_AND_SPOONS, NOW)
    assert (mug.sku, mug.quantity, spoons.sku, spoons.quantity) == ("MUG", 3, "SPOON", 6)
    for part in (mug, spoons):
        assert part.source_id == OWN_SOURCE
        as_it_was = {name: getattr(event, name) for name in ("event_id", "source_id", "sku", "quantity")}
        assert part._replace(**as_it_was) == event


def test_a_correction_downwards_takes_components_away() -> None:
    """Quantities of adjustments have a sign."""
    parts = bundles.explode(make(StockAdjusted, sku=SET, quantity=-2), MUG_AND_SPOONS, NOW)
    assert [part.quantity for part in parts] == [-2, -4]


def test_parts_have_ids_of_their_own_that_people_can_read() -> None:
    """Two components on one partition must not be taken for each other, nor for the event itself."""
    event = make(SaleRecorded, sku=SET, source_id="till-1", event_id="42")
    ids = [part.event_id for part in bundles.explode(event, MUG_AND_SPOONS, NOW)]
    assert ids == ["GIFT-SET:till-1:42:MUG", "GIFT-SET:till-1:42:SPOON"]


names = st.text(st.sampled_from("a:%3A25"), max_size=6)


@given(st.tuples(names, names, names), st.tuples(names, names, names))
def test_different_names_give_different_ids(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Also where names hold what ids are made with."""
    assert (bundles.part_id(*one) == bundles.part_id(*other)) == (one == other)


def test_a_long_id_is_told_by_its_hash() -> None:
    """So that a part fits whenever its event did, however long the names."""
    ids = {bundles.part_id("x" * bundles.PART_ID_CHARACTERS, name) for name in ("a", "b")}
    assert len(ids) == 2
    assert all(len(found) == 32 for found in ids)


def test_a_quantity_beyond_bounds_refuses_the_bundle_as_a_whole() -> None:
    """Else one component would move and the other become a dead letter."""
    event = make(GoodsReceived, sku=SET, quantity=MAXIMUM_QUANTITY)
    validation.check(event, NOW)
    with pytest.raises(GiveUp) as refused:
        bundles.explode(event, MUG_AND_SPOONS, NOW)
    assert refused.value.reason == Reason.INVALID_QUANTITY
