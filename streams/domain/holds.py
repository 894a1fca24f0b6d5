"""
Holds: units promised to a checkout for a while (semantics 4).

    ACTIVE ─┬─> CONFIRMED   its units became an order's reservation
            ├─> RELEASED    given back by its owner
            └─> EXPIRED     ended by itself; a late confirm may still convert it, if the units are there

One way only, and each step once: asking again for what has happened is granted without an effect. An active hold
keeps its promise whatever facts do to its location; only what is asked beyond it must be covered. The fields of
each tuple are those of its schema, in order; quantities are whole units, times UTC milliseconds.

Who calls must have ended, with `expired`, every hold of the SKU whose time has come: a decision about an ACTIVE
hold takes it for one that still counts in held.
"""

from typing import NamedTuple

from streams.domain import fold
from streams.domain.errors import Reason
from streams.domain.events import OrderPlaced
from streams.domain.hold_requests import ConfirmHold, PlaceHold, ReleaseHold, Request
from streams.domain.policy import Plan
from streams.domain.stock import Level, Stock

ACTIVE, CONFIRMED, RELEASED, EXPIRED, REJECTED = "ACTIVE", "CONFIRMED", "RELEASED", "EXPIRED", "REJECTED"

ANSWERS_KEPT = 16  # Of one hold: more requests about it than a checkout makes, and the record stays small.
KEPT_AFTER_END_MILLISECONDS = 24 * 3_600_000  # Longer than any client asks again.
NOWHERE = ""
"""The location of a hold that was refused before one was chosen."""


class HoldAnswer(NamedTuple):
    """What one request was answered."""

    source_id: str
    request_id: str
    accepted: bool
    state: str
    reason: str | None
    location_id: str | None
    quantity: int
    expires_at: int


class Hold(NamedTuple):
    """
    One hold of one SKU, and the newest answers about it.

    quantity is what it holds; once CONFIRMED, what it reserved and no OrderPlaced has named yet. REJECTED is no
    hold at all, only the memory of what was answered.
    """

    hold_id: str
    owner: str
    source_id: str
    channel_id: str | None
    location_id: str
    quantity: int
    state: str
    placed_at: int
    expires_at: int
    ended_at: int
    order_id: str | None
    answers: tuple[HoldAnswer, ...] = ()


class Move(NamedTuple):
    """Units that a hold gives back at the location that it leaves."""

    location_id: str
    quantity: int


class Decision(NamedTuple):
    """
    What becomes of a request.

    outcome is APPLIED, LATE, REJECTED, or SUPERSEDED for one that is granted because it had happened already; stock and
    hold are as they are now. location_id and quantity are those of the ledger row. hold None means that
    nothing is to be remembered. moved says what the hold gave back elsewhere, before the rest.
    """

    outcome: str
    answer: HoldAnswer
    stock: Stock
    hold: Hold | None
    location_id: str
    quantity: int
    moved: Move | None = None


class HoldTerms(NamedTuple):
    """What a request is decided by besides stock: its SKU's plan, how far ahead a hold may end, and the time."""

    plan: Plan
    maximum_milliseconds: int
    now: int


def place(stock: Stock, hold: Hold | None, request: PlaceHold, terms: HoldTerms) -> Decision:
    """Decide about holding units, or about changing a hold: its own units never stand in its way."""
    held = _living(hold)
    if held is not None and held.owner != request.owner:
        return _stranger(stock, request)
    if held is not None and held.state != ACTIVE:
        reason = Reason.HOLD_EXPIRED if held.state == EXPIRED else Reason.HOLD_ENDED
        return _refused(stock, hold, request, reason, terms.now)
    if (wrong := _wrong_expiry(request, terms)) is not None:
        return _refused(stock, hold, request, wrong, terms.now)
    location_id = _place_for(stock, held, request, terms.plan)
    if location_id is None:
        return _refused(stock, hold, request, Reason.INSUFFICIENT_STOCK, terms.now)
    moved = None
    if held is not None and held.location_id != location_id:
        moved = Move(held.location_id, held.quantity)
    placed = Hold(
        request.hold_id,
        request.owner,
        request.source_id if held is None else held.source_id,
        request.channel_id if held is None else held.channel_id,
        location_id,
        request.quantity,
        ACTIVE,
        request.occurred_at if held is None else held.placed_at,
        request.expires_at,
        0,
        None,
        () if hold is None else hold.answers,
    )
    changed = stock if held is None else given_back(stock, held)
    changed = _with_held(changed, location_id, request.quantity)
    granted = _granted(touched(changed, request.occurred_at), placed, request, request.quantity)
    return granted._replace(moved=moved)


