"""Full feeds through the agent: what they set, what they tell, who may stop them (semantics 6)."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from streams.agents import feed_codec
from streams.domain.events import (
    NET_OF_ORDERS,
    GoodsReceived,
    OrderPlaced,
    SaleRecorded,
    StockCounted,
)
from streams.domain.feeds import FeedDecided, FeedId
from streams.domain.policy import LocationSources, StockPolicySet
from streams.engine.memory_log import MemoryRecord
from tests.agents.feeding import (
    AS_OF,
    FEED,
    MINUTE_MS,
    SKUS,
    decisions,
    figures,
    full_feed,
    goods,
    hear,
    opened,
    sale,
    settle,
    stages,
    waiting_rows,
)
from tests.agents.stockroom import PARTITIONS, Harvest, Stockroom
from tests.domain.shop import NOW, make

TEN_EACH = dict.fromkeys(SKUS, 10)
DAY_MS = 24 * 60 * MINUTE_MS


def answered(room: Stockroom, decision: str, feed: FeedId = FEED, note: str = "seen") -> None:
    """A person's word, as the command line writes it."""
    decided = FeedDecided(*feed, decision, 0, 0, "ada", note, NOW)
    record = MemoryRecord(
        ("stock-feeds", 0, 0), feed_codec.answer_key(feed), feed_codec.encode_decided(decided), None, NOW
    )
    room.agent.take_global(record)


def letters(harvest: Harvest) -> list[str]:
    """Why events were given up."""
    return [one.header("__streams.errors.exception") for one in harvest.of("stock-counts-dlq")]


# What a feed does ---------------------------------------------------------------------------------------


def test_nothing_happens_before_the_last_row() -> None:
    """Rows wait in the table of rows; stock, ledger and channels know nothing of them."""
    room = opened(TEN_EACH)
    rows = full_feed(TEN_EACH | {"SKU-03": 4})
    harvest = room.take(*rows[:-1]) + settle(room)
    assert {one.topic for one in harvest} == {"stock-feed-rows", "stock-feeds", "stock-seen-events"}
    assert set(stages(room).values()) == {"STAGING"}
    assert room.monitor.outcomes["stock-counts", "STAGED"] == len(rows) - 1


def test_nothing_is_written_while_a_feed_waits_for_its_last_row() -> None:
    """A tick, or an event that is none of its rows, says nothing of it again."""
    room = opened(TEN_EACH)
    room.take(*full_feed(TEN_EACH)[:-1])
    settle(room)
    assert {one.topic for one in room.take(sale("SKU-05", "later", 1))}.isdisjoint(
        {"stock-feed-rows", "stock-feeds"}
    )
    assert room.tick() == []


def test_unchanged_rows_emit_nothing() -> None:
    """One SKU of twenty differs: one level, one row of the ledger, its channels; nothing of the others."""
    room = opened(TEN_EACH)
    harvest = room.take(*full_feed(TEN_EACH | {"SKU-03": 4})) + settle(room)
    assert figures(room) == TEN_EACH | {"SKU-03": 4}
    assert [one.key for one in harvest.of("stock-levels")] == [b"SKU-03"]
    assert harvest.told() == {("pos", "SKU-03"): 4, ("web", "SKU-03"): 4}
    (row,) = harvest.movements()
    seen = {name: row[name] for name in ("event_id", "source_id", "event_type", "outcome", "reference")}
    assert seen == {
        "event_id": "monday:4",
        "source_id": "wms",
        "event_type": "StockCounted",
        "outcome": "APPLIED",
        "reference": "monday",
    }
    assert (row["on_hand_before"], row["on_hand_after"], row["version"]) == (10, 4, 2)
    assert set(stages(room).values()) == {"APPLIED"}
    assert room.monitor.discrepancies == {("store", "found"): 0, ("store", "lost"): 6}
    assert waiting_rows(room) == 0


