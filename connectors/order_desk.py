"""
From statements of an order to events: what is new in one, after what was told before.

Pure. Whoever calls it keeps, by account and order, what was told (`Told`, as JSON if need be), calls it for one
statement of an order at a time, and stores the new `Told` and the events in one transaction: then a redelivered or
stale statement tells nothing, and every order of arrival ends in the same figures. Those are, by SKU and location:
reserved is promised less shipped, and on_hand has lost what was shipped.

    promised and shipped rise together    SaleRecorded: it left before anybody asked for a promise
    promised rises / falls                OrderPlaced / OrderCancelled
    shipped rises                         OrderShipped
    promised and shipped fall together    ReturnReceived: a sale was undone, goods are back on the shelf
    shipped alone falls                   ReturnReceived and OrderPlaced: what was packed is still to be sent
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

from connectors.orders import Item, Order
from connectors.translation import Account, Event
from streams.domain.events import SELLABLE

Rank = tuple[int, int, int, int]
"""Which of two statements of an item is the later: revision, then what can only come later in an order's life."""


class Entry(NamedTuple):
    """What was told of one item last."""

    line_id: str
    rank: Rank
    promised: int
    shipped: int


@dataclass(frozen=True, slots=True)
class Told:
    """All that was told of one order; whole_revision is that of the latest statement of the whole."""

    items: dict[tuple[str, str], Entry] = field(default_factory=dict)
    whole_revision: int = -1

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "whole_revision": self.whole_revision,
            "items": [
                [sku, location_id, entry.line_id, list(entry.rank), entry.promised, entry.shipped]
                for (sku, location_id), entry in sorted(self.items.items())
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what `to_json` was made of."""
        items = {
            (sku, location_id): Entry(line_id, (rank[0], rank[1], rank[2], rank[3]), promised, shipped)
            for sku, location_id, line_id, rank, promised, shipped in value["items"]
        }
        return cls(items, value["whole_revision"])


NOTHING_TOLD = Told()


def tell(account: Account, order: Order, told: Told = NOTHING_TOLD) -> tuple[tuple[Event, ...], Told]:
    """
    Return what a statement adds to what was told, and all that is told then.

    Raises Untranslatable only where the account's own ids are too long for an event.
    """
    events: list[Event] = []
    items = dict(told.items)
    for item in (*order.items, *_dropped(order, told)):
        key = item.sku, item.location_id
        before = items.get(key)
        rank = _rank(order, item)
        if not _is_news(order, rank, before, told):
            continue
        events += _Telling(account, order, item, before, first=not told.items).events()
        line_id = item.line_id if before is None else before.line_id
        items[key] = Entry(line_id, rank, item.promised, item.shipped)
    whole_revision = max(told.whole_revision, order.revision) if order.whole else told.whole_revision
    return tuple(events), replace(told, items=items, whole_revision=whole_revision)


def _rank(order: Order, item: Item) -> Rank:
    """
    Return an item's rank.

    Channels' clocks tick in seconds, and an order is placed, paid and packed within one. So among equal revisions
    that one is later in which more is shipped or cancelled.
    """
    return order.revision, item.shipped + item.cancelled, item.cancelled, item.ordered


def _is_news(order: Order, rank: Rank, before: Entry | None, told: Told) -> bool:
    """Tell whether a statement of an item is later than what was told of it, or of the order as a whole."""
    return order.revision >= told.whole_revision if before is None else rank > before.rank


def _dropped(order: Order, told: Told) -> Iterator[Item]:
    """
    Yield what a statement of the whole leaves out, as nothing of it: what is not in it is no part of the order.

    If some of it was shipped, that is undone, else figures would depend on which statement came first.
    """
    if not order.whole:
        return
    named = {(item.sku, item.location_id) for item in order.items}
    for (sku, location_id), entry in sorted(told.items.items()):
        if (sku, location_id) not in named:
            yield Item(entry.line_id, sku, location_id, ordered=0)


class _Telling:
    """The events of one item's difference."""

    def __init__(
        self, account: Account, order: Order, item: Item, before: Entry | None, *, first: bool
    ) -> None:
        self._account, self._order, self._item = account, order, item
        self._before = before or Entry(item.line_id, (0, 0, 0, 0), 0, 0)
        self._new = before is None
        self._placed_at = order.placed_at if first else order.changed_at
        self._shipped_at = item.shipped_at or order.changed_at

    def events(self) -> Iterator[Event]:
        """Yield them: what goods did first, then what was promised."""
        promised = self._item.promised - self._before.promised
        shipped = self._item.shipped - self._before.shipped
        together = min(promised, shipped) if promised > 0 < shipped else 0
        if promised < 0 > shipped:
            together = max(promised, shipped)
        if together > 0:
            yield self._event("SaleRecorded", "sold", together, self._shipped_at)
        elif together < 0:
            yield self._back("undone", -together)
        yield from self._apart(promised - together, shipped - together)

    def _apart(self, promised: int, shipped: int) -> Iterator[Event]:
        """Yield what is left when promised and shipped no longer move the same way."""
        if shipped < 0:
            yield self._back("unshipped", -shipped)
            promised -= shipped  # What came back is promised again: an order's totals never fall.
        order_id = self._account.order_id(self._order.order_id)
        if promised > 0:
            yield self._event("OrderPlaced", "placed", promised, self._placed_at, order_id=order_id)
        if shipped > 0:
            yield self._event("OrderShipped", "shipped", shipped, self._shipped_at, order_id=order_id)
        if promised < 0:
            yield self._event(
                "OrderCancelled", "cancelled", -promised, self._order.changed_at, order_id=order_id
            )

    def _back(self, what: str, quantity: int) -> Event:
        at = self._order.changed_at
        return self._event("ReturnReceived", what, quantity, at, disposition=SELLABLE)

    def _event(self, record: str, what: str, quantity: int, occurred_at: int, **more: Any) -> Event:
        """Return an event; what changes an item that was told of names the state that it is in then."""
        order, item, before = self._order, self._item, self._before
        event_id = f"order:{order.order_id}:line:{before.line_id}:{what}"
        if not self._new:
            event_id = f"{event_id}:{'.'.join(map(str, _rank(order, item)))}"
        return self._account.event(
            record,
            event_id,
            sku=item.sku,
            location_id=item.location_id,
            quantity=quantity,
            occurred_at=occurred_at,
            where=f"line {before.line_id}",
            **more,
        )
