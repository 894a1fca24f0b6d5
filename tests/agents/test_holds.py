"""Holds in the stock agent: requests in, figures, ledger rows, answers and availability out."""

from __future__ import annotations

from typing import Any

import pytest

from streams.agents import holds as holds_module
from streams.domain.events import (
    GoodsReceived,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockAdjusted,
)
from streams.domain.hold_requests import Request
from streams.domain.policy import ChannelPolicy, LocationPolicy, StockPolicySet
from tests.agents.stockroom import Harvest, Stockroom
from tests.domain.checkout import MINUTE_MS, confirm, place, release
from tests.domain.shop import DAY_MS, NOW, SKU, make

RESULTS, HOLDS = "reservation-results", "stock-holds"
SOON = NOW + MINUTE_MS


def stocked(room: Stockroom | None = None, **units: int) -> Stockroom:
    """A room with so many units by location; ten in the store unless told otherwise."""
    room = room or Stockroom()
    for location_id, quantity in (units or {"store": 10}).items():
        room.take(
            make(
                GoodsReceived,
                event_id=location_id,
                location_id=location_id,
                quantity=quantity,
                inbound_id=None,
            )
        )
    return room


def results(harvest: Harvest) -> list[dict[str, Any]]:
    """The answers in a batch."""
    return [one.fields() for one in harvest.of(RESULTS)]


def answer(room: Stockroom, request: Request, now: int = NOW) -> dict[str, Any]:
    """The one answer to a request."""
    (result,) = results(room.take(request, now=now))
    assert (result["request_id"], result["source_id"]) == (request.event_id, request.source_id)
    assert (result["hold_id"], result["owner"], result["decided_at"]) == (request.hold_id, request.owner, now)
    return result


def told(result: dict[str, Any]) -> tuple[bool, str, str | None, int]:
    """What matters most of an answer."""
    return result["accepted"], result["state"], result["reason"], result["quantity"]


def figures(room: Stockroom, location_id: str = "store") -> tuple[int, int, int]:
    """on_hand, reserved and held at a location."""
    level = room.level(SKU)
    assert level is not None
    (here,) = [one for one in level["locations"] if one["location_id"] == location_id]
    return here["on_hand"], here["reserved"], here["held"]


def test_hold_takes_from_what_is_available_and_is_answered() -> None:
    """The table, the channels, the ledger and the answer agree in one transaction."""
    room = stocked()
    harvest = room.take(place("r-1", 3, channel_id="web"), now=NOW + 5)
    assert results(harvest) == [
        {
            "request_id": "r-1",
            "source_id": "checkout",
            "sku": SKU,
            "hold_id": "hold-1",
            "owner": "ann",
            "accepted": True,
            "state": "ACTIVE",
            "reason": None,
            "location_id": "store",
            "quantity": 3,
            "expires_at": NOW + 15 * MINUTE_MS,
            "available_after": 7,
            "version": 2,
            "decided_at": NOW + 5,
        }
    ]
    (row,) = harvest.movements()
    wanted: dict[str, Any] = {
        "event_id": "r-1",
        "event_type": "PlaceHold",
        "outcome": "APPLIED",
        "location_id": "store",
    }
    wanted |= {"quantity": 3, "held_after": 3, "available_after": 7, "reference": "hold-1", "version": 2}
    assert {name: row[name] for name in wanted} == wanted
    assert harvest.told() == {("pos", SKU): 7, ("web", SKU): 7}
    assert figures(room) == (10, 0, 3)
    assert room.monitor.held == {"PLACED": 1}


def test_thousand_holds_for_one_unit_give_exactly_one() -> None:
    """In one batch, each its own hold (semantics 1)."""
    room = stocked(store=1)
    asked = [place(f"r-{number}", hold_id=f"h-{number}", owner=f"o-{number}") for number in range(1_000)]
    answers = results(room.take(*asked))
    assert [told(one) for one in answers if one["accepted"]] == [(True, "ACTIVE", None, 1)]
    assert {told(one) for one in answers[1:]} == {(False, "REJECTED", "INSUFFICIENT_STOCK", 0)}
    assert figures(room) == (1, 0, 1)


