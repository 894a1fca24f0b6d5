"""What the tests of all translators share: fixtures, samples, events in brief, and figures counted again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.order_desk import Told, tell
from connectors.orders import Order
from connectors.translation import Account, Event, Translation

FIXTURES = Path(__file__).parent / "fixtures"
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"


def fixture(name: str) -> Any:
    """Return a body of the project's own."""
    return json.loads((FIXTURES / name).read_text("utf-8"))


def sample(name: str) -> Any:
    """Return a vendor's published body, or skip where they are not at hand."""
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"{path} is not there: the vendors' samples are not part of the project")
    return json.loads(path.read_text("utf-8"))


def fixtures(channel: str) -> list[Any]:
    """Return all bodies of a channel."""
    return [json.loads(path.read_text("utf-8")) for path in sorted((FIXTURES / channel).glob("*.json"))]


def ms(text: str) -> int:
    """Return a time with its zone as UTC milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


def brief(events: Iterable[Event]) -> list[tuple[str, str, str, str, int]]:
    """Return events as (record, event_id, sku, location_id, quantity)."""
    return [
        (record, value["event_id"], value["sku"], value["location_id"], value["quantity"])
        for record, value in events
    ]


def first_told(account: Account, translation: Translation) -> list[Event]:
    """Return the events of a translation whose orders nobody has heard of."""
    events = [event for order in translation.orders for event in tell(account, order)[0]]
    return [*events, *translation.events]


def reasons(translation: Translation) -> list[str]:
    """Return the refusals as texts."""
    return [str(refusal) for refusal in translation.refusals]


class Shelf:
    """Takes translations one by one as a service would, and counts what is on hand and reserved."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._told: dict[str, Told] = {}
        self._seen: dict[str, Event] = {}
        self.on_hand: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.reserved: defaultdict[tuple[str, str], int] = defaultdict(int)

    def take(self, translation: Translation) -> list[Event]:
        """Apply a translation, and return the events that are new."""
        events = [event for order in translation.orders for event in self.state(order)]
        return events + [event for event in translation.events if self._apply(event)]

    def state(self, order: Order) -> list[Event]:
        """Apply a statement of an order."""
        told = self._told.get(order.order_id, Told())
        events, told = tell(self._account, order, told)
        self._told[order.order_id] = Told.from_json(json.loads(json.dumps(told.to_json())))
        for event in events:
            assert self._apply(event), f"{event[1]['event_id']} was told before"
        return list(events)

    def figures(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (on_hand, reserved) by (sku, location_id), zeros left out."""
        keys = sorted({*self.on_hand, *self.reserved})
        found = {key: (self.on_hand[key], self.reserved[key]) for key in keys}
        return {key: figures for key, figures in found.items() if figures != (0, 0)}

    def _apply(self, event: Event) -> bool:
        """Count an event once; the same id with other content is a mistake of the translator."""
        record, value = event
        known = self._seen.setdefault(value["event_id"], event)
        assert known == event, f"{value['event_id']} has two contents"
        if known is not event:
            return False
        key, quantity = (value["sku"], value["location_id"]), value["quantity"]
        self.on_hand[key] += {"SaleRecorded": -1, "OrderShipped": -1, "ReturnReceived": 1}.get(
            record, 0
        ) * quantity
        self.reserved[key] += {"OrderPlaced": 1, "OrderShipped": -1, "OrderCancelled": -1}.get(
            record, 0
        ) * quantity
        # A negative one would be a shipment or cancellation of what was never promised: it would wait, and be lost.
        assert self.reserved[key] >= 0, f"{value['event_id']} takes more than was promised"
        return True
