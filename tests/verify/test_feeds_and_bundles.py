"""Verification of full feeds and of bundles, in worlds written by hand."""

from __future__ import annotations

from schemas.wire import encode
from streams.verify.report import Kind
from tests.verify.checking import alter, alter_location, home, verified
from tests.verify.honest import honest_world
from tests.verify.world import NOON, PLAN, World, fact

FED = {"source_id": "wms", "location_id": "store", "feed_id": "monday", "as_of": NOON, "basis": "PHYSICAL"}


def sets_of_melons() -> World:
    """The honest world with a set of two melons, of which six have come in, and the sale of one set."""
    world = honest_world()
    item = {"sku": "SET", "components": [{"sku": "MELON", "quantity": 2}], "origins": []}
    world.put(PLAN.items_in_force, "SET", encode("Item", item))
    world.applied("GoodsReceived", fact("MELON", "m1", 6), (0, 6), 1)
    world.applied("SaleRecorded", fact("SET", "x1", 1), (0, 0), 1, outcome="EXPLODED")
    part = fact("MELON", "SET:till-1:x1:MELON", 2, source_id="onhand")
    world.applied("SaleRecorded", part, (6, 4), 2)
    for sku, version, pos, web in (("MELON", 2, 4, 3), ("SET", 1, 2, 1)):
        world.tell("pos", sku, pos, version)
        world.tell("web", sku, web, version)
        locations = [{"location_id": "store", "on_hand": 4}] if sku == "MELON" else []
        world.level(sku, version, locations, {"pos": (pos, version), "web": (web, version)})
    return world


def test_bundle_is_told_by_what_its_components_are() -> None:
    """Two melons make a set; a figure that does not follow from them is a difference."""
    world = sets_of_melons()
    assert [difference.sentence() for difference in verified(world).differences] == []
    alter(world, PLAN.availability["pos"], "SET", available_to_sell=3)
    assert Kind.AVAILABILITY in verified(world).totals


def test_what_moves_a_bundle_moves_each_component_once() -> None:
    """A sale of a set without its melons, or with too few of them, is a difference."""
    world = sets_of_melons()
    world.applied("SaleRecorded", fact("SET", "x2", 1), (0, 0), 1, outcome="EXPLODED")
    assert verified(world).totals == {Kind.BUNDLE: 1}
    world = sets_of_melons()
    world.applied("SaleRecorded", fact("SET", "x2", 2), (0, 0), 1, outcome="EXPLODED")
    part = fact("MELON", "SET:till-1:x2:MELON", 2, source_id="onhand")
    world.applied("SaleRecorded", part, (4, 2), 3)
    assert Kind.BUNDLE in verified(world).totals


def fed_world(stage: str = "APPLIED", rows: int = 1) -> World:
    """A world with a full feed of the store: LIME counted as five, KIWI not named, one each sold later."""
    world = World()
    later = NOON + 1
    for sku in ("LIME", "KIWI"):
        world.applied("GoodsReceived", fact(sku, f"{sku}-in", 9, occurred_at=NOON - 1), (0, 9), 1)
    count = {**FED, "feed_kind": "FULL", "sequence": 1, "total": 1}
    world.applied("StockCounted", fact("LIME", "f1", 5) | count, (9, 5), 2, reference="monday")
    zero = fact("KIWI", "FeedZeroed:KIWI:store:monday", 0, source_id="onhand")
    world.row("FeedZeroed", zero, (9, 0), 2, reference="monday")
    for sku, left in (("LIME", 4), ("KIWI", -1)):
        world.applied("SaleRecorded", fact(sku, f"{sku}-out", 1, occurred_at=later), (left + 1, left), 3)
        told = {channel: (max(0, left), 3) for channel in ("pos", "web")}
        for channel in told:
            world.tell(channel, sku, max(0, left), 3)
        world.level(sku, 3, [{"location_id": "store", "on_hand": left, "counted_at": NOON}], told)
        alter(world, PLAN.levels, sku, occurred_at=later)
    for number in range(2):
        said = {
            **FED,
            "partition": number,
            "total": 1,
            "rows": rows * (number == home("LIME")),
            "stage": stage,
        }
        said |= dict.fromkeys(("number_sum", "number_square_sum", "skus", "would_zero", "changed"), 0)
        world.put(PLAN.feeds, f"progress{number}", encode("FeedProgress", said | {"updated_at": NOON}))
    return world


def test_location_is_based_on_its_full_feed() -> None:
    """What the feed names has its figure, the rest none, and both what happened after its moment."""
    assert [difference.sentence() for difference in verified(fed_world()).differences] == []
    wrong = fed_world()
    alter_location(wrong, "KIWI", on_hand=0)
    assert Kind.TABLE in verified(wrong).totals
    assert Kind.TABLE in verified(fed_world("DROPPED")).totals, "a feed that was dropped sets nothing"


def test_feed_is_applied_only_when_all_its_rows_are_there() -> None:
    """Over all partitions together; and a partition has no rows that nobody wrote."""
    assert Kind.FEED in verified(fed_world(rows=0)).totals
    assert Kind.FEED in verified(fed_world(rows=2)).totals