def test_hold_changes_without_competing_with_itself() -> None:
    """Nine of ten held: ten can be had, eleven can't, and a refusal leaves the nine."""
    room = stocked()
    assert told(answer(room, place("r-1", 9))) == (True, "ACTIVE", None, 9)
    assert told(answer(room, place("r-2", 10, expires_at=SOON))) == (True, "ACTIVE", None, 10)
    refused = answer(room, place("r-3", 11))
    assert told(refused) == (False, "ACTIVE", "INSUFFICIENT_STOCK", 10)
    assert refused["expires_at"] == SOON
    assert told(answer(room, place("r-4", 2))) == (True, "ACTIVE", None, 2)
    assert figures(room) == (10, 0, 2)
    assert room.monitor.held == {"PLACED": 1, "CHANGED": 2, "REFUSED": 1}


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: place("r-2", 1, owner="bob"),
        lambda: confirm("r-2", owner="bob"),
        lambda: release("r-2", owner="bob"),
    ],
)
def test_only_the_owner_may_touch_a_hold(request_of: Any) -> None:
    """A stranger changes nothing and learns nothing, also when asking twice."""
    room = stocked()
    room.take(place("r-1", 3))
    for _ in range(2):
        result = answer(room, request_of())
        assert told(result) == (False, "REJECTED", "NOT_OWNER", 0)
        assert result["location_id"] is None
    assert figures(room) == (10, 0, 3)
    assert told(answer(room, release("r-9"))) == (True, "RELEASED", None, 3)


def test_confirm_turns_held_into_reserved() -> None:
    """Nothing becomes available by it, and the order ships as any other."""
    room = stocked()
    room.take(place("r-1", 3))
    harvest = room.take(confirm("r-2"))
    assert [told(one) for one in results(harvest)] == [(True, "CONFIRMED", None, 3)]
    assert harvest.told() == {}
    assert figures(room) == (10, 3, 0)
    room.take(make(OrderShipped, event_id="s", quantity=2), make(OrderCancelled, event_id="c", quantity=1))
    assert figures(room) == (8, 0, 0)


def test_partial_confirm_gives_the_rest_back() -> None:
    """Two of three are bought."""
    room = stocked()
    room.take(place("r-1", 3))
    assert told(answer(room, confirm("r-2", 2))) == (True, "CONFIRMED", None, 2)
    assert figures(room) == (10, 2, 0)


def test_confirm_for_more_asks_for_what_goes_beyond() -> None:
    """The hold's own units are never asked for again."""
    room = stocked()
    room.take(place("r-1", 8))
    assert told(answer(room, confirm("r-2", 11))) == (False, "ACTIVE", "INSUFFICIENT_STOCK", 8)
    assert told(answer(room, confirm("r-3", 10))) == (True, "CONFIRMED", None, 10)
    assert figures(room) == (10, 10, 0)


def test_active_hold_keeps_its_promise_when_facts_take_the_goods() -> None:
    """A till sells what was held: the checkout still gets its order, and people an alert."""
    room = stocked()
    room.take(place("r-1", 6))
    assert [one["kind"] for one in room.take(make(SaleRecorded, event_id="s", quantity=7)).alerts()] == [
        "OVERSOLD"
    ]
    assert told(answer(room, place("r-2", 5))) == (True, "ACTIVE", None, 5)
    assert told(answer(room, confirm("r-3"))) == (True, "CONFIRMED", None, 5)
    assert figures(room) == (3, 5, 0)


def test_each_step_is_granted_again_without_effect() -> None:
    """Asked under new ids, as by a client that lost the answer."""
    room = stocked()
    room.take(place("r-1", 3), confirm("r-2"))
    version = room.level(SKU)
    again = room.take(confirm("r-3"))
    assert [told(one) for one in results(again)] == [(True, "CONFIRMED", None, 3)]
    assert [row["outcome"] for row in again.movements()] == ["SUPERSEDED"]
    assert room.level(SKU) == version
    assert told(answer(room, confirm("r-4", order_id="another"))) == (False, "CONFIRMED", "HOLD_ENDED", 3)
    assert told(answer(room, release("r-5"))) == (False, "CONFIRMED", "HOLD_ENDED", 3)
    assert told(answer(room, place("r-6", 1))) == (False, "CONFIRMED", "HOLD_ENDED", 3)
    room.take(place("r-7", 2, hold_id="other"), release("r-8", hold_id="other"))
    assert told(answer(room, release("r-9", hold_id="other"))) == (True, "RELEASED", None, 2)
    assert told(answer(room, confirm("r-10", hold_id="other"))) == (False, "RELEASED", "HOLD_ENDED", 2)
    assert figures(room) == (10, 3, 0)


