"""
EPCIS events to Onhand's: pure.

The business step decides what happened, the disposition in what state; README.md beside this file has the table.
An event's goods are summed by GTIN, one EPC being one unit. Each GTIN's id is the event's and the GTIN, so that a
redelivery is the same, however its units are listed. An event with an error declaration repeats what was wrong:
it becomes the opposite movement, with an id and a name of its own (semantics 7).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from connectors.body import Part, Untranslatable
from connectors.epcis import identifiers
from connectors.epcis.corrections import compensation
from connectors.epcis.document import TRANSFORMATION, Amount, EpcisEvent, Goods, event_of, events_of
from connectors.sums import Sums
from connectors.translation import Account, Event, Gathering, Translation, translator

COUNTED_UNITS = frozenset({None, "C62", "EA", "H87", "NAR", "PCE"})
"""UN/ECE Recommendation 20: one, each, piece, number of articles. All others measure."""

UNSELLABLE = {
    "damaged": "DAMAGED",
    "expired": "EXPIRED",
    **dict.fromkeys(
        ("needs_replacement", "non_conformant", "non_sellable_other", "recalled", "unavailable"),
        "QUALITY_CONTROL",
    ),
}
SELLABLE = frozenset({"available", "conformant", "sellable_accessible", "sellable_not_accessible"})
LOST = {"stolen": "STOLEN", "destroyed": "WRITTEN_OFF", "disposed": "WRITTEN_OFF"}
TRANSFERS = ("desadv", "bol")  # Both ends name them, so that what arrives finds what left.


class _Line(NamedTuple):
    """So many units of one GTIN in one event; where is the first place that names them."""

    gtin: str
    units: int
    where: str


class _Context(NamedTuple):
    """What one event's lines share."""

    account: Account
    event: EpcisEvent
    gathering: Gathering

    def here(self, *, outgoing: bool) -> str:
        """Return where stock changes: where goods leave is where they were read, else where they are kept."""
        event = self.event
        sources = [uri for kind, uri in event.sources if kind == "location"] if outgoing else []
        places = [*sources, event.read_point, event.biz_location]
        if not outgoing:
            places.reverse()
        return self._known(places) or self.account.location_of(
            next((uri for uri in places if uri), None), self.event.part.where("bizLocation")
        )

    def there(self, parties: tuple[tuple[str | None, str], ...]) -> str | None:
        """Return the account's location among sources or destinations, None if it is somebody else's."""
        return self._known([uri for kind, uri in parties if kind == "location"])

    def _known(self, places: list[str | None]) -> str | None:
        """Return the first place that is one of the account's locations."""
        for uri in places:
            if uri and (found := identifiers.place(self.account, uri, self.event.part.where("bizLocation"))):
                return found
        return None

    def make(
        self, record: str, line: _Line, suffix: str, location_id: str, *, sign: int = 1, **more: Any
    ) -> Event:
        """Return one event of a line; sign makes an adjustment a loss."""
        sku, pack_size = identifiers.goods(self.account, line.gtin, line.where)
        return self.account.event(
            record,
            f"{self.event.event_id}#{line.gtin}{suffix}",
            sku=sku,
            location_id=location_id,
            quantity=sign * line.units * pack_size,
            occurred_at=self.event.occurred_at,
            where=line.where,
            **more,
        )


_Rule = Callable[[_Context, _Line], Iterator[Event]]


@translator
def translate(account: Account, _topic: str, body: Part) -> Translation:
    """Return the events of an EPCIS document, or of a single event. Never raises."""
    gathering = Gathering()
    seen: dict[tuple[str, bool], Part] = {}
    for where, entry in events_of(body):
        found, refusals = event_of(where, entry)
        gathering.refusals.extend(refusals)
        if found is not None:
            _translate(_Context(account, found, gathering), seen)
    return gathering.result()


def _translate(context: _Context, seen: dict[tuple[str, bool], Part]) -> None:
    """Add what one event says, once: an event may come twice in a document, its id may not stand for two."""
    event, gathering = context.event, context.gathering
    earlier = seen.setdefault((event.event_id, event.is_error), event.part)
    if earlier is not event.part:
        if earlier.value == event.part.value:
            gathering.ignore("an event that comes twice in one document")
        else:
            gathering.refusals.append(
                event.part.refuse("eventID", "stands for another event of this document too")
            )
        return
    if event.kind == TRANSFORMATION:
        _each(context, event.goods, _consumed)
        _each(context, event.outputs, _produced)
        return
    rule = _rule(event)
    if rule is None:
        step = event.biz_step or ("a step of the sender's own" if event.biz_step == "" else "no step")
        gathering.ignore(f"business step moves no stock: {step}")
        return
    _each(context, event.goods, rule)