def confirm(stock: Stock, hold: Hold | None, request: ConfirmHold, now: int) -> Decision | OrderPlaced:
    """
    Return the order that a hold is to turn into, or what is decided without one.

    Fold the order into the stock without the hold (`given_back`), with what the hold `promised`, and hand the
    outcome to `confirmed`. Confirmed again for the same order: granted.
    """
    held = _living(hold)
    if held is None:
        return _refused(stock, hold, request, Reason.HOLD_UNKNOWN, now)
    if held.owner != request.owner:
        return _stranger(stock, request)
    if held.state == CONFIRMED and held.order_id == request.order_id:
        return _granted_before(stock, held, request)
    if held.state not in {ACTIVE, EXPIRED}:
        return _refused(stock, hold, request, Reason.HOLD_ENDED, now)
    return OrderPlaced(
        request.event_id,
        request.source_id,
        request.sku,
        held.location_id,
        request.channel_id,
        request.quantity or held.quantity,
        request.occurred_at,
        request.order_id,
        request.hold_id,
    )


def confirmed(stock: Stock, hold: Hold, request: ConfirmHold, found: fold.Outcome, now: int) -> Decision:
    """
    Decide by what became of the order that a hold was to turn into; stock is the one before it.

    A hold that had expired competes with everybody again: it converts if what is available covers it.
    """
    if found.outcome == fold.REJECTED:
        reason = Reason.HOLD_EXPIRED if hold.state == EXPIRED else Reason.INSUFFICIENT_STOCK
        return _refused(stock, hold, request, reason, now)
    quantity = request.quantity or hold.quantity
    reserved = ended(hold, CONFIRMED, now)._replace(quantity=quantity, order_id=request.order_id)
    return _granted(found.stock, reserved, request, quantity)._replace(outcome=found.outcome)


def release(stock: Stock, hold: Hold | None, request: ReleaseHold, now: int) -> Decision:
    """Decide about giving a hold's units back; of one that has ended without an order they are back already."""
    held = _living(hold)
    if held is None:
        return _refused(stock, hold, request, Reason.HOLD_UNKNOWN, now)
    if held.owner != request.owner:
        return _stranger(stock, request)
    if held.state == CONFIRMED:
        return _refused(stock, hold, request, Reason.HOLD_ENDED, now)
    if held.state != ACTIVE:
        return _granted_before(stock, held, request)
    changed = touched(given_back(stock, held), request.occurred_at)
    return _granted(changed, ended(held, RELEASED, now), request, held.quantity)


def unknown_sku(stock: Stock, hold: Hold | None, request: PlaceHold, terms: HoldTerms) -> Decision:
    """Refuse to hold units of a SKU that nothing has introduced yet."""
    return _refused(stock, hold, request, Reason.UNKNOWN_SKU, terms.now)


def of_bundle(stock: Stock, hold: Hold | None, request: PlaceHold, terms: HoldTerms) -> Decision:
    """Refuse to hold units of a bundle, which lies on no shelf: its components can be held."""
    return _refused(stock, hold, request, Reason.IS_BUNDLE, terms.now)