@pytest.mark.parametrize("restarted", [False, True])
def test_duplicate_gets_the_original_answer(restarted: bool) -> None:
    """Whatever has happened since, granted or refused."""
    room = stocked()
    granted, refused = place("r-1", 3), place("r-2", 99, hold_id="big")
    first = [answer(room, granted), answer(room, refused)]
    room.take(release("r-3"), make(GoodsReceived, event_id="more", quantity=500, inbound_id=None))
    later = Stockroom(room.all) if restarted else room
    harvest = later.take(granted, refused)
    decided = ("accepted", "state", "reason", "location_id", "quantity", "expires_at", "request_id")
    assert [{name: one[name] for name in decided} for one in results(harvest)] == [
        {name: one[name] for name in decided} for one in first
    ]
    assert [row["outcome"] for row in harvest.movements()] == ["DUPLICATE"] * 2
    assert figures(later)[2] == 0


def test_other_content_under_a_used_id_is_a_dead_letter() -> None:
    """As for every event."""
    room = stocked()
    harvest = room.take(place("r-1", 3), place("r-1", 4))
    (letter,) = harvest.of("stock-reservations-dlq")
    assert letter.header("__streams.errors.exception") == "IDEMPOTENCY_CONFLICT"
    assert figures(room) == (10, 0, 3)


@pytest.mark.parametrize("kind", [confirm, release])
def test_unknown_hold_is_refused_and_the_answer_repeats(kind: Any) -> None:
    """Also when the hold has been placed in the meantime."""
    room = stocked()
    early = kind("r-0")
    assert told(answer(room, early)) == (False, "REJECTED", "HOLD_UNKNOWN", 0)
    assert told(answer(room, place("r-1", 2))) == (True, "ACTIVE", None, 2)
    assert told(answer(room, early)) == (False, "REJECTED", "HOLD_UNKNOWN", 0)
    assert figures(room) == (10, 0, 2)


def test_unknown_sku_is_refused_without_a_row_in_the_table() -> None:
    """Also by a strict catalogue: a checkout gets its answer at once."""
    for catalogue in ("lenient", "strict"):
        room = Stockroom(catalogue=catalogue)
        result = answer(room, place("r-1", 1))
        assert told(result) == (False, "REJECTED", "UNKNOWN_SKU", 0)
        assert (result["version"], result["available_after"]) == (0, None)
        assert room.level(SKU) is None


# Where ---------------------------------------------------------------------------------------------------


def test_location_is_the_fullest_that_the_channel_sells_from() -> None:
    """Without one in the request; the first by name of equals."""
    room = stocked(store=5, warehouse=9, yard=9)
    assert answer(room, place("r-1", 2))["location_id"] == "warehouse"
    assert answer(room, place("r-2", 2, hold_id="h2"))["location_id"] == "yard"
    only_store = StockPolicySet("p", "desk", SKU, NOW, None, (ChannelPolicy("web", ("store",)),))
    room.hear_globals(room.take(only_store))
    assert answer(room, place("r-3", 2, hold_id="h3", channel_id="web"))["location_id"] == "store"
    assert told(answer(room, place("r-4", 4, hold_id="h4", channel_id="web")))[2] == "INSUFFICIENT_STOCK"
    # A change without the channel's name does not move the hold to where its channel does not sell from.
    assert told(answer(room, place("r-5", 6, hold_id="h3")))[2] == "INSUFFICIENT_STOCK"
    assert answer(room, place("r-6", 5, hold_id="h3"))["location_id"] == "store"


