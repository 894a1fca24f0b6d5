"""A world in which everything agrees, for tests to break one thing of."""

from __future__ import annotations

from typing import Any

from schemas.wire import encode
from tests.verify.world import NOON, PLAN, World, Written, fact, other_partition

HOUR_MS = 3_600_000
ENDS_AT = 4_102_444_800_000  # 2100-01-01: what holds end is not time while tests run.


def honest_world() -> World:
    """
    Return a world in which everything agrees.

    Policy for every SKU: the web shop holds back 1 unit. APPLE: 10 received, 3 sold (told twice), 2 ordered, an
    order for 9 refused, 1 came back damaged, 1 sold on the wrong partition and forwarded. PEAR: 4 under way from
    depot to store, 3 of them arrived. GRAPE: 10 received; a hold of 3 became 4 and was confirmed as an order for 4, one
    of 2 at the depot moved to the store and ended by itself, one of 1 is active; and one for 9 was refused. LEMON: 20
    counted at ten, 3 sold at noon, 2 at nine (late); a count of an untrusted source changed nothing. Two poison
    records, one event under a used id, and one sale of the unknown PLUM that waits.
    """
    world = World()
    buffer = {"channel_id": "web", "buffer": 1}
    policy = encode(
        "StockPolicySet",
        {"event_id": "p1", "source_id": "desk", "sku": "*", "occurred_at": NOON, "channels": [buffer]},
    )
    world.put(PLAN.policies, "*", policy)
    world.put(PLAN.policies_in_force, "*", policy)
    _apple(world)
    _pear(world)
    _grape(world)
    _lemon(world)
    _set_aside(world)
    return world


def _apple(world: World) -> None:
    world.applied("GoodsReceived", fact("APPLE", "g1", 10), (0, 10), 1)
    sale = fact("APPLE", "s1", 3)
    world.applied("SaleRecorded", sale, (10, 7), 2)
    world.event("SaleRecorded", sale)
    world.row("SaleRecorded", sale, (7, 7), 2, outcome="DUPLICATE")
    world.applied("OrderPlaced", fact("APPLE", "o1", 2, order_id="O-1"), (7, 7), 3, reserved_after=2)
    refused = {"outcome": "REJECTED", "reason": "INSUFFICIENT_STOCK"}
    world.applied("OrderPlaced", fact("APPLE", "o2", 9, order_id="O-2"), (7, 7), 3, **refused)
    world.applied(
        "ReturnReceived", fact("APPLE", "r1", 1, disposition="DAMAGED"), (7, 8), 4, unsellable_after=1
    )
    stray = world.event("SaleRecorded", fact("APPLE", "s2", 1), at=other_partition("APPLE"))
    origin = f"{stray.topic()}-{stray.partition()}-{stray.offset()}".encode()
    world.event("SaleRecorded", fact("APPLE", "s2", 1), headers=[("onhand-forwarded-from", origin)])
    world.row("SaleRecorded", fact("APPLE", "s2", 1), (8, 7), 5)
    for version, units in ((1, 10), (2, 7), (3, 5), (5, 4)):
        world.tell("pos", "APPLE", units, version)
        world.tell("web", "APPLE", units - 1, version)
        if version < 5:
            world.level("APPLE", version, [{"location_id": "store", "on_hand": units}], {})
    figures = {"location_id": "store", "on_hand": 7, "unsellable": 1, "reserved": 2}
    world.level("APPLE", 5, [figures], {"pos": (4, 5), "web": (3, 5)})


def _pear(world: World) -> None:
    shipped = fact("PEAR", "t1", 4, "depot", transfer_id="T-1", to_location_id="store")
    world.applied("TransferShipped", shipped, (0, -4), 1)
    received = fact("PEAR", "t2", 3, "store", transfer_id="T-1", from_location_id="depot")
    world.applied("TransferReceived", received, (0, 3), 2)
    for version, pos, web in ((1, 0, 0), (2, 3, 2)):
        world.tell("pos", "PEAR", pos, version)
        world.tell("web", "PEAR", web, version)
    depot = {"location_id": "depot", "on_hand": -4}
    store = {"location_id": "store", "on_hand": 3, "incoming": 1}
    world.level("PEAR", 2, [depot, store], {"pos": (3, 2), "web": (2, 2)})


def _set_aside(world: World) -> None:
    world.dead(world.put("stock-sales", "APPLE", b"no record at all"), "UNDECODABLE")
    world.dead(world.event("SaleRecorded", fact("APPLE", "s9", -5)), "INVALID_QUANTITY")
    world.dead(world.event("SaleRecorded", fact("APPLE", "s1", 4)), "IDEMPOTENCY_CONFLICT")
    world.wait(world.event("SaleRecorded", fact("PLUM", "s3", 1)))


def asked(
    event_id: str, quantity: int, hold_id: str, location_id: str | None = "store", **more: Any
) -> dict[str, Any]:
    """Return the fields of a request about a hold of GRAPE."""
    request = fact("GRAPE", event_id, quantity, hold_id=hold_id, owner="ann", **more)
    return request | {"location_id": location_id}


def answer(world: World, request: dict[str, Any], version: int, **more: Any) -> Written:
    """Write the answer to a request: granted, and ACTIVE, unless told otherwise."""
    names = ("source_id", "sku", "hold_id", "owner", "location_id", "quantity")
    value = {name: request[name] for name in names} | {"request_id": request["event_id"], "version": version}
    value |= {"accepted": True, "state": "ACTIVE", "reason": None, "expires_at": ENDS_AT}
    value |= {"available_after": 0, "decided_at": NOON + 1_000}
    return world.put(PLAN.results, request["sku"], encode("HoldResult", value | more))


