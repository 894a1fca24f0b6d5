"""Holds in the state machine: requests and orders that name them, each answer held against the plain model."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.agents import holds_model
from tests.agents.holds_model import Told
from tests.agents.rules_model import Sku
from tests.agents.stockroom import Harvest, Stockroom

MINUTE_MS = 60_000
SKUS = ("SKU-1", "SKU-2")
LOCATIONS = ("store", "warehouse")
HORIZON_DAYS = 3

skus, places = st.sampled_from(SKUS), st.sampled_from(LOCATIONS)
holds, orders = st.sampled_from(("h1", "h2", "h3")), st.sampled_from(("1", "2"))
rarely = st.sampled_from((False, False, False, False, True))


def owner_of(hold_id: str, stranger: bool) -> str:
    """Who a hold belongs to, or somebody else."""
    return "bob" if stranger else f"owner of {hold_id}"


def has_holds(machine: Any) -> bool:
    """Tell whether there is any hold to ask about."""
    return any(model.holds for model in machine.model.values())


class HoldRules(RuleBasedStateMachine):
    """What a machine with holds can do besides; it has a room, a model by SKU, a clock and these methods."""

    now: int
    days_passed: int
    room: Stockroom
    model: dict[str, Sku]
    sent: list[tuple[str, dict[str, Any], str]]

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, dict[str, Any], Told, int]] = []

    def envelope(self, sku: str, place: str | None, quantity: int, minutes: int) -> dict[str, Any]:
        """The first seven fields of a new event."""
        raise NotImplementedError

    def send(self, record: str, event: dict[str, Any]) -> Harvest:
        """Send one event as a batch of its own."""
        raise NotImplementedError

    def rows_of(self, harvest: Harvest, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The ledger's rows of one event."""
        raise NotImplementedError

    def a_hold(self, data: st.DataObject) -> tuple[str, str]:
        """One of the holds that are known: SKU and hold_id."""
        known = [(sku, hold_id) for sku in SKUS for hold_id in sorted(self.model[sku].holds)]
        return data.draw(st.sampled_from(known))

    def holds_end(self) -> None:
        """Know in the model that time has passed."""
        for model in self.model.values():
            holds_model.pass_time(model, self.now)

    def ask(self, record: str, event: dict[str, Any], expected: Told, outcomes: set[str]) -> None:
        """Send a request: the answer and the ledger's row are those of the model."""
        harvest = self.send(record, event)
        assert answer_of(harvest, event) == expected
        (row,) = self.rows_of(harvest, event)
        assert row["outcome"] in outcomes
        assert row["reason"] == expected.reason
        self.sent.append((record, event, row["outcome"]))
        self.asked.append((record, event, expected, self.days_passed))

    @precondition(lambda self: any(model.known for model in self.model.values()))
    @rule(
        data=st.data(),
        place=st.none() | places,
        quantity=st.integers(1, 6),
        hold=holds,
        stranger=rarely,
        minutes=st.sampled_from((20, 20, 10, 5, 1, 0)),
    )
    def units_are_held(
        self, data: st.DataObject, place: str | None, quantity: int, hold: str, stranger: bool, minutes: int
    ) -> None:
        sku = data.draw(st.sampled_from([name for name in SKUS if self.model[name].known]))
        event = self.envelope(sku, place, quantity, 0) | {"hold_id": hold, "owner": owner_of(hold, stranger)}
        event |= {"expires_at": self.now + minutes * MINUTE_MS}
        expected = holds_model.place(self.model[sku], event, self.now, LOCATIONS)
        self.ask("PlaceHold", event, expected, {"APPLIED"} if expected.accepted else {"REJECTED"})

    @rule(sku=skus, hold=holds, kind=st.sampled_from(("PlaceHold", "ConfirmHold", "ReleaseHold")))
    def a_request_names_what_nobody_knows(self, sku: str, hold: str, kind: str) -> None:
        """A hold or, once in a while, a SKU that is not there."""
        place = kind == "PlaceHold"
        if place == self.model[sku].known or hold in self.model[sku].holds:
            return
        event = self.envelope(sku, None, 1 if place else 0, 0) | {
            "hold_id": hold,
            "owner": owner_of(hold, stranger=False),
        }
        if kind != "ReleaseHold":
            event |= {"expires_at": self.now} if place else {"order_id": "1"}
        reason = "UNKNOWN_SKU" if place else "HOLD_UNKNOWN"
        self.ask(kind, event, Told(False, "REJECTED", reason, None, 0), {"REJECTED"})

    @precondition(has_holds)
    @rule(data=st.data(), quantity=st.integers(0, 6), order=orders, stranger=rarely)
    def a_hold_is_confirmed(self, data: st.DataObject, quantity: int, order: str, stranger: bool) -> None:
        sku, hold_id = self.a_hold(data)
        model = self.model[sku]
        held = model.holds[hold_id]
        event = self.envelope(sku, None, quantity, 0)
        event |= {"hold_id": hold_id, "owner": owner_of(hold_id, stranger), "order_id": order}
        units = quantity or held.quantity
        placed = {**event, "location_id": held.location_id, "quantity": units, "deliver_at": None}
        late, before = model.covered("OrderPlaced", placed), held.state
        expected = holds_model.confirm(model, event, placed, self.now, HORIZON_DAYS)
        outcome = "REJECTED"
        if expected.accepted:
            outcome = "SUPERSEDED" if before == "CONFIRMED" else "LATE" if late else "APPLIED"
        if outcome in {"LATE", "APPLIED"}:
            model.move("OrderPlaced", placed, self.now)
        self.ask("ConfirmHold", event, expected, {outcome})

    @precondition(has_holds)
    @rule(data=st.data(), stranger=rarely)
    def a_hold_is_released(self, data: st.DataObject, stranger: bool) -> None:
        sku, hold_id = self.a_hold(data)
        event = self.envelope(sku, None, 0, 0) | {"hold_id": hold_id, "owner": owner_of(hold_id, stranger)}
        granted = "APPLIED" if self.model[sku].holds[hold_id].state == "ACTIVE" else "SUPERSEDED"
        expected = holds_model.release(self.model[sku], event, self.now)
        self.ask("ReleaseHold", event, expected, {granted if expected.accepted else "REJECTED"})

    @precondition(has_holds)
    @rule(data=st.data(), place=st.none() | places, quantity=st.integers(1, 6), order=orders)
    def an_order_names_a_hold(
        self, data: st.DataObject, place: str | None, quantity: int, order: str
    ) -> None:
        """At the hold's own place, or at one that is named."""
        sku, hold_id = self.a_hold(data)
        model = self.model[sku]
        hold = model.holds[hold_id]
        event = self.envelope(sku, place or hold.location_id, quantity, 0)
        event |= {"order_id": order, "hold_id": hold_id, "deliver_at": None}
        late = model.covered("OrderPlaced", event)
        reserved = (hold.state, hold.order_id, hold.location_id) == ("CONFIRMED", order, event["location_id"])
        outcome = "REJECTED"
        if reserved and quantity <= hold.quantity:
            outcome = "SUPERSEDED"
            hold.quantity -= quantity
            hold.ended_at = self.now
        elif holds_model.takes(model, hold_id, event, self.now, HORIZON_DAYS):
            outcome = "LATE" if late else "APPLIED"
            if hold.state == "ACTIVE":
                hold.state, hold.quantity, hold.order_id, hold.ended_at = "CONFIRMED", 0, order, self.now
            model.move("OrderPlaced", event, self.now)
        (row,) = self.rows_of(self.send("OrderPlaced", event), event)
        assert row["outcome"] == outcome
        self.sent.append(("OrderPlaced", event, outcome))

    @precondition(lambda self: any(day == self.days_passed for *_, day in self.asked))
    @rule(data=st.data())
    def a_request_comes_again(self, data: st.DataObject) -> None:
        """The original answer, whatever the hold has become since; for as long as holds are remembered."""
        lately = [one for one in self.asked if one[3] == self.days_passed]
        record, event, expected, _ = data.draw(st.sampled_from(lately))
        harvest = self.send(record, event)
        assert answer_of(harvest, event) == expected
        (row,) = self.rows_of(harvest, event)
        assert row["outcome"] == "DUPLICATE"

    def teardown(self) -> None:
        """When their time has come, all holds have ended, and nothing is held."""
        self.room.take(now=self.now + 21 * MINUTE_MS)
        for sku in SKUS:
            for level in (self.room.level(sku) or {"locations": []})["locations"]:
                assert level["held"] == 0


def answer_of(harvest: Harvest, event: dict[str, Any]) -> Told:
    """What a request was answered; there may be news of other holds besides."""
    results = [one.fields() for one in harvest.of("reservation-results")]
    (found,) = [one for one in results if one["request_id"] == event["event_id"]]
    return Told(*(found[name] for name in Told._fields))