def repeated(hold: Hold | None, request: Request) -> HoldAnswer:
    """Return what a request was answered the first time; HOLD_UNKNOWN when that has been forgotten."""
    if hold is not None:
        for answer in hold.answers:
            if (answer.source_id, answer.request_id) == (request.source_id, request.event_id):
                return answer
        if _living(hold) is not None and hold.owner != request.owner:
            return _refusal(request, Reason.NOT_OWNER)
    return _refusal(request, Reason.HOLD_UNKNOWN)


def expired(stock: Stock, hold: Hold, now: int) -> tuple[Stock, Hold]:
    """End a hold by itself: its units are available again."""
    assert hold.state == ACTIVE
    assert hold.expires_at <= now
    return touched(given_back(stock, hold), hold.expires_at), ended(hold, EXPIRED, now)


def forgettable(hold: Hold, now: int) -> bool:
    """Return True when a hold ended so long ago that nobody asks about it any more."""
    return hold.state != ACTIVE and due_at(hold) <= now


def due_at(hold: Hold) -> int:
    """Return when time will change a hold: end it, or let it be forgotten."""
    return hold.expires_at if hold.state == ACTIVE else hold.ended_at + KEPT_AFTER_END_MILLISECONDS


def serves(hold: Hold | None, order: OrderPlaced) -> bool:
    """
    Return True when an order that names a hold takes its units without competing with them.

    Not an ended one, and not one that was placed for another channel.
    """
    if hold is None or hold.state != ACTIVE:
        return False
    return None in {hold.channel_id, order.channel_id} or hold.channel_id == order.channel_id


def reserved_for(hold: Hold | None, order: OrderPlaced) -> bool:
    """Return True when a hold has been confirmed for this very order, so that its units are reserved already."""
    return (
        hold is not None
        and hold.state == CONFIRMED
        and hold.order_id == order.order_id
        and hold.location_id == order.location_id
        and order.quantity <= hold.quantity
    )


def taken(hold: Hold, order: OrderPlaced, now: int) -> Hold:
    """Return a hold after an order took its units, or named those that were reserved for it before."""
    left = hold.quantity - order.quantity if hold.state == CONFIRMED else 0
    return ended(hold, CONFIRMED, now)._replace(order_id=order.order_id, quantity=left)


def promised(hold: Hold, location_id: str) -> int:
    """Return the units that an active hold promises at a location."""
    return hold.quantity if hold.state == ACTIVE and hold.location_id == location_id else 0


def given_back(stock: Stock, hold: Hold) -> Stock:
    """Return the stock without what an active hold holds; of an ended one that has happened already."""
    return _with_held(stock, hold.location_id, -hold.quantity) if hold.state == ACTIVE else stock


def ended(hold: Hold, state: str, now: int) -> Hold:
    """Return a hold that ended now."""
    return hold._replace(state=state, ended_at=now)


# Where --------------------------------------------------------------------------------------------------


def _place_for(stock: Stock, held: Hold | None, request: PlaceHold, plan: Plan) -> str | None:
    """
    Return the location that covers a request: the named one, else where the hold is, else the fullest.

    A hold that moves stays where its own channel sells from, whoever asks for the change.
    """
    named = request.location_id
    if held is not None and named in {None, held.location_id}:
        beyond = request.quantity - held.quantity
        if beyond <= 0 or _covers(stock.level(held.location_id), beyond, plan):
            return held.location_id
    if named is not None:
        return named if _covers(_level_at(stock, named, plan), request.quantity, plan) else None
    allowed = _locations_of(plan, request.channel_id if held is None else held.channel_id)
    found = [level for level in stock.locations if allowed is None or level.location_id in allowed]
    fullest = min(found, key=lambda level: (-level.available, level.location_id), default=None)
    if fullest is None or not _covers(fullest, request.quantity, plan):
        return None
    return fullest.location_id


def _level_at(stock: Stock, location_id: str, plan: Plan) -> Level:
    """Return the level of a location; one that is new to the SKU keeps its safety stock back from the first unit."""
    level = stock.level(location_id)
    is_new = all(known.location_id != location_id for known in stock.locations)
    return level._replace(safety_stock=plan.safety_stock_at(location_id)) if is_new else level


