"""A shop with one SKU: events with everything filled in, any event at random, and a shelf that takes them."""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from streams.domain import fold, lines
from streams.domain.events import STOCK_EVENTS, OrderPlaced, StockAdjusted, StockCounted, StockEvent
from streams.domain.lines import OpenLine
from streams.domain.orders import PLAIN_TERMS, Terms
from streams.domain.stock import Level, Stock

SKU = "SKU-1"
NOW = 1_800_000_000_000
DAY_MS = 86_400_000
LOCATIONS = ("store", "warehouse", "yard")
DISPOSITIONS = ("SELLABLE", "DAMAGED", "QUALITY_CONTROL", "EXPIRED")
PLENTY = 1_000_000  # More than a test's orders ask for together, so that none is refused.

FIELDS: dict[str, Any] = {
    "event_id": "e-1",
    "source_id": "till-1",
    "sku": SKU,
    "location_id": "store",
    "channel_id": None,
    "quantity": 1,
    "occurred_at": NOW,
    "order_id": "order-1",
    "hold_id": None,
    "inbound_id": "inbound-1",
    "eta": NOW + DAY_MS,
    "transfer_id": "transfer-1",
    "to_location_id": "warehouse",
    "from_location_id": "warehouse",
    "deliver_at": None,
    "disposition": "SELLABLE",
    "reason": "FOUND",
    "as_of": NOW,
    "basis": "PHYSICAL",
    "feed_id": None,
    "feed_kind": None,
    "sequence": None,
    "total": None,
}

Event = TypeVar("Event", bound=StockEvent | StockCounted)
LineKey = tuple[str, str, str]


def make(kind: type[Event], **fields: Any) -> Event:
    """An event with these fields; what is not named has a sensible value."""
    return kind(**{name: fields.get(name, FIELDS[name]) for name in kind._fields})


def any_event(*kinds: type[StockEvent]) -> st.SearchStrategy[StockEvent]:
    """Any event of these kinds, all by default, few ids and places so that they meet."""
    return st.sampled_from(kinds or STOCK_EVENTS).flatmap(_any_of)


def _any_of(kind: type[StockEvent]) -> st.SearchStrategy[StockEvent]:
    quantity = st.integers(1, 20)
    values: dict[str, st.SearchStrategy[Any]] = {
        "location_id": st.sampled_from(LOCATIONS),
        "quantity": st.one_of(quantity, st.integers(-20, -1)) if kind is StockAdjusted else quantity,
        "occurred_at": st.integers(NOW - 5, NOW),
        "order_id": st.sampled_from(["order-1", "order-2"]),
        "inbound_id": st.sampled_from(["inbound-1", "inbound-2"]),
        "eta": st.integers(NOW, NOW + 5),
        "transfer_id": st.just("transfer-1"),
        "to_location_id": st.sampled_from(LOCATIONS),
        "disposition": st.sampled_from(DISPOSITIONS),
    }
    wanted = {name: values[name] for name in kind._fields if name in values}
    return st.fixed_dictionaries(wanted).map(lambda fields: make(kind, **fields))


def histories(*kinds: type[StockEvent], max_size: int = 30) -> st.SearchStrategy[list[StockEvent]]:
    """Any list of events, each with an id of its own."""
    return st.lists(any_event(*kinds), max_size=max_size).map(
        lambda events: [renamed(event, f"e-{n}") for n, event in enumerate(events)]
    )


def renamed(event: StockEvent, event_id: str) -> StockEvent:
    """The event under another id."""
    named: StockEvent = event._replace(event_id=event_id)
    return named


def full_stock() -> Stock:
    """Plenty at each location."""
    return Stock(SKU, locations=tuple(Level(location_id, PLENTY) for location_id in sorted(LOCATIONS)))


class Shelf:
    """
    Takes events as the stock agent does: each identity once, a line at a time, settled lines forgotten.

    outcomes are in order of arrival; refused orders are among them.
    """

    def __init__(
        self, stock: Stock | None = None, *, forget_settled: bool = True, terms: Terms = PLAIN_TERMS
    ) -> None:
        self.stock = Stock(SKU) if stock is None else stock
        self.lines: dict[LineKey, OpenLine] = {}
        self.outcomes: list[tuple[StockEvent, fold.Outcome]] = []
        self._forget_settled = forget_settled
        self._terms = terms
        self._seen: set[tuple[str, str]] = set()

    def take(self, *events: StockEvent) -> Shelf:
        """Take events; those taken before count for nothing."""
        for event in events:
            if (event.source_id, event.event_id) not in self._seen:
                self._seen.add((event.source_id, event.event_id))
                self._fold(event)
        return self

    def _fold(self, event: StockEvent) -> None:
        empty = lines.line_of(event)
        line = None if empty is None else self.lines.get(line_key(empty), empty)
        outcome = fold.apply(self.stock, event, line, self._terms)
        self.outcomes.append((event, outcome))
        self.stock = outcome.stock
        if outcome.outcome == fold.APPLIED and outcome.line is not None:
            self.lines[line_key(outcome.line)] = outcome.line
            if self._forget_settled and outcome.line.settled:
                del self.lines[line_key(outcome.line)]

    def owed(self) -> dict[LineKey, int]:
        """Units that each line is open by, below zero when more was closed than opened; settled ones left out."""
        owed = {key: line.opened - line.fulfilled - line.cancelled for key, line in self.lines.items()}
        return {key: units for key, units in owed.items() if units}


def line_key(line: OpenLine) -> LineKey:
    """What tells one line from another."""
    return line.kind, line.line_id, line.location_id


DELTAS = tuple(kind for kind in STOCK_EVENTS if kind is not OrderPlaced)
"""Events that always apply."""
