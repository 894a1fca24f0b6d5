"""Bundles in the stock agent: told what their components allow, and moving them when they move."""

from __future__ import annotations

import pytest

from streams.domain.catalogue import BundleComponent
from streams.domain.events import (
    STOCK_EVENTS,
    OrderPlaced,
    OrderShipped,
    ReturnReceived,
    SaleRecorded,
    StockCounted,
    StockEvent,
)
from tests.agents.gift_shop import (
    COMPONENT_LEVELS,
    CONTENTS,
    INPUTS,
    MUG,
    SET,
    SPOON,
    Shop,
    bundle,
    open_shop,
    parts_of,
    received,
)
from tests.agents.stockroom import Stockroom, as_record
from tests.domain.checkout import place
from tests.domain.shop import NOW, make

# What channels are told ----------------------------------------------------------------------------------


def test_channels_are_told_of_a_bundle_that_no_event_has_named() -> None:
    """Seven spoons make three sets; it has a row of its own from its first evaluation."""
    shop = open_shop()
    assert shop.told(SET) == {"pos": 3, "web": 3}
    level = shop.room.level(SET)
    assert level is not None
    assert (level["locations"], level["occurred_at"]) == ([], NOW)


def test_a_bundle_follows_its_components_and_its_version_rises() -> None:
    """Whichever becomes the scarcest; a change that does not matter tells nobody."""
    shop = open_shop(mugs=5, spoons=7)
    shop.take(make(SaleRecorded, sku=MUG, quantity=1))
    assert [harvest.told() for harvest in shop.settle()] == [{}]
    shop.take(make(SaleRecorded, sku=MUG, quantity=3, event_id="e-2"))
    (harvest,) = shop.settle()
    assert harvest.told() == {("pos", SET): 1, ("web", SET): 1}
    level = shop.room.level(SET)
    assert level is not None
    assert level["version"] == 3
    assert {one["version"] for one in level["availability"]} == {3}


def test_the_level_of_a_component_is_published_only_when_it_is_news() -> None:
    """And of a SKU that is part of nothing never."""
    shop = open_shop()
    harvest = shop.take(received("PLATE", 3), make(SaleRecorded, sku=MUG, quantity=1))
    (level,) = harvest.of(COMPONENT_LEVELS)
    assert level.fields()["channels"] == [
        {"channel_id": "pos", "available_to_sell": 4},
        {"channel_id": "web", "available_to_sell": 4},
    ]
    damaged = make(ReturnReceived, sku=MUG, quantity=1, disposition="DAMAGED", event_id="back-1")
    assert shop.take(damaged).of(COMPONENT_LEVELS) == []


def test_other_components_come_in_force_at_once() -> None:
    """And what is no component any more is not published any more."""
    shop = open_shop()
    shop.take(bundle(BundleComponent(SPOON, 1), number=2))
    shop.settle()
    assert shop.told(SET) == {"pos": 7, "web": 7}
    assert shop.take(make(SaleRecorded, sku=MUG)).of(COMPONENT_LEVELS) == []


def test_a_component_that_was_none_for_a_while_counts_by_what_it_is_now() -> None:
    """Its level is taken back with the bundle: when it is needed again, nothing old is left."""
    shop = open_shop()
    shop.take(bundle(BundleComponent(SPOON, 1), number=2))
    taken_back = [one for harvest in shop.settle() for one in harvest.of(COMPONENT_LEVELS)]
    assert [(one.key, one.value) for one in taken_back] == [(MUG.encode(), None)]
    shop.take(make(SaleRecorded, sku=MUG, quantity=4))
    shop.take(bundle(*CONTENTS, number=3))
    told = [units for harvest in shop.settle() for units in harvest.told().values()]
    assert 3 not in told
    assert shop.told(SET) == {"pos": 1, "web": 1}


def test_a_sku_that_is_a_bundle_no_more_is_told_by_its_own_stock() -> None:
    """What is empty takes back."""
    shop = open_shop()
    shop.take(bundle(number=2))
    shop.settle()
    assert shop.told(SET) == {"pos": 0, "web": 0}
    shop.take(received(SET, 4))
    assert shop.told(SET) == {"pos": 4, "web": 4}