def test_skus_that_a_full_feed_does_not_name_go_to_zero() -> None:
    """With a row of the ledger that says which feed left them out; stock elsewhere is none of its business."""
    room = opened(TEN_EACH)
    room.take(*goods(TEN_EACH, "warehouse"))
    named = {sku: 10 for sku in SKUS if sku != "SKU-07"}
    harvest = room.take(*full_feed(named)) + settle(room)
    assert figures(room) == named
    assert figures(room, "warehouse") == TEN_EACH
    (row,) = harvest.movements()
    assert (row["event_type"], row["event_id"]) == ("FeedZeroed", "FeedZeroed:SKU-07:store:monday")
    assert (row["source_id"], row["quantity"], row["on_hand_before"], row["on_hand_after"]) == (
        "onhand", 0, 10, 0,
    )  # fmt: skip


def test_feed_brings_new_skus() -> None:
    """What it names and nobody knew is there from then on; a new SKU without units is not worth a record."""
    room = opened(TEN_EACH)
    harvest = room.take(*full_feed(TEN_EACH | {"NEW-1": 7, "NEW-2": 0})) + settle(room)
    assert figures(room) == TEN_EACH | {"NEW-1": 7}
    assert [one.key for one in harvest.of("stock-levels")] == [b"NEW-1"]


def test_deltas_after_the_moment_of_a_feed_stay() -> None:
    """Before it came, while it waits, and after it is in force; those before its moment are in it."""
    room = opened(TEN_EACH)
    room.take(sale("SKU-01", "after", 1, 2), sale("SKU-02", "before", -1, 3))
    rows = full_feed(TEN_EACH)
    room.take(*rows[:7], sale("SKU-01", "late", -2))
    room.take(*rows[7:])
    settle(room)
    assert figures(room) == TEN_EACH | {"SKU-01": 8}
    later = room.take(sale("SKU-01", "later", 1), sale("SKU-04", "latest", -1), sale("SKU-05", "n", 1))
    assert [row["outcome"] for row in later.movements()] == ["APPLIED", "LATE", "APPLIED"]
    assert figures(room) == TEN_EACH | {"SKU-01": 7, "SKU-05": 9}


def test_late_delta_of_a_sku_never_seen_is_covered_too() -> None:
    """The feed said that nothing of it was there."""
    room = opened(TEN_EACH)
    room.take(*full_feed(TEN_EACH))
    settle(room)
    late = make(
        SaleRecorded, event_id="late", sku="NEW", source_id="t", occurred_at=AS_OF - 5, location_id="store"
    )
    (row,) = room.take(late).movements()
    assert (row["outcome"], row["on_hand_after"]) == ("LATE", 0)


def test_what_a_feed_covers_is_remembered_through_a_restart() -> None:
    """Nothing was written of SKUs that were as the feed says, and still a late delta of theirs is late."""
    room = opened(TEN_EACH)
    room.take(*full_feed(TEN_EACH))
    settle(room)
    heir = Stockroom(room.all)
    (row,) = heir.take(sale("SKU-06", "late", -1)).movements()
    assert row["outcome"] == "LATE"


def test_later_single_count_wins_over_a_feed() -> None:
    """Whichever arrives first; an older one is superseded by the feed in force."""
    count = make(StockCounted, event_id="c", sku="SKU-01", quantity=3, as_of=AS_OF + 1)
    first, second = opened(TEN_EACH), opened(TEN_EACH)
    first.take(count, *full_feed(TEN_EACH))
    settle(first)
    second.take(*full_feed(TEN_EACH))
    settle(second)
    second.take(count)
    assert figures(first) == figures(second) == TEN_EACH | {"SKU-01": 3}
    (old,) = second.take(make(StockCounted, sku="SKU-02", quantity=1, as_of=AS_OF - 1)).movements()
    assert old["outcome"] == "SUPERSEDED"
    same = make(StockCounted, event_id="s", sku="SKU-02", quantity=1, as_of=AS_OF)
    assert second.take(same).movements()[0]["outcome"] == "APPLIED", "of one moment, the single one wins"