def test_location_in_the_request_is_kept_to() -> None:
    """Another one that has enough does not help."""
    room = stocked(store=1, warehouse=9)
    refused = answer(room, place("r-1", 2, location_id="store"))
    assert told(refused) == (False, "REJECTED", "INSUFFICIENT_STOCK", 0)
    assert (refused["location_id"], refused["available_after"]) == ("store", 1)
    assert answer(room, place("r-2", 1, location_id="store"))["location_id"] == "store"


def test_hold_that_grows_moves_when_only_another_location_has_enough() -> None:
    """Both locations have a row of the ledger for it."""
    room = stocked(store=3, warehouse=2)
    room.take(place("r-1", 2))
    room.take(make(GoodsReceived, event_id="g", location_id="warehouse", quantity=5, inbound_id=None))
    harvest = room.take(place("r-2", 6))
    assert [(row["event_type"], row["location_id"], row["held_after"]) for row in harvest.movements()] == [
        ("HoldMoved", "store", 0),
        ("PlaceHold", "warehouse", 6),
    ]
    versions = [row["version"] for row in harvest.movements()]
    assert versions[0] + 1 == versions[1] == results(harvest)[0]["version"]
    assert figures(room, "store")[2] == 0
    assert figures(room, "warehouse")[2] == 6
    assert answer(room, place("r-3", 1, location_id="store"))["location_id"] == "store"
    assert (figures(room, "store")[2], figures(room, "warehouse")[2]) == (1, 0)


def test_backorder_limit_lets_holds_go_below_zero_so_far() -> None:
    """And no further."""
    room = stocked(store=1)
    room.hear_globals(room.take(StockPolicySet("p", "desk", SKU, NOW, backorder_limit=2)))
    assert told(answer(room, place("r-1", 4))) == (False, "REJECTED", "INSUFFICIENT_STOCK", 0)
    assert told(answer(room, place("r-2", 3))) == (True, "ACTIVE", None, 3)


def test_a_location_that_is_new_to_a_sku_keeps_its_safety_stock_back_from_the_first_hold() -> None:
    """What is promised there by the backorder limit is less by the units kept back."""
    room = stocked(store=1)
    kept_back = (LocationPolicy("dc", 1),)
    policy = StockPolicySet("p", "desk", SKU, NOW, backorder_limit=2, locations=kept_back)
    room.hear_globals(room.take(policy))
    assert not answer(room, place("r-1", 2, location_id="dc"))["accepted"]
    held = answer(room, place("r-2", 1, location_id="dc"))
    assert (held["accepted"], held["available_after"]) == (True, -2)


# Orders --------------------------------------------------------------------------------------------------


def test_order_takes_the_units_of_the_hold_that_it_names() -> None:
    """Though nothing else is available; the hold is confirmed in the same transaction."""
    room = stocked()
    room.take(place("r-1", 10))
    harvest = room.take(make(OrderPlaced, quantity=8, hold_id="hold-1"))
    rows = [(row["event_type"], row["outcome"], row["reference"]) for row in harvest.movements()]
    assert rows == [("HoldConfirmed", "APPLIED", "hold-1"), ("OrderPlaced", "APPLIED", "order-1")]
    assert [row["held_after"] for row in harvest.movements()] == [0, 0]
    assert figures(room) == (10, 8, 0)
    assert told(answer(room, release("r-2")))[:3] == (False, "CONFIRMED", "HOLD_ENDED")
    assert told(answer(room, confirm("r-3")))[:2] == (True, "CONFIRMED")
    assert figures(room) == (10, 8, 0)


def test_order_that_its_hold_does_not_cover_leaves_the_hold() -> None:
    """Refused as any other order, and the figures in its row are those without it."""
    room = stocked()
    room.take(place("r-1", 4), place("r-2", 5, hold_id="other"))
    (row,) = room.take(make(OrderPlaced, quantity=6, hold_id="hold-1")).movements()
    assert (row["outcome"], row["available_after"], row["held_after"]) == ("REJECTED", 1, 9)
    assert figures(room) == (10, 0, 9)
    assert told(answer(room, confirm("r-3"))) == (True, "CONFIRMED", None, 4)