def test_what_lies_on_a_bundles_own_shelf_is_not_sold() -> None:
    """Stock from before it became a bundle, the components decide."""
    shop = Shop()
    shop.take(received(SET, 50), received(MUG, 5), received(SPOON, 7))
    shop.take(bundle(*CONTENTS))
    shop.settle()
    assert shop.told(SET) == {"pos": 3, "web": 3}


def test_an_aborted_batch_leaves_nothing_published() -> None:
    """The change is told when it is made again."""
    shop = open_shop()
    sale = make(SaleRecorded, sku=MUG, quantity=5)
    shop.take(sale, commits=False)
    assert shop.settle() == []
    assert len(shop.take(sale).of(COMPONENT_LEVELS)) == 1
    shop.settle()
    assert shop.told(SET) == {"pos": 0, "web": 0}


def test_a_component_that_changes_while_its_bundle_is_re_evaluated_is_not_overlooked() -> None:
    """The bundle was told by the old level, so it must wait for another turn."""
    shop = open_shop()
    shop.room.take(make(SaleRecorded, sku=SPOON, quantity=1))  # Has the bundle wait.
    shop.take(make(SaleRecorded, sku=MUG, quantity=5, event_id="e-2"))  # Re-evaluates it, and changes.
    shop.settle()
    assert shop.told(SET) == {"pos": 0, "web": 0}


def test_a_restarted_worker_goes_on_where_it_was() -> None:
    """Items and levels come back through their topics, and a change meanwhile is told."""
    shop = open_shop()
    again = Shop(Stockroom(shop.room.all))
    assert [harvest.told() for harvest in again.settle()] == [{}]
    again.take(make(SaleRecorded, sku=MUG, quantity=4))
    again.settle()
    assert again.told(SET) == {"pos": 1, "web": 1}


def test_a_level_that_an_earlier_owner_published_last_is_put_right() -> None:
    """The new owner knew an older one, equal to what the table says, and had published nothing."""
    shop = open_shop(mugs=5)
    shop.take(make(SaleRecorded, sku=MUG, quantity=4))
    shop.take(received(MUG, 4))
    of_mugs = [one for one in shop.room.all if (one.topic, one.key) == (COMPONENT_LEVELS, MUG.encode())]
    _, second, third = of_mugs
    again = Shop(Stockroom([one for one in shop.room.all if one not in {second, third}]))
    again.settle()
    again.room.agent.take_global(as_record(second))
    again.settle()
    last = [one for one in again.room.all if (one.topic, one.key) == (COMPONENT_LEVELS, MUG.encode())][-1]
    assert last.fields() == third.fields()
    assert again.told(SET) == {"pos": 3, "web": 3}


def test_an_older_level_that_comes_round_late_changes_nothing() -> None:
    """The global topic brings a worker's own levels back to it."""
    shop = open_shop()
    first = next(one for one in shop.room.all if (one.topic, one.key) == (COMPONENT_LEVELS, MUG.encode()))
    shop.take(make(SaleRecorded, sku=MUG, quantity=4))
    shop.settle()
    shop.room.agent.take_global(as_record(first))
    assert not shop.room.agent.pending
    assert shop.told(SET) == {"pos": 1, "web": 1}


# What may be a bundle ------------------------------------------------------------------------------------


def test_a_bundle_of_bundles_is_refused() -> None:
    """From either side, and within one batch."""
    shop = open_shop()
    hamper, saucers = BundleComponent(SET, 1), bundle(BundleComponent("SAUCER", 1), sku=MUG)
    harvest = shop.take(bundle(hamper, sku="HAMPER"), saucers)
    letters = harvest.of("stock-items-dlq")
    assert [letter.header("__streams.errors.exception") for letter in letters] == ["INVALID_ITEM"] * 2