@pytest.mark.parametrize("order", [0, 1])
def test_orders_that_a_feed_has_subtracted_are_added_again(order: int) -> None:
    """NET_OF_ORDERS, and an order of before its moment that arrives before or after the feed."""
    room = opened(TEN_EACH)
    placed = make(
        OrderPlaced, event_id="o", sku="SKU-01", quantity=4, occurred_at=AS_OF - 1, location_id="store"
    )
    rows = full_feed(TEN_EACH | {"SKU-01": 6}, basis=NET_OF_ORDERS)
    for events in ([placed], rows) if order == 0 else (rows, [placed]):
        room.take(*events)
        settle(room)
    assert figures(room) == TEN_EACH
    level = room.level("SKU-01")
    assert level is not None
    assert level["locations"][0]["reserved"] == 4


def test_sku_named_twice_has_the_figure_of_the_later_row() -> None:
    """By their numbers, in whatever order they arrive."""
    rows = full_feed(TEN_EACH | {"x": 0})
    rows[-1] = rows[-1]._replace(sku="SKU-01", quantity=5)
    for events in (rows, rows[::-1]):
        room = opened(TEN_EACH)
        room.take(*events)
        settle(room)
        assert figures(room) == TEN_EACH | {"SKU-01": 5}


def test_feeds_go_on_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two SKUs a batch, with sales and late deltas in between: each counts once or is covered."""
    monkeypatch.setattr("streams.agents.feeds.EFFORT", 50)
    room = opened(TEN_EACH)
    room.take(*full_feed(dict.fromkeys(SKUS, 20)))
    batches = 0
    while room.agent.pending:
        sku = SKUS[batches % len(SKUS)]
        harvest = room.take(sale(sku, f"late {batches}", -1), sale(sku, f"new {batches}", 1))
        assert len(harvest.of("stock-levels")) <= 3
        room.hear_globals(harvest)
        batches += 1
        assert batches < 100
    assert batches > len(SKUS) // 2
    sold = [SKUS[number % len(SKUS)] for number in range(batches)]
    assert figures(room) == {sku: 20 - sold.count(sku) for sku in SKUS}


# Rows ---------------------------------------------------------------------------------------------------


def test_rows_twice_count_once() -> None:
    """In one batch, in the next, after a restart and after the feed was applied; the ledger has nothing of them."""
    room = opened(TEN_EACH)
    rows = full_feed(TEN_EACH)
    room.take(*rows[:9], *rows[:9])
    room.take(*rows[:9])
    room = Stockroom(room.all)
    assert room.take(*rows[:9]).of("stock-feed-rows") == []
    room.take(*rows[9:])
    settle(room)
    harvest = room.take(*rows)
    assert harvest == []
    assert set(stages(room).values()) == {"APPLIED"}


def test_rows_of_several_feeds_may_be_mixed() -> None:
    """In one batch, row by row, some with times of their own: whatever they look like, all of them are taken."""
    room = opened(TEN_EACH)
    room.take(*goods(TEN_EACH, "yard"))
    yard = FeedId("wms", "yard", "monday")
    elsewhere = full_feed(dict.fromkeys(SKUS, 3), yard, AS_OF - 9)
    here = [
        row._replace(occurred_at=AS_OF + number % 3)
        for number, row in enumerate(full_feed(dict.fromkeys(SKUS, 8)))
    ]
    other = [row._replace(event_id=f"yard {row.event_id}") for row in elsewhere]
    room.take(*chain.from_iterable(zip(here, other, strict=True)), sale("SKU-00", "s", 1))
    settle(room)
    assert room.monitor.outcomes["stock-counts", "STAGED"] == 2 * len(SKUS)
    assert figures(room) == dict.fromkeys(SKUS, 8) | {"SKU-00": 7}
    assert figures(room, "yard") == dict.fromkeys(SKUS, 3)


def test_row_that_does_not_fit_is_a_dead_letter() -> None:
    """Another total, another moment, a number that is taken; the feed goes on without it."""
    room = opened(TEN_EACH)
    rows = full_feed(TEN_EACH)
    first = rows[0]
    wrong = [
        first._replace(event_id="total", sequence=21, total=21),
        first._replace(event_id="moment", sequence=20, as_of=AS_OF + 1),
        first._replace(event_id="number"),
    ]
    assert letters(room.take(first, *wrong)) == ["INVALID_COUNT"] * 3
    assert letters(room.take(wrong[2])) == ["INVALID_COUNT"], "nor is it remembered as seen"
    room.take(*rows[1:])
    settle(room)
    assert decisions(room.all) == ["APPLY"]


def test_partition_holds_its_rows_to_the_first_of_them() -> None:
    """Also when other partitions' rows, which look like those that it refuses, came just before."""
    room = opened(TEN_EACH)
    rows = full_feed(TEN_EACH)
    wrong = rows[0]._replace(total=21)
    there = room.record_of(wrong).partition()
    mine = [row for row in rows[1:] if room.record_of(row).partition() == there]
    others = [row for row in rows[1:] if row not in mine]
    assert letters(room.take(wrong, *others, *mine)) == ["INVALID_COUNT"] * len(mine)
    settle(room)
    assert decisions(room.all) == []