def _covers(level: Level, quantity: int, plan: Plan) -> bool:
    return level.available + plan.backorder_limit >= quantity


def _locations_of(plan: Plan, channel_id: str | None) -> frozenset[str] | None:
    """Return the locations that a channel sells from, None for all."""
    found = (channel for channel in plan.channels if channel.channel_id == channel_id)
    return next((channel.location_ids for channel in found), None)


def _wrong_expiry(request: PlaceHold, terms: HoldTerms) -> Reason | None:
    if request.expires_at <= terms.now:
        return Reason.HOLD_EXPIRED
    if request.expires_at > terms.now + terms.maximum_milliseconds:
        return Reason.INVALID_TIME
    return None


# Figures ------------------------------------------------------------------------------------------------


def _with_held(stock: Stock, location_id: str, change: int) -> Stock:
    level = stock.level(location_id)
    return stock._replace(
        locations=fold.with_level(stock.locations, level._replace(held=level.held + change))
    )


def touched(stock: Stock, occurred_at: int) -> Stock:
    """Return the stock as a new version, caused by something that happened then."""
    return stock._replace(version=stock.version + 1, occurred_at=max(stock.occurred_at, occurred_at))


# Answers ------------------------------------------------------------------------------------------------


def _living(hold: Hold | None) -> Hold | None:
    """Return a hold that was granted once; the memory of refusals is none."""
    return None if hold is None or hold.state == REJECTED else hold


def _answered(hold: Hold, request: Request, reason: Reason | None) -> HoldAnswer:
    return HoldAnswer(
        request.source_id,
        request.event_id,
        reason is None,
        hold.state,
        reason,
        hold.location_id or None,
        hold.quantity,
        hold.expires_at,
    )


def _remembering(hold: Hold, answer: HoldAnswer) -> Hold:
    return hold._replace(answers=(*hold.answers, answer)[-ANSWERS_KEPT:])


def _granted(stock: Stock, hold: Hold, request: Request, quantity: int) -> Decision:
    answer = _answered(hold, request, None)
    return Decision(fold.APPLIED, answer, stock, _remembering(hold, answer), hold.location_id, quantity)


def _granted_before(stock: Stock, hold: Hold, request: Request) -> Decision:
    answer = _answered(hold, request, None)
    remembered = _remembering(hold, answer)
    return Decision(fold.SUPERSEDED, answer, stock, remembered, hold.location_id, request.quantity)


def _refused(stock: Stock, hold: Hold | None, request: Request, reason: Reason, now: int) -> Decision:
    """Refuse a request; the hold stays as it is, and one that never was is remembered as REJECTED."""
    if hold is None or hold.state == REJECTED:
        answers = () if hold is None else hold.answers
        known = _never_was(request, now)._replace(answers=answers)
    else:
        known = hold
    answer = _answered(known, request, reason)
    remembered = _remembering(known, answer)
    return Decision(fold.REJECTED, answer, stock, remembered, known.location_id, request.quantity)


def _never_was(request: Request, now: int) -> Hold:
    place = request.location_id if isinstance(request, PlaceHold) else None
    return Hold(
        request.hold_id,
        request.owner,
        request.source_id,
        request.channel_id,
        place or NOWHERE,
        0,
        REJECTED,
        request.occurred_at,
        getattr(request, "expires_at", request.occurred_at),
        now,
        None,
    )


def _stranger(stock: Stock, request: Request) -> Decision:
    """Refuse somebody else, who learns nothing of the hold; its own answers are not pushed out by that."""
    answer = _refusal(request, Reason.NOT_OWNER)
    return Decision(fold.REJECTED, answer, stock, None, NOWHERE, request.quantity)


def _refusal(request: Request, reason: Reason) -> HoldAnswer:
    expires_at = getattr(request, "expires_at", request.occurred_at)
    return HoldAnswer(request.source_id, request.event_id, False, REJECTED, reason, None, 0, expires_at)