def keep_hold(world: World, hold_id: str, quantity: int, state: str = "ACTIVE") -> Written:
    """Write a hold of GRAPE into the table of holds."""
    hold: dict[str, Any] = {
        "hold_id": hold_id,
        "owner": "ann",
        "source_id": "till-1",
        "channel_id": None,
        "location_id": "store",
    }
    hold |= {"quantity": quantity, "state": state, "placed_at": NOON, "expires_at": ENDS_AT, "ended_at": 0}
    written = world.put(PLAN.holds, "GRAPE", encode("Hold", hold | {"order_id": None, "answers": []}))
    written.key_bytes = f"GRAPE\x1f{hold_id}".encode()
    return written


def _place(world: World, request: dict[str, Any], version: int, held: int, place: str = "store") -> None:
    """Write a granted request to hold units, and its answer; held is what its location holds then."""
    there = {"location_id": place, "reference": request["hold_id"], "held_after": held}
    on_hand = 10 if place == "store" else 2
    world.event("PlaceHold", request | {"expires_at": ENDS_AT})
    world.row("PlaceHold", request | there, (on_hand, on_hand), version, **there)
    answer(world, request | {"location_id": place}, version)


def own_row(
    world: World, kind: str, hold_id: str, quantity: int, version: int, held: int, place: str
) -> None:
    """Write a ledger row of what the agent did of its own to a hold of GRAPE."""
    on_hand = 10 if place == "store" else 2
    value = fact("GRAPE", f"{kind}:{hold_id}", quantity, place, source_id="onhand")
    world.row(kind, value, (on_hand, on_hand), version, reference=hold_id, held_after=held)


def _grape(world: World) -> None:
    world.applied("GoodsReceived", fact("GRAPE", "g1", 10), (0, 10), 1)
    world.applied("GoodsReceived", fact("GRAPE", "g2", 2, "depot"), (0, 2), 2)
    _place(world, asked("h1", 3, "H-1"), 3, 3)
    again = asked("h1", 3, "H-1")
    world.event("PlaceHold", again | {"expires_at": ENDS_AT})
    world.row("PlaceHold", again, (10, 10), 3, outcome="DUPLICATE", reference="H-1")
    answer(world, again, 3)
    _place(world, asked("h2", 4, "H-1", None), 4, 4)
    refused = asked("h3", 9, "H-2")
    world.event("PlaceHold", refused | {"expires_at": ENDS_AT})
    why = {"outcome": "REJECTED", "reason": "INSUFFICIENT_STOCK"}
    world.row("PlaceHold", refused, (10, 10), 4, reference="H-2", **why)
    answer(world, refused, 4, accepted=False, state="REJECTED", reason="INSUFFICIENT_STOCK", quantity=0)
    confirmed = asked("h4", 0, "H-1", None, order_id="O-7")
    world.event("ConfirmHold", confirmed)
    granted = {"location_id": "store", "quantity": 4}
    world.row(
        "ConfirmHold", confirmed | granted, (10, 10), 5, reference="H-1", held_after=0, reserved_after=4
    )
    answer(world, confirmed | granted, 5, state="CONFIRMED")
    _place(world, asked("h5", 2, "H-3", "depot"), 6, 2, "depot")
    own_row(world, "HoldMoved", "H-3", 2, 7, 0, "depot")
    _place(world, asked("h6", 2, "H-3"), 8, 2)
    own_row(world, "HoldExpired", "H-3", 2, 9, 0, "store")
    over = {"accepted": False, "state": "EXPIRED", "reason": "HOLD_EXPIRED"}
    answer(world, asked("h6", 2, "H-3"), 9, **over)
    _place(world, asked("h7", 1, "H-4"), 10, 1)
    for hold_id, quantity, state in (("H-1", 4, "CONFIRMED"), ("H-3", 2, "EXPIRED"), ("H-4", 1, "ACTIVE")):
        keep_hold(world, hold_id, quantity, state)
    store = {"location_id": "store", "on_hand": 10, "reserved": 4, "held": 1}
    depot = {"location_id": "depot", "on_hand": 2}
    for channel, units in (("pos", 7), ("web", 6)):
        world.tell(channel, "GRAPE", units, 10)
    world.level("GRAPE", 10, [depot, store], {"pos": (7, 10), "web": (6, 10)})


def counted(event_id: str, quantity: int, as_of: int, **more: Any) -> dict[str, Any]:
    """Return the fields of a count of LEMON."""
    plain: dict[str, Any] = {
        "as_of": as_of,
        "basis": "PHYSICAL",
        "feed_id": None,
        "feed_kind": None,
        "sequence": None,
        "total": None,
    }
    return fact("LEMON", event_id, quantity, **plain) | more


def _lemon(world: World) -> None:
    ten = NOON - 2 * HOUR_MS
    world.applied("SaleRecorded", fact("LEMON", "l1", 3), (0, -3), 1)
    world.applied("StockCounted", counted("l2", 20, ten), (-3, 17), 2)
    late = fact("LEMON", "l3", 2, occurred_at=ten - HOUR_MS)
    world.applied("SaleRecorded", late, (17, 17), 3, outcome="LATE")
    world.applied("StockCounted", counted("l4", 5, ten - 1), (17, 17), 3, outcome="SUPERSEDED")
    world.applied("StockCounted", counted("l5", 90, NOON, source_id="x"), (17, 17), 3, outcome="NOT_TRUSTED")
    for channel, units in (("pos", 17), ("web", 16)):
        world.tell(channel, "LEMON", units, 2)
    store = {"location_id": "store", "on_hand": 17, "counted_at": ten}
    world.level("LEMON", 3, [store], {"pos": (17, 2), "web": (16, 2)})
