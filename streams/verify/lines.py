"""
Lines: what is open of orders, announced deliveries and transfers (semantics 3 and 10), from a list of their events.

A line's events are replayed in the order of their ledger rows. What closes more than was opened waits for the
opening, so nothing is ever open below zero; a line of which all has been closed begins anew.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

DAY_MS = 86_400_000


class _LineRule(NamedTuple):
    """How an event concerns a line: its kind, where its id and place stand, and whether it opens or closes."""

    kind: str
    id_field: str
    location_field: str
    sign: int


ORDER, INBOUND, TRANSFER = "ORDER", "INBOUND", "TRANSFER"
_LINE_RULES = {
    "OrderPlaced": _LineRule(ORDER, "order_id", "location_id", 1),
    "ConfirmHold": _LineRule(ORDER, "order_id", "location_id", 1),
    "OrderShipped": _LineRule(ORDER, "order_id", "location_id", -1),
    "OrderCancelled": _LineRule(ORDER, "order_id", "location_id", -1),
    "InboundAnnounced": _LineRule(INBOUND, "inbound_id", "location_id", 1),
    "InboundCancelled": _LineRule(INBOUND, "inbound_id", "location_id", -1),
    "GoodsReceived": _LineRule(INBOUND, "inbound_id", "location_id", -1),
    "TransferShipped": _LineRule(TRANSFER, "transfer_id", "to_location_id", 1),
    "TransferReceived": _LineRule(TRANSFER, "transfer_id", "location_id", -1),
}

_Key = tuple[str, str, str, str]


class _Step(NamedTuple):
    """
    One event of a line, or the day that it was for, when units are 0.

    opening is None for one that closes, else when it happened and its eta or day.
    """

    number: int
    units: int
    opening: tuple[int, int, int] | None


class Line(NamedTuple):
    """What is open of a line; eta and deliver_at are 0 without a day."""

    sku: str
    kind: str
    location_id: str
    open: int = 0
    eta: int = 0
    deliver_at: int = 0

    @property
    def reserved(self) -> int:
        """Units that it adds to reserved: none when it is for a later day."""
        return self.open if self.kind == ORDER and not self.deliver_at else 0

    @property
    def incoming(self) -> int:
        """Units that it adds to incoming."""
        return 0 if self.kind == ORDER else self.open

    @property
    def day(self) -> int:
        """The UTC day that it is for, in days since 1970; 0 when it says nothing of a day."""
        return (self.deliver_at or self.eta) // DAY_MS


class Lines:
    """
    All lines of one partition.

    recorded_at says when each row of the ledger was written, waits_ms after how long a line is forgotten that waits
    for what opens it.
    """

    def __init__(self, recorded_at: Sequence[int] = (), waits_ms: int = 0) -> None:
        self._recorded_at = recorded_at
        self._waits_ms = waits_ms
        self._steps: dict[_Key, list[_Step]] = {}
        self.changes: dict[int, int] = {}
        """By the number of a ledger row: by how much it changes reserved, once replayed."""
        self.later: set[int] = set()
        """Numbers of rows of orders of which some part was for a later day."""

    def add(self, record: str, value: dict[str, Any], number: int) -> None:
        """Take an event, if it belongs to a line."""
        rule = _LINE_RULES.get(record)
        if rule is None or value[rule.id_field] is None:
            return
        opening = None
        if rule.sign > 0:
            opening = (value["occurred_at"], value.get("eta") or 0, value.get("deliver_at") or 0)
        key = (value["sku"], rule.kind, value[rule.id_field], value[rule.location_field])
        self._steps.setdefault(key, []).append(_Step(number, rule.sign * value["quantity"], opening))

    def fall_due(self, sku: str, order_id: str, location_id: str, number: int) -> None:
        """Take a ledger row that says that an order's day has come."""
        self._steps.setdefault((sku, ORDER, order_id, location_id), []).append(_Step(number, 0, None))

    def is_later(self, order: dict[str, Any]) -> bool:
        """Tell whether an OrderPlaced, or another one of its order, is for a later day."""
        key = (order["sku"], ORDER, order["order_id"], order["location_id"])
        return order["deliver_at"] is not None or _has_a_day(self._steps.get(key, []))

    def replayed(self) -> Iterator[Line]:
        """Yield every line of which something is open."""
        for (sku, kind, _, location_id), steps in self._steps.items():
            steps.sort(key=attrgetter("number"))
            if _has_a_day(steps):
                self.later.update(step.number for step in steps)
            line = self._replay(Line(sku, kind, location_id), steps)
            if line.open:
                yield line

    def _replay(self, line: Line, steps: list[_Step]) -> Line:
        balance, latest, touched_at = 0, (0, 0, 0), 0
        for step in steps:
            now = self._time_of(step.number)
            if balance < 0 and now >= touched_at + self._waits_ms > 0:
                balance, latest = 0, (0, 0, 0)
            balance, touched_at = balance + step.units, now
            if step.opening is not None:
                latest = max(latest, step.opening)
            if step.units == 0 or (step.opening is not None and latest[2] // DAY_MS <= now // DAY_MS):
                latest = (*latest[:2], 0)
            before = line
            line = line._replace(open=max(0, balance), eta=latest[1], deliver_at=latest[2])
            if line.kind == ORDER:
                self.changes[step.number] = line.reserved - before.reserved
            if not balance:
                latest = (0, 0, 0)
        return line

    def _time_of(self, number: int) -> int:
        return self._recorded_at[number] if number < len(self._recorded_at) else 0


def _has_a_day(steps: list[_Step]) -> bool:
    return any(step.opening is not None and step.opening[2] for step in steps)
