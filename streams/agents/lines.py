"""
Lines of orders, deliveries and transfers: what is open of them, and what time does to them (semantics 3 and 10).

A plain open line costs a look-up; those that time will change are in an index besides. What time does without an
event is a row of the ledger if it changes a figure, from the source OWN_SOURCE, and otherwise an alert or a dead
letter:

    OrderFellDue        the day of an order for later has begun: its units are reserved
    OVERDUE_INBOUND     the day of announced supply is over, and not all of it came
    ORDER_UNKNOWN       a cancellation has waited long enough for what it cancels: dead letter
    ORDER_MISSING       goods moved for an order that never came; they are where they are, so a person is told
"""

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.deadlines import Deadlines, Entry
from streams.agents.refusals import Refusals
from streams.agents.writing import Writing
from streams.domain import alerts, fold, lines, returns
from streams.domain.alerts import Alert
from streams.domain.days import MILLISECONDS_PER_DAY, day_of, start_of
from streams.domain.errors import GiveUp, Reason
from streams.domain.events import OWN_SOURCE, OrderCancelled, OrderPlaced, StockEvent
from streams.domain.lines import ORDER, WHOLE_ORDER, OpenLine, WaitingEvent, WaitingHeader
from streams.domain.stock import Stock
from streams.engine.log import Headers, Record
from streams.engine.table import Table

FELL_DUE = "OrderFellDue"
CHANGED_AT_ONCE = 2_000  # Lines that time changes in one batch: about 50 ms, as with holds.