def _rule(event: EpcisEvent) -> _Rule | None:
    """Return what makes stock events of an event's lines, None if it moves no stock."""
    step, disposition = event.biz_step, event.disposition or ""
    if event.kind == "TransactionEvent" and event.action == "DELETE":
        return None  # Objects are no longer of that transaction; they have not moved.
    if step in _STEPS:
        return _STEPS[step]
    if disposition in LOST and step in {None, "inspecting", "other", "removing"}:
        return _lost
    if disposition in UNSELLABLE and step in {None, "holding", "inspecting", "other", "removing"}:
        return _made_unsellable
    # Only what surely was unsellable becomes sellable: after a repair, or when a return is inspected.
    if disposition in SELLABLE and (
        step == "repairing" or (step == "inspecting" and event.transaction("rma"))
    ):
        return _made_sellable
    return None


def _each(context: _Context, goods: Goods, rule: _Rule) -> None:
    """Add the events of each GTIN, or its compensation; what is wrong with one refuses that one."""
    events: list[Event] = []
    parts = Sums()
    for line in _lines(context, goods, parts):
        try:
            found = list(rule(context, line))
            if context.event.is_error:
                found = [undone for event in found for undone in _undone(context, event, line)]
            events.extend(found)
        except Untranslatable as refusal:
            context.gathering.refusals.append(refusal)
    context.gathering.events.extend(parts.of(events) if rule is _counted else events)


def _undone(context: _Context, event: Event, line: _Line) -> list[Event]:
    compensating = compensation(event)
    if compensating is None:
        context.gathering.ignore("a count that was declared wrong: the next count corrects it")
        return []
    account = context.account
    return [
        account.event(record, value.pop("event_id"), where=line.where, **value)
        for record, value in compensating
    ]


def _lines(context: _Context, goods: Goods, parts: Sums) -> list[_Line]:
    """Return the units of each GTIN, in the order in which they are first named."""
    lines: dict[str, _Line] = {}
    for where, gtin, units in _units(context, goods, parts):
        earlier = lines.get(gtin, _Line(gtin, 0, where))
        lines[gtin] = earlier._replace(units=earlier.units + units)
    return list(lines.values())


def _units(context: _Context, goods: Goods, parts: Sums) -> Iterator[tuple[str, str, int]]:
    """Yield place, GTIN and units of what is countable; an EPC that is listed twice is one thing."""
    counting = context.event.biz_step in COUNTING
    things: dict[str, str] = {}
    for where, uri in goods.epcs:
        things.setdefault(uri, where)
    for uri, where in things.items():
        gtin = _gtin(context, uri, where)
        if gtin is not None:
            yield where, gtin, 1
    for amount in goods.amounts:
        where = amount.part.where("epcClass")
        gtin = _gtin(context, amount.uri, where)
        if gtin is None:
            continue
        try:
            units = _quantity(context, amount)
        except Untranslatable as refusal:
            context.gathering.refusals.append(refusal)
            with suppress(Untranslatable):  # A product that nobody knows has no sum to be wrong.
                parts.incomplete.add(identifiers.goods(context.account, gtin, where).sku)
            continue
        if units is not None and (units or counting):
            yield where, gtin, units


def _gtin(context: _Context, uri: str, where: str) -> str | None:
    """Return a trade item's GTIN; None, with the reason noted, for what is none or is refused."""
    try:
        gtin = identifiers.gtin_of(uri)
    except identifiers.InvalidIdentifier as error:
        context.gathering.refusals.append(Untranslatable(where, str(error)))
        return None
    if gtin is None:
        context.gathering.ignore("identifiers that name no trade item, such as pallets and assets")
    return gtin


def _quantity(context: _Context, amount: Amount) -> int | None:
    """Return a quantity in units; None, with the reason noted, if it is measured or not said."""
    if amount.unit not in COUNTED_UNITS:
        context.gathering.ignore("goods that are measured, not counted in units")
        return None
    if not amount.part.has("quantity"):
        context.gathering.ignore("goods of which the event does not say how many")
        return None
    return amount.part.whole("quantity")