def test_row_after_the_last_is_a_dead_letter() -> None:
    """Complete is complete, before and after it is applied, and also where the number is free."""
    room = opened(TEN_EACH)
    rows = full_feed(TEN_EACH)
    room.take(*rows)
    stray = [rows[0]._replace(event_id=f"stray {sku}", sku=sku, quantity=99) for sku in SKUS]
    assert letters(room.take(*stray)) == ["INVALID_COUNT"] * len(SKUS)
    settle(room)
    assert letters(room.take(*stray)) == ["INVALID_COUNT"] * len(SKUS)
    assert figures(room) == TEN_EACH


def test_same_id_with_other_content_is_a_conflict() -> None:
    """As with every event."""
    room = opened(TEN_EACH)
    rows = full_feed(TEN_EACH)
    room.take(*rows[:5])
    assert letters(room.take(rows[0]._replace(quantity=11))) == ["IDEMPOTENCY_CONFLICT"]


def test_row_on_the_wrong_partition_is_sent_on() -> None:
    """It must not be staged where its SKU is not."""
    room = opened(TEN_EACH)
    (row,) = full_feed({"NEW": 3})
    record = room.record_of(row)
    wrong = room.record_of(row, partition=(record.partition() + 1) % PARTITIONS)
    (sent,) = room.take(wrong)
    assert (sent.topic, sent.partition) == ("stock-counts", record.partition())


def test_aborted_rows_leave_nothing() -> None:
    """Neither rows nor numbers, also of a feed that has rows already."""
    room = opened(TEN_EACH)
    rows = [room.record_of(row) for row in full_feed(TEN_EACH)]
    assert room.take(*rows[:3], commits=False) == room.take(*rows[:3])
    assert room.take(*rows[3:9], commits=False) == room.take(*rows[3:9])
    room.take(*rows[9:])
    settle(room)
    assert decisions(room.all) == ["APPLY"]