@pytest.mark.parametrize(
    ("hold", "order"),
    [
        ({"expires_at": NOW + 1}, {}),
        ({"channel_id": "web"}, {"channel_id": "pos"}),
        ({}, {"hold_id": "no such hold"}),
    ],
)
def test_order_with_a_hold_that_is_not_its_own_asks_as_any_other(
    hold: dict[str, Any], order: dict[str, Any]
) -> None:
    """An expired hold, one for another channel, or none."""
    room = stocked()
    room.take(place("r-1", 6, **hold), place("r-2", 4, hold_id="rest"))
    named = make(OrderPlaced, **{"quantity": 6, "hold_id": "hold-1", **order})
    expected = "APPLIED" if "expires_at" in hold else "REJECTED"
    rows = room.take(named, now=NOW + 1).movements()
    assert rows[-1]["outcome"] == expected
    assert all(row["event_type"] != "HoldConfirmed" for row in rows)


def test_order_at_another_location_gives_the_hold_back_where_it_was() -> None:
    """The checkout's units are wherever they were free, the order says from where it is sent."""
    room = stocked(store=2, warehouse=5)
    room.take(place("r-1", 3))
    room.take(make(OrderPlaced, quantity=2, hold_id="hold-1"))
    assert (figures(room, "warehouse"), figures(room)) == ((5, 0, 0), (2, 2, 0))


def test_order_that_was_confirmed_before_reserves_nothing_more() -> None:
    """The checkout confirmed, then the shop's own message about the order comes, line by line."""
    room = stocked()
    room.take(place("r-1", 5), confirm("r-2"))
    first = make(OrderPlaced, event_id="a", quantity=3, hold_id="hold-1")
    assert [row["outcome"] for row in room.take(first, first).movements()] == ["SUPERSEDED", "DUPLICATE"]
    assert figures(room) == (10, 5, 0)
    room.take(make(OrderPlaced, event_id="b", quantity=2, hold_id="hold-1"))
    assert figures(room) == (10, 5, 0)
    room.take(make(OrderPlaced, event_id="c", quantity=1, hold_id="hold-1"))
    assert figures(room) == (10, 6, 0)


def test_order_elsewhere_than_its_confirmation_asks_as_any_other() -> None:
    """What is reserved in the store is no promise of the warehouse's goods."""
    room = stocked(store=5, warehouse=1)
    room.take(place("r-1", 3, location_id="store"), confirm("r-2"))
    order = make(OrderPlaced, event_id="a", quantity=2, hold_id="hold-1", location_id="warehouse")
    assert [row["outcome"] for row in room.take(order).movements()] == ["REJECTED"]
    assert (figures(room), figures(room, "warehouse")) == ((5, 3, 0), (1, 0, 0))


# Time ----------------------------------------------------------------------------------------------------


def test_expired_hold_is_available_again_and_told() -> None:
    """At its moment and not before, by time alone; channels and owner hear of it."""
    room = stocked()
    room.take(place("r-1", 3, expires_at=SOON))
    assert room.take(now=SOON - 1) == []
    harvest = room.take(now=SOON)
    assert [told(one) for one in results(harvest)] == [(False, "EXPIRED", "HOLD_EXPIRED", 3)]
    assert [one["request_id"] for one in results(harvest)] == ["r-1"]
    (row,) = harvest.movements()
    wanted: dict[str, Any] = {
        "event_type": "HoldExpired",
        "source_id": "onhand",
        "outcome": "APPLIED",
        "reference": "hold-1",
    }
    wanted |= {"quantity": 3, "occurred_at": SOON, "held_after": 0, "available_after": 10, "version": 3}
    assert {name: row[name] for name in wanted} == wanted
    assert harvest.told() == {("pos", SKU): 10, ("web", SKU): 10}
    assert figures(room) == (10, 0, 0)
    assert room.take(now=SOON + 1) == []