def _received(context: _Context, line: _Line) -> Iterator[Event]:
    """Return, arrival of a transfer, or receipt; then the state of what came, if it can't be sold."""
    event, here = context.event, context.here(outgoing=False)
    if event.disposition == "returned":
        yield context.make("ReturnReceived", line, "", here, disposition=context.account.returned_as)
        return
    origin, transfer_id = context.there(event.sources), event.transaction(*TRANSFERS)
    if origin is not None and origin != here and transfer_id is not None:
        yield context.make(
            "TransferReceived", line, "", here, transfer_id=transfer_id, from_location_id=origin
        )
    else:
        yield context.make("GoodsReceived", line, "", here, inbound_id=event.transaction("desadv", "po"))
    if event.disposition in UNSELLABLE:
        state = UNSELLABLE[event.disposition]
        yield context.make("DispositionChanged", line, "#state", here, disposition=state)


def _shipped(context: _Context, line: _Line) -> Iterator[Event]:
    """Transfer to a place of ours, shipment of an order, or else goods that are gone."""
    event, here = context.event, context.here(outgoing=True)
    target, transfer_id = context.there(event.destinations), event.transaction(*TRANSFERS)
    order_id = event.transaction("po")
    if target is not None and target != here and transfer_id is not None:
        yield context.make("TransferShipped", line, "", here, transfer_id=transfer_id, to_location_id=target)
    elif target is None and order_id is not None:
        yield context.make("OrderShipped", line, "", here, order_id=context.account.order_id(order_id))
    else:
        yield context.make("StockAdjusted", line, "", here, sign=-1, reason="OTHER")


def _not_shipped(context: _Context, line: _Line) -> Iterator[Event]:
    here = context.here(outgoing=True)
    yield context.make("StockAdjusted", line, "", here, reason="CORRECTION")


def _sold(context: _Context, line: _Line) -> Iterator[Event]:
    yield context.make("SaleRecorded", line, "", context.here(outgoing=True))


def _counted(context: _Context, line: _Line) -> Iterator[Event]:
    """Set what is there as of the event; a count that adds or takes away makes no sense."""
    event = context.event
    if event.action != "OBSERVE":
        raise event.part.refuse("action", "a count observes, it does not add or delete")
    sku, pack_size = identifiers.goods(context.account, line.gtin, line.where)
    yield context.account.counted(
        f"{event.event_id}#{line.gtin}",
        sku=sku,
        location_id=context.here(outgoing=False),
        quantity=line.units * pack_size,
        as_of=event.occurred_at,
        basis="PHYSICAL",
        where=line.where,
    )


def _destroyed(context: _Context, line: _Line) -> Iterator[Event]:
    reason = {"damaged": "DAMAGED", "expired": "EXPIRED"}.get(context.event.disposition or "", "WRITTEN_OFF")
    yield context.make("StockAdjusted", line, "", context.here(outgoing=True), sign=-1, reason=reason)


def _lost(context: _Context, line: _Line) -> Iterator[Event]:
    reason = LOST[context.event.disposition or ""]
    yield context.make("StockAdjusted", line, "", context.here(outgoing=True), sign=-1, reason=reason)


def _made_unsellable(context: _Context, line: _Line) -> Iterator[Event]:
    state = UNSELLABLE[context.event.disposition or ""]
    yield context.make("DispositionChanged", line, "", context.here(outgoing=False), disposition=state)


def _made_sellable(context: _Context, line: _Line) -> Iterator[Event]:
    yield context.make("DispositionChanged", line, "", context.here(outgoing=False), disposition="SELLABLE")


def _consumed(context: _Context, line: _Line) -> Iterator[Event]:
    yield context.make("StockAdjusted", line, "#in", context.here(outgoing=True), sign=-1, reason="OTHER")


def _produced(context: _Context, line: _Line) -> Iterator[Event]:
    yield context.make("StockAdjusted", line, "#out", context.here(outgoing=False), reason="OTHER")


COUNTING = frozenset({"cycle_counting", "stock_taking"})
_STEPS: dict[str | None, _Rule] = {
    "receiving": _received,
    "shipping": _shipped,
    "void_shipping": _not_shipped,
    "retail_selling": _sold,
    "dispensing": _sold,
    "destroying": _destroyed,
    **dict.fromkeys(COUNTING, _counted),
}