# Stages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["restart", "abort"])
def test_any_stage_may_be_cut_off(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart, or an abort, after each single batch: the same stock, each SKU set once."""
    monkeypatch.setattr("streams.agents.feeds.EFFORT", 50)
    wanted = dict.fromkeys(SKUS[:-1], 12)
    room = opened(TEN_EACH)
    rows = full_feed(wanted)
    for start in range(0, len(rows), 5):
        room = _cut_off(room, fault, rows[start : start + 5])
    batches = 0
    while set(stages(room).values()) != {"APPLIED"}:
        room = _cut_off(room, fault, [])
        batches += 1
        assert batches < 200
    assert figures(room) == wanted
    assert decisions(room.all) == ["APPLY"]
    assert set(stages(room).values()) == {"APPLIED"}
    ledger = [one.fields() for one in room.all if one.topic == "stock-movements"]
    assert len([row for row in ledger if row["reference"] == "monday"]) == len(SKUS)
    assert waiting_rows(room) == 0


def _cut_off(room: Stockroom, fault: str, events: list[StockCounted]) -> Stockroom:
    if fault == "abort":
        room.take(*events, commits=False, now=NOW)
        room.agent._feeds._next_look = 0  # A second later; time stands still here.
        room.hear_globals(room.take(*events))
        return room
    room.hear_globals(room.take(*events))
    return Stockroom(room.all)


def test_workers_share_a_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers with two partitions each; one takes over from the other in the middle of applying."""
    monkeypatch.setattr("streams.agents.feeds.EFFORT", 50)
    whole = opened(TEN_EACH)
    rooms = [Stockroom(whole.all, owned=owned) for owned in ((0, 1), (2, 3))]
    wanted = dict.fromkeys(SKUS, 15)
    for row in full_feed(wanted):
        record = whole.record_of(row)
        for room in rooms:
            if record.partition() in room.owned:
                hear(room.take(record), rooms)
    written = list(chain.from_iterable(room.all[len(whole.all) :] for room in rooms))
    for _ in range(6):
        for room in rooms:
            harvest = room.tick()
            written += harvest
            hear(harvest, rooms)
    heir = Stockroom([*whole.all, *[one for room in rooms for one in room.all[len(whole.all) :]]])
    settle(heir)
    assert figures(heir) == wanted
    assert decisions(heir.all) == ["APPLY"]
    assert set(stages(heir).values()) == {"APPLIED"}


def test_partition_without_rows_has_its_say() -> None:
    """Its SKUs would go to zero: it assesses too, and the feed waits for a person."""
    room = opened(TEN_EACH)
    room.take(*full_feed({"SKU-00": 10}))
    settle(room)
    assert len(stages(room)) == PARTITIONS
    assert decisions(room.all) == ["QUARANTINED"]


# Quarantine ---------------------------------------------------------------------------------------------

HALF = {sku: 10 for number, sku in enumerate(SKUS) if number % 2}


def quarantined() -> Stockroom:
    """A room with a feed that names every other SKU."""
    room = opened(TEN_EACH)
    harvest = room.take(*full_feed(HALF)) + settle(room)
    (alert,) = harvest.alerts()
    assert (alert["kind"], alert["sku"], alert["location_id"]) == ("FEED_QUARANTINED", "*", "store")
    assert (alert["quantity"], alert["references"]) == (10, ["wms", "monday"])
    assert figures(room) == TEN_EACH
    return room


def test_quarantined_feed_waits_for_its_approval() -> None:
    """Through a restart and other events; what happens meanwhile is looked at when it is applied."""
    room = Stockroom(quarantined().all)
    room.take(sale("SKU-00", "old", -1), sale("SKU-01", "new", 1), sale("SKU-02", "new too", 1))
    settle(room, now=NOW + 1_000)
    assert figures(room)["SKU-00"] == 9
    answered(room, "APPROVED")
    settle(room, now=NOW + 2_000)
    assert figures(room) == HALF | {"SKU-01": 9, "SKU-02": -1}
    assert decisions(room.all) == ["QUARANTINED", "APPROVED"]


def test_rejected_feed_leaves_stock_alone() -> None:
    """Its rows go; late rows of it are superseded, and the decision says who and why."""
    room = quarantined()
    answered(room, "REJECTED", note="half of the file was missing")
    settle(room)
    assert figures(room) == TEN_EACH
    assert set(stages(room).values()) == {"DROPPED"}
    assert waiting_rows(room) == 0
    decided = [one.fields() for one in room.all if one.topic == "stock-feeds" and one.value][-5:]
    words = [one for one in decided if one.get("decision") == "REJECTED"]
    assert [(one["by"], one["note"]) for one in words] == [("ada", "half of the file was missing")]
    room.take(full_feed(HALF)[0]._replace(event_id="again"))
    assert room.monitor.outcomes["stock-counts", "SUPERSEDED"] == 1


def test_only_a_quarantined_feed_may_be_decided() -> None:
    """A word about one that is applied is put aside; it does not come back."""
    room = opened(TEN_EACH)
    room.take(*full_feed(TEN_EACH | {"SKU-01": 9}))
    settle(room)
    answered(room, "REJECTED")
    harvest = settle(room)
    assert [one.value for one in harvest.of("stock-feeds")] == [None]
    assert decisions(room.all) == ["APPLY"]


def ruled(**rules: Any) -> Stockroom:
    """A room with a policy about the sources of the store."""
    room = Stockroom()
    policy = StockPolicySet("p", "desk", "*", NOW, sources=(LocationSources("store", **rules),))
    room.hear_globals(room.take(policy))
    room.take(*goods(TEN_EACH))
    settle(room)
    return room


def test_share_that_is_let_through_is_the_policys() -> None:
    """Half of the SKUs may go at a location that is being cleared."""
    room = ruled(feed_zero_share_basis_points=5_000)
    room.take(*full_feed(HALF))
    settle(room)
    assert figures(room) == HALF


def test_feed_of_a_source_without_a_say_is_rejected() -> None:
    """The location trusts others only."""
    room = ruled(trusted_count_source_ids=("erp",))
    room.take(*full_feed(TEN_EACH | {"SKU-01": 3}))
    settle(room)
    assert decisions(room.all) == ["REJECTED"]
    assert figures(room) == TEN_EACH


def test_sku_whose_own_policy_trusts_another_source_is_left_out() -> None:
    """Neither set nor covered."""
    room = Stockroom()
    own = StockPolicySet(
        "p", "desk", "SKU-01", NOW, sources=(LocationSources("store", trusted_count_source_ids=("rfid",)),)
    )
    room.hear_globals(room.take(own))
    room.take(*goods(TEN_EACH))
    room.take(*full_feed(dict.fromkeys(SKUS, 4)))
    settle(room)
    assert figures(room) == dict.fromkeys(SKUS, 4) | {"SKU-01": 10}
    rows = room.take(sale("SKU-01", "a", -1), sale("SKU-02", "b", -1)).movements()
    assert [row["outcome"] for row in rows] == ["APPLIED", "LATE"]


# Feeds that do not end well -----------------------------------------------------------------------------

TUESDAY = FeedId("wms", "store", "tuesday")


@pytest.mark.parametrize("waits", ["incomplete", "quarantined"])
def test_later_feed_supersedes_one_that_waits(waits: str) -> None:
    """Its rows go, and approving it comes too late."""
    if waits == "quarantined":
        room = quarantined()
    else:
        room = opened(TEN_EACH)
        room.take(*full_feed(HALF)[:-1])
    room.take(*full_feed(dict.fromkeys(SKUS, 8), TUESDAY, AS_OF + 1))
    settle(room)
    assert figures(room) == dict.fromkeys(SKUS, 8)
    assert decisions(room.all)[-1] == "SUPERSEDED"
    answered(room, "APPROVED")
    settle(room)
    assert figures(room) == dict.fromkeys(SKUS, 8)
    assert waiting_rows(room) == 0


def test_older_feed_that_completes_later_changes_nothing() -> None:
    """Of the same source it is superseded; of another it is covered, SKU by SKU."""
    room = opened(TEN_EACH)
    room.take(*full_feed(dict.fromkeys(SKUS, 8), TUESDAY, AS_OF + 1))
    settle(room)
    other = FeedId("erp", "store", "erp-1")
    room.take(*full_feed(dict.fromkeys(SKUS, 3)), *full_feed(dict.fromkeys(SKUS, 4), other))
    settle(room)
    assert figures(room) == dict.fromkeys(SKUS, 8)
    assert decisions(room.all) == ["SUPERSEDED"]
    assert decisions(room.all, other) == ["APPLY"]


def test_feeds_of_two_locations_do_not_meet() -> None:
    """Nor do their ids, which may be the same."""
    room = opened(TEN_EACH)
    room.take(*goods(TEN_EACH, "yard"))
    yard = FeedId("wms", "yard", "monday")
    rows = [
        row._replace(event_id=f"yard {row.event_id}")
        for row in full_feed(dict.fromkeys(SKUS, 3), yard, AS_OF - 9)
    ]
    room.take(*full_feed(dict.fromkeys(SKUS, 8)), *rows)
    settle(room)
    assert figures(room) == dict.fromkeys(SKUS, 8)
    assert figures(room, "yard") == dict.fromkeys(SKUS, 3)


@pytest.mark.parametrize("waits", ["incomplete", "quarantined"])
def test_feed_that_never_ends_is_abandoned(waits: str) -> None:
    """When not all deltas since its moment are remembered; people are told, its rows go."""
    if waits == "quarantined":
        room = quarantined()
    else:
        room = opened(TEN_EACH)
        room.take(*full_feed(TEN_EACH)[:-1])
    assert room.tick(AS_OF + DAY_MS).alerts() == []
    harvest = room.tick(AS_OF + DAY_MS + 1_001) + settle(room, now=AS_OF + DAY_MS + 1_001)
    assert [alert["kind"] for alert in harvest.alerts()] == ["FEED_ABANDONED"]
    assert decisions(room.all)[-1] == "ABANDONED"
    assert waiting_rows(room) == 0
    assert figures(room) == TEN_EACH
    assert room.monitor.decided["ABANDONED"] == 1


def test_feed_that_is_long_over_is_forgotten_unless_it_is_in_force() -> None:
    """What the location is based on stays; what was before it goes."""
    room = opened(TEN_EACH)
    for feed, as_of in ((FEED, AS_OF), (TUESDAY, AS_OF + 1)):
        room.take(*full_feed(TEN_EACH, feed, as_of))
        settle(room)
    harvest = room.tick(NOW + 8 * DAY_MS)
    gone = [one for one in harvest.of("stock-feeds") if one.value is None]
    assert all(b"monday" in (one.key or b"") for one in gone)
    assert len(gone) == PARTITIONS
    (last,) = room.tick(NOW + 9 * DAY_MS).of("stock-feeds")
    assert (last.key or b"").startswith(b"decided")
    assert [feed.feed_id for feed in room.agent._movements.feeds.feeds] == ["tuesday"]


@pytest.mark.parametrize("value", [b"", b"rubbish", b"\x00\x00\x00\x00\x01", None])
def test_what_is_none_of_a_feed_is_left_alone(value: bytes | None) -> None:
    """Anybody may write to a topic; a worker must not end for it."""
    room = opened(TEN_EACH)
    for key in (b"progress0", b"decided\x1f1,1\x1fa\x1fb\x1fc", b"answer", b"", b"\xff", None):
        room.agent.take_global(MemoryRecord(("stock-feeds", 0, 0), key, value, None, NOW))
    assert settle(room) == []


def test_feed_of_a_location_where_nothing_lies_is_applied() -> None:
    """The first that is heard of it: nothing can be lost, and nothing was believed."""
    room = Stockroom()
    room.take(make(GoodsReceived, event_id="g", sku="OTHER", location_id="yard", inbound_id=None))
    room.take(*full_feed(TEN_EACH))
    settle(room)
    assert figures(room) == TEN_EACH
    assert room.monitor.discrepancies == {("store", "found"): 0, ("store", "lost"): 0}