@pytest.mark.parametrize("committed", [True, False])
def test_expiry_survives_restart_and_abort(committed: bool) -> None:
    """A batch that did not commit has expired nothing, and a new owner knows when holds end."""
    room = stocked()
    room.take(place("r-1", 3, expires_at=SOON))
    if committed:
        room = Stockroom(room.all)
    else:
        assert results(room.take(now=SOON, commits=False))
    assert [told(one)[1] for one in results(room.take(now=SOON))] == ["EXPIRED"]
    assert room.take(now=SOON + 1) == []
    assert figures(room) == (10, 0, 0)


def test_longer_and_shorter_expiry_replace_the_first() -> None:
    """Only the last one counts."""
    room = stocked()
    room.take(place("r-1", 1, expires_at=SOON), place("r-2", 1, expires_at=SOON + 10))
    room.take(
        place("r-3", 1, hold_id="b", expires_at=SOON + 10), place("r-4", 1, hold_id="b", expires_at=SOON)
    )
    assert [one["hold_id"] for one in results(room.take(now=SOON))] == ["b"]
    assert [one["hold_id"] for one in results(room.take(now=SOON + 10))] == ["hold-1"]


def test_expired_units_can_be_had_in_the_same_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expiry is asked before anything is promised, however many other holds wait to be ended."""
    monkeypatch.setattr(holds_module, "ENDED_AT_ONCE", 1)
    room = stocked()
    room.take(*(place(f"r-{n}", 2, hold_id=f"h-{n}", expires_at=SOON) for n in range(5)))
    harvest = room.take(place("new", 10, hold_id="new"), now=SOON)
    assert [told(one)[1] for one in results(harvest)] == ["EXPIRED"] * 5 + ["ACTIVE"]
    room = stocked()
    room.take(*(place(f"r-{n}", 2, hold_id=f"h-{n}", expires_at=SOON) for n in range(5)))
    rows = room.take(make(OrderPlaced, quantity=10), now=SOON).movements()
    assert [row["event_type"] for row in rows] == ["HoldExpired"] * 5 + ["OrderPlaced"]
    assert rows[-1]["outcome"] == "APPLIED"


def test_masses_expire_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events don't wait behind them, and ticks follow each other until all are told."""
    monkeypatch.setattr(holds_module, "ENDED_AT_ONCE", 3)
    room = stocked()
    room.take(*(place(f"r-{n}", 1, hold_id=f"h-{n}", expires_at=SOON) for n in range(8)))
    ended = [len(results(room.take(now=SOON)))]
    while room.agent.pending:
        ended.append(len(results(room.take(now=SOON))))
    assert ended == [3, 3, 2]