def test_a_bundle_that_got_into_another_one_is_worth_nothing_there() -> None:
    """Two descriptions at the same time on two partitions: each was right when it was checked."""
    shop = open_shop()
    elsewhere = Stockroom()
    nested = elsewhere.take(bundle(BundleComponent(SET, 1), sku="HAMPER"))
    shop.room.hear_globals(nested)
    shop.settle()
    assert shop.told("HAMPER") == {"pos": 0, "web": 0}
    shop.take(make(SaleRecorded, sku="HAMPER"))
    (harvest,) = shop.settle()
    (letter,) = harvest.of("stock-sales-dlq")
    assert letter.header("__streams.errors.exception") == "IS_BUNDLE"
    assert parts_of(harvest) == []


# What moves ----------------------------------------------------------------------------------------------

MOVING = [kind for kind in STOCK_EVENTS if kind is not OrderPlaced]


@pytest.mark.parametrize("kind", MOVING)
def test_what_moves_a_bundle_moves_its_components_instead(kind: type[StockEvent]) -> None:
    """In the transaction of its ledger row, on the components' partitions, by as many times what it needs."""
    shop = open_shop()
    harvest = shop.take(make(kind, sku=SET, quantity=2))
    name = kind.__name__
    assert parts_of(harvest) == [(name, MUG, 2), (name, SPOON, 4)]
    (row,) = harvest.movements()
    assert (row["event_type"], row["outcome"], row["quantity"]) == (name, "EXPLODED", 2)
    assert (row["on_hand_before"], row["on_hand_after"]) == (0, 0)
    (applied,) = [harvest for harvest in shop.settle() if harvest.movements()]
    assert {row["outcome"] for row in applied.movements()} == {"APPLIED"}
    assert {row["source_id"] for row in applied.movements()} == {"onhand"}


def test_a_sale_of_a_bundle_is_told_for_components_and_bundle() -> None:
    """Sold twice, each time once."""
    shop = open_shop()
    for number in range(2):
        shop.take(make(SaleRecorded, sku=SET, event_id=f"sale-{number}"))
        shop.settle()
    assert (shop.on_hand(MUG), shop.on_hand(SPOON)) == (3, 3)
    assert (shop.told(MUG)["web"], shop.told(SPOON)["web"], shop.told(SET)["web"]) == (3, 3, 1)


def test_a_bundle_may_be_sold_below_zero_as_a_fact() -> None:
    """The components are oversold, and people are told of them."""
    shop = open_shop(mugs=1, spoons=9)
    shop.take(make(SaleRecorded, sku=SET, quantity=3))
    alerts = [alert for harvest in shop.settle() for alert in harvest.alerts()]
    assert [(alert["kind"], alert["sku"], alert["deficit"]) for alert in alerts] == [("OVERSOLD", MUG, 2)]
    assert shop.told(SET) == {"pos": 0, "web": 0}


def test_a_repeated_event_of_a_bundle_moves_nothing() -> None:
    """In the same batch, in a later one, and after a restart."""
    shop = open_shop()
    sale = make(SaleRecorded, sku=SET)
    assert len(parts_of(shop.take(sale, sale))) == 2
    shop.settle()
    for later in (shop, Shop(Stockroom(shop.room.all))):
        harvest = later.take(sale)
        assert parts_of(harvest) == []
        assert [row["outcome"] for row in harvest.movements()] == ["DUPLICATE"]


def test_parts_that_are_delivered_twice_count_once() -> None:
    """As when an operator replays them: their ids follow from the event's."""
    shop = open_shop()
    parts = [as_record(one) for one in shop.take(make(SaleRecorded, sku=SET)) if one.topic in INPUTS]
    shop.settle()
    harvest = shop.take(*parts)
    assert [row["outcome"] for row in harvest.movements()] == ["DUPLICATE", "DUPLICATE"]
    assert (shop.on_hand(MUG), shop.on_hand(SPOON)) == (4, 5)


def test_an_aborted_sale_of_a_bundle_moves_its_components_once() -> None:
    """The parts of the first attempt were never visible; the second has the same ids."""
    shop = open_shop()
    sale = make(SaleRecorded, sku=SET)
    first = parts_of(shop.take(sale, commits=False))
    assert parts_of(shop.take(sale)) == first
    shop.settle()
    assert (shop.on_hand(MUG), shop.on_hand(SPOON)) == (4, 5)