class LineDesk:
    """Keeps what is open of each line, and changes, gives up and forgets lines when their time has come."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._refusals = Refusals(writing)
        self._deadlines = Deadlines()
        self._waits = writing.settings.waiting_days * MILLISECONDS_PER_DAY
        self._remembers = writing.settings.order_memory_days * MILLISECONDS_PER_DAY
        self._with_future: dict[int, set[bytes]] = {}
        self.table: Table[OpenLine] = Table(
            topology.OPEN_LINES.name, codec.encode_line, codec.decode_line, codec.group_of_line
        )
        self.pending = False

    def assigned(self, partition: int) -> None:
        """Find out what time will do to the lines of a restored partition."""
        entries: dict[bytes, list[Entry]] = {}
        with_future = self._with_future[partition] = set()
        for key, encoded in self.table.encoded(partition):
            line, sku = codec.decode_line(encoded), codec.sku_of_line(key)
            if line.future is not None:
                with_future.add(sku)
            if (due_at := self._due_at(line)) is not None:
                entries.setdefault(sku, []).append((due_at, key))
        self._deadlines.fill(partition, entries)

    def revoked(self, partition: int) -> None:
        """Forget a partition."""
        self._deadlines.drop(partition)
        self._with_future.pop(partition, None)

    def with_future(self, partition: int) -> set[bytes]:
        """Return the SKUs that may have a future: more than have one, until they are looked at again."""
        return self._with_future[partition]

    def looked_at(self, partition: int, key: bytes) -> None:
        """Know that a SKU has been evaluated and the batch has committed: it may have no future any more."""
        known = self._with_future.get(partition)
        if known is not None and key in known:
            stock = self._writing.levels.committed(partition, key)
            if stock is None or not stock.future:
                known.discard(key)

    def of(self, partition: int, key: bytes) -> list[OpenLine]:
        """Return a SKU's lines: work for as many of them as there are."""
        return self.table.group(partition, key)

    # Events ----------------------------------------------------------------------------------------------

    def changed(
        self,
        partition: int,
        key: bytes,
        line_key: bytes,
        event: StockEvent,
        before: OpenLine,
        outcome: fold.Outcome,
        record: Record | None,
    ) -> None:
        """Keep a line, under its key, as an event has left it; record is the event's, which may have to wait."""
        line, stock = outcome.line, outcome.stock
        assert line is not None, "the event belongs to a line"
        whole = self._whole(partition, key, line.line_id) if type(event) in _MAY_SHOW_RETURNS else None
        returned = self._over_returned(partition, key, stock, whole)
        if record is not None and line.is_unopened and lines.is_withdrawal(event):
            line = self._wait(key, line, record, event.quantity)
        if line.settled:
            self._close(partition, key, line_key, line)
        else:
            self._put(partition, key, line_key, line)
        self._raise(partition, key, stock, line, alerts.over_shipment(before, line, event))
        self._raise(partition, key, stock, line, alerts.overdue_resolved(before, line))
        if whole is not None:
            self._tell_returned(partition, key, stock, event.location_id, line.line_id, returned)

    def came_back(
        self, partition: int, key: bytes, stock: Stock, location_id: str, order_id: str, quantity: int
    ) -> None:
        """Count what came back of an order, wherever it left."""
        if not self._remembers:
            return
        whole = self._whole(partition, key, order_id) or returns.whole_order(order_id)
        before = self._over_returned(partition, key, stock, whole)
        self._put(partition, key, codec.line_key(key, whole), returns.with_return(whole, quantity))
        self._tell_returned(partition, key, stock, location_id, order_id, before)

    def _wait(self, key: bytes, line: OpenLine, record: Record, quantity: int) -> OpenLine:
        """Return a line with a cancellation that waits on it as it came."""
        line, given_up = lines.with_waiting(line, _waiting(record, quantity))
        for event in given_up:
            self._give_up_waiting(
                key, line, event, "has not come yet, and more waits for it than can be kept"
            )
        return line

    def _give_up_waiting(self, key: bytes, line: OpenLine, event: WaitingEvent, why: str) -> None:
        message = f"{line.kind.lower()} {line.line_id!r} at {line.location_id!r} {why}"
        self._refusals.refuse(_Waited(key, event), GiveUp(Reason.ORDER_UNKNOWN, message))

    def _close(self, partition: int, key: bytes, line_key: bytes, line: OpenLine) -> None:
        """Forget a line; what left with it is remembered of its order as a whole."""
        self.table.put(partition, line_key, None)
        if line.kind == ORDER and self._remembers:
            whole = self._whole(partition, key, line.line_id)
            if line.fulfilled or whole is not None:
                whole = whole or returns.whole_order(line.line_id)
                self._put(partition, key, codec.line_key(key, whole), returns.with_closed(whole, line))

    def _whole(self, partition: int, key: bytes, order_id: str) -> OpenLine | None:
        """Return what is remembered of an order as a whole."""
        return self.table.get(partition, codec.line_key(key, returns.whole_order(order_id)))

    def _over_returned(self, partition: int, key: bytes, stock: Stock, whole: OpenLine | None) -> int:
        """Return the units of an order that came back beyond those that left; its open lines are asked last."""
        if whole is None or whole.returned <= whole.fulfilled:
            return 0
        # By the SKU's locations: they are far fewer than its open lines may be.
        found = (
            self.table.get(partition, codec.line_key(key, whole._replace(location_id=level.location_id)))
            for level in stock.locations
        )
        return returns.over_returned(whole, [line for line in found if line is not None])

    def _tell_returned(
        self, partition: int, key: bytes, stock: Stock, location_id: str, order_id: str, before: int
    ) -> None:
        whole = self._whole(partition, key, order_id)
        units = self._over_returned(partition, key, stock, whole)
        if (alert := alerts.over_return(location_id, order_id, before, units)) is not None:
            self._writing.alert(partition, key, stock, alert)

    def _put(self, partition: int, key: bytes, line_key: bytes, line: OpenLine) -> None:
        line = line._replace(touched_at=self._writing.batch.now)
        self.table.put(partition, line_key, line)
        if line.future is not None:
            self._with_future[partition].add(key)
        if (due_at := self._due_at(line)) is not None:
            self._deadlines.add(partition, key, line_key, due_at)

    # Time ------------------------------------------------------------------------------------------------

    def pass_time(self) -> None:
        """Change the lines whose time has come, some in each batch; `pending` says that more wait."""
        now = self._writing.batch.now
        self._deadlines.begin()
        for due in self._deadlines.take(now, CHANGED_AT_ONCE):
            self._fall_due(due.partition, due.sku, due.key)
        self.pending = self._deadlines.due(now)

    def committed(self) -> None:
        """Know that the batch has committed."""
        self._deadlines.committed()

    def settle(self, partition: int, key: bytes) -> bool:
        """Change every line of a SKU whose time has come, before any of it is promised; tell if there were any."""
        found = self._deadlines.take_of(partition, key, self._writing.batch.now)
        for line_key in found:
            self._fall_due(partition, key, line_key)
        return bool(found)

    def _due_at(self, line: OpenLine) -> int | None:
        return lines.due_at(line, self._waits, self._remembers)

    def _fall_due(self, partition: int, key: bytes, line_key: bytes) -> None:
        line = self.table.get(partition, line_key)
        due_at = None if line is None else self._due_at(line)
        if line is None or due_at is None or due_at > self._writing.batch.now:
            return  # It has changed since its time was noted, and its new time, if any, is noted too.
        if line.location_id == WHOLE_ORDER:
            self.table.put(partition, line_key, None)
        elif not line.open:
            self._give_up(partition, key, line_key, line)
        elif line.deliver_at is not None:
            self._deliver(partition, key, line_key, line, line.deliver_at)
        else:
            self._raise(partition, key, self._stock(partition, key), line, alerts.overdue(line))
            self._put(partition, key, line_key, line._replace(overdue_told=True))

    def _give_up(self, partition: int, key: bytes, line_key: bytes, line: OpenLine) -> None:
        """End a line that adds to no figure, and never will unless what it lacks comes after all this time."""
        if not line.touched_at:
            self._put(
                partition, key, line_key, line
            )  # Written before lines said when they were: its time begins now.
            return
        why = f"has not come within {self._writing.settings.waiting_days} days"
        for event in line.waiting:
            self._give_up_waiting(key, line, event, why)
        self._raise(partition, key, self._stock(partition, key), line, alerts.order_missing(line))
        self._close(partition, key, line_key, line)

    def _deliver(self, partition: int, key: bytes, line_key: bytes, line: OpenLine, deliver_at: int) -> None:
        """Reserve the units of an order whose day has begun."""
        found = fold.deliver_now(self._stock(partition, key), line)
        assert found.line is not None, "the line was handed over"
        self._writing.levels.put(partition, key, found.stock)
        self._put(partition, key, line_key, found.line)
        place, day = line.location_id, day_of(deliver_at)
        event_id = f"{FELL_DUE}:{found.stock.sku}:{line.line_id}:{place}:{day}"
        occurred_at = start_of(day)
        envelope = codec.write_envelope(event_id, OWN_SOURCE, key, place, None, line.open, occurred_at)
        self._writing.movement(
            partition,
            key,
            envelope,
            FELL_DUE,
            fold.APPLIED,
            None,
            occurred_at,
            found.before,
            found.after,
            found.stock.version,
            line.line_id,
        )

    def _stock(self, partition: int, key: bytes) -> Stock:
        stock = self._writing.levels.get(partition, key)
        assert stock is not None, "a line has a SKU"
        return stock

    def _raise(self, partition: int, key: bytes, stock: Stock, line: OpenLine, alert: Alert | None) -> None:
        """Raise an alert about a line, if there is one; several lines may have one at the same version."""
        if alert is not None:
            self._writing.alert(partition, key, stock, alert, f"{line.kind}/{line.line_id}")


_MAY_SHOW_RETURNS = frozenset({OrderPlaced, OrderCancelled})
"""What else may show that more came back than left: an order that is heard of at last, or will not be shipped."""


def _waiting(record: Record, quantity: int) -> WaitingEvent:
    value = record.value()
    assert value is not None, "an event has a value"
    headers = tuple(WaitingHeader(name, content or b"") for name, content in record.headers() or ())
    return WaitingEvent(record.topic(), record.partition(), record.offset(), value, quantity, headers)


class _Waited:
    """A record that has waited, as it was read."""

    def __init__(self, key: bytes, event: WaitingEvent) -> None:
        self._key = key
        self._event = event

    def topic(self) -> str:
        return self._event.topic

    def partition(self) -> int:
        return self._event.partition

    def offset(self) -> int:
        return self._event.offset

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._event.value

    def headers(self) -> Headers:
        return [(header.name, header.value) for header in self._event.headers]

    def timestamp(self) -> tuple[int, int]:
        return 0, 0