def test_request_does_not_wait_for_more_holds_to_end_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand that end at once hold nobody up; whoever needs their units gets them all the same."""
    monkeypatch.setattr(holds_module, "ENDED_AT_ONCE", 3)
    eight = [place(f"r-{n}", 2, hold_id=f"h-{n}", expires_at=SOON) for n in range(8)]
    room = stocked(store=16)
    room.take(*eight)
    harvest = room.take(place("small", 6, hold_id="small"), confirm("late", 4, hold_id="h-7"), now=SOON)
    assert [(one["hold_id"], one["state"]) for one in results(harvest)] == [
        *((f"h-{n}", "EXPIRED") for n in range(3)),
        ("small", "ACTIVE"),
        ("h-7", "EXPIRED"),
        *((f"h-{n}", "EXPIRED") for n in range(3, 6)),
        ("h-7", "CONFIRMED"),
    ]
    assert room.agent.pending
    assert [told(one)[1] for one in results(room.take(now=SOON))] == ["EXPIRED"]
    assert figures(room) == (16, 4, 6)
    room = stocked(store=16)
    room.take(*eight)
    rows = room.take(make(OrderPlaced, quantity=12), now=SOON).movements()
    assert [row["event_type"] for row in rows] == ["HoldExpired"] * 6 + ["OrderPlaced"]
    assert rows[-1]["outcome"] == "APPLIED"


def test_late_confirm_converts_if_the_units_are_there() -> None:
    """Else it is refused; both are final."""
    room = stocked()
    room.take(place("r-1", 6, expires_at=SOON), place("r-2", 4, hold_id="b", expires_at=SOON))
    room.take(now=SOON)
    room.take(make(OrderPlaced, event_id="o", order_id="other", quantity=5), now=SOON)
    assert told(answer(room, confirm("r-3"), SOON)) == (False, "EXPIRED", "HOLD_EXPIRED", 6)
    assert told(answer(room, confirm("r-4", hold_id="b"), SOON)) == (True, "CONFIRMED", None, 4)
    assert figures(room) == (10, 9, 0)
    assert told(answer(room, release("r-5"), SOON)) == (True, "EXPIRED", None, 6)
    assert told(answer(room, place("r-6", 1), SOON)) == (False, "EXPIRED", "HOLD_EXPIRED", 6)


@pytest.mark.parametrize(
    ("expires_at", "reason"),
    [(NOW, "HOLD_EXPIRED"), (NOW + DAY_MS + 1, "INVALID_TIME"), (NOW + DAY_MS, None)],
)
def test_expiry_lies_ahead_but_not_too_far(expires_at: int, reason: str | None) -> None:
    """At most ONHAND_HOLD_MAXIMUM_HOURS, a day by default."""
    assert answer(stocked(), place("r-1", 1, expires_at=expires_at))["reason"] == reason


@pytest.mark.parametrize(
    "last",
    [confirm("r-2"), release("r-2"), place("r-2", 99, hold_id="big", expires_at=SOON)],
    ids=["confirmed", "released", "refused"],
)
def test_ended_hold_is_forgotten_after_a_day(last: Request) -> None:
    """Then its table record is gone, its id is free, and who asks again hears that it is unknown."""
    room = stocked()
    room.take(place("r-1", 2), last)
    key = f"{SKU}\x1f{last.hold_id}".encode()
    assert [one for one in room.take(now=NOW + DAY_MS - 1).of(HOLDS) if one.key == key] == []
    (gone,) = [one for one in room.take(now=NOW + DAY_MS).of(HOLDS) if one.key == key]
    assert gone.value is None
    assert told(answer(room, last, NOW + DAY_MS)) == (False, "REJECTED", "HOLD_UNKNOWN", 0)
    held_before = figures(room)[2]
    assert answer(room, place("r-3", 1, hold_id=last.hold_id, expires_at=NOW + DAY_MS + 9), NOW + DAY_MS)[
        "accepted"
    ]
    assert figures(room)[2] == held_before + 1


# Cost ----------------------------------------------------------------------------------------------------


def test_a_further_hold_reads_no_other_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many the SKU has: it looks at its own record, and at the index of those whose time has come."""
    room = stocked(store=5_000)
    room.take(*(place(f"r-{n}", 1, hold_id=f"h-{n}") for n in range(3_000)))
    asked: list[bytes] = []
    table = room.agent.tables[[one.topic for one in room.agent.tables].index(HOLDS)]
    get = table.get

    def watched(partition: int, key: bytes) -> Any:
        asked.append(key)
        return get(partition, key)

    monkeypatch.setattr(table, "get", watched)
    room.take(place("further", 1, hold_id="further"), make(OrderPlaced, hold_id="further"))
    room.take(make(StockAdjusted, event_id="a", quantity=-1))
    assert set(asked) == {f"{SKU}\x1ffurther".encode()}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity": 0}, "INVALID_QUANTITY"),
        ({"quantity": -1}, "INVALID_QUANTITY"),
        ({"hold_id": ""}, "INVALID_IDENTITY"),
        ({"owner": "x" * 513}, "INVALID_IDENTITY"),
        ({"location_id": ""}, "INVALID_IDENTITY"),
        ({"occurred_at": NOW + 6 * MINUTE_MS}, "FUTURE_EVENT"),
        ({"expires_at": 5}, "INVALID_TIME"),
    ],
)
def test_senseless_request_is_a_dead_letter(fields: dict[str, Any], reason: str) -> None:
    """With the reason, as every input; nothing is held."""
    room = stocked()
    harvest = room.take(place("r-1")._replace(**fields))
    (letter,) = harvest.of("stock-reservations-dlq")
    assert letter.header("__streams.errors.exception") == reason
    assert figures(room) == (10, 0, 0)