def test_a_component_on_several_bundles_in_one_event_id_is_moved_by_each() -> None:
    """A source may number its receipts, not their lines: on two partitions one id may stand twice."""
    shop = open_shop()
    other = next(
        sku
        for number in range(100)
        if shop.room.record_of(make(SaleRecorded, sku=(sku := f"SET-{number}"))).partition()
        != shop.room.record_of(make(SaleRecorded, sku=SET)).partition()
    )
    shop.take(bundle(BundleComponent(MUG, 1), sku=other))
    shop.settle()
    shop.take(make(SaleRecorded, sku=SET), make(SaleRecorded, sku=other))
    shop.settle()
    assert shop.on_hand(MUG) == 3


def test_a_quantity_that_no_component_may_have_refuses_the_bundles_event() -> None:
    """As a whole, and it may be mended and replayed under its id."""
    shop = open_shop()
    harvest = shop.take(make(SaleRecorded, sku=SET, quantity=1_000_000_000))
    (letter,) = harvest.of("stock-sales-dlq")
    assert letter.header("__streams.errors.exception") == "INVALID_QUANTITY"
    assert parts_of(harvest) == []
    assert parts_of(shop.take(make(SaleRecorded, sku=SET, quantity=1)))


def test_a_count_of_a_bundle_moves_nothing() -> None:
    """What a channel believes of it follows from the same components."""
    shop = open_shop()
    harvest = shop.take(make(StockCounted, sku=SET, quantity=99))
    (row,) = harvest.movements()
    assert (row["outcome"], row["reason"]) == ("NOT_TRUSTED", "IS_BUNDLE")
    assert harvest.told() == {}


def test_what_was_ordered_before_a_sku_became_a_bundle_is_shipped_from_its_own_shelf() -> None:
    """The goods that were promised lie there; a later order's do not."""
    shop = Shop()
    shop.take(received(SET, 2), received(MUG, 5), received(SPOON, 7))
    shop.take(make(OrderPlaced, sku=SET, order_id="old"))
    shop.take(bundle(*CONTENTS))
    shop.settle()
    old = make(OrderShipped, sku=SET, order_id="old", event_id="e-2")
    assert parts_of(shop.take(old)) == []
    assert shop.on_hand(SET) == 1
    assert len(parts_of(shop.take(make(OrderShipped, sku=SET, order_id="new", event_id="e-3")))) == 2


def test_a_strict_catalogue_waits_for_components_that_it_does_not_know() -> None:
    """A bundle is known by its description; its component may not be, and its part waits alone."""
    shop = Shop(Stockroom(catalogue="strict"))
    shop.take(received(MUG, 5), bundle(*CONTENTS))
    shop.take(make(SaleRecorded, sku=SET))
    harvest = shop.settle()[0]
    assert [row["sku"] for row in harvest.movements()] == [MUG]
    assert [letter.key for letter in harvest.of("stock-sales-retry")] == [SPOON.encode()]


def test_what_we_sent_ourselves_is_no_sign_of_life_of_a_source() -> None:
    """Metrics and staleness are about systems outside."""
    shop = open_shop()
    shop.take(make(SaleRecorded, sku=SET, source_id="till-9"))
    shop.settle()
    assert "onhand" not in shop.room.monitor.latest
    assert "till-9" in shop.room.monitor.latest


# Promises ------------------------------------------------------------------------------------------------


def test_a_hold_of_a_bundle_is_refused_with_its_reason() -> None:
    """And answered, also where something lies on the bundle's own shelf: components can be held."""
    shop = open_shop()
    shop.take(bundle(number=2))
    shop.take(received(SET, 9))
    shop.take(bundle(*CONTENTS, number=3))
    harvest = shop.take(place("r-1", sku=SET))
    assert [(row["outcome"], row["reason"]) for row in harvest.movements()] == [("REJECTED", "IS_BUNDLE")]
    (result,) = harvest.of("reservation-results")
    assert (result.fields()["accepted"], result.fields()["reason"]) == (False, "IS_BUNDLE")
