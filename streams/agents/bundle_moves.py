"""
Events of bundles: exploded into events of their components (semantics 1, 3 and 9).

The parts are written to the input topics in the transaction that takes the bundle's event: each of them is there
exactly once, whatever fails, and is an event like any other. A fact is done with that, and its ledger row says
EXPLODED. An order asks, so its row is written when it is decided (domain/bundle_orders.py):

    OrderPlaced of a bundle ─> OrderPlaced of each component ─> its owner answers in the same transaction
      ─> all have accepted: row EXPLODED
      ─> one has refused: OrderCancelled of those that had accepted, row REJECTED

A part says by a header which bundle it is for; the answers come back by a topic of their own, keyed by the bundle.
"""

import logging
from collections.abc import Sequence

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.dead_letters import header_text
from streams.agents.items import ItemBook
from streams.agents.movements import MovementDesk, reference_of
from streams.agents.writing import Writing
from streams.domain import bundle_orders, bundles, fold, lines
from streams.domain.bundle_orders import AskedOrder, BundleOrder, OrderEvent
from streams.domain.catalogue import BundleComponent
from streams.domain.errors import EventRefused, GiveUp, Reason
from streams.domain.events import (
    FULL,
    OWN_SOURCE,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    StockCounted,
    StockEvent,
)
from streams.domain.lines import ORDER, OpenLine
from streams.domain.stock import Stock
from streams.engine.log import Headers, Record
from streams.engine.partitioner import partition_for
from streams.engine.seen import Verdict, content_hash, identity_hash
from streams.engine.table import Table
from streams.engine.wire import HEADER_BYTES

logger = logging.getLogger(__name__)

ANSWERS, SALES = topology.BUNDLE_ANSWERS.name, topology.STOCK_SALES.name
PART_OF = "onhand-part-of"
"""The header of a part of an order that says which bundle it is for."""
TAKEN_BACK = "taken-back"
"""Begins the id of what cancels a part: no bundle's own part has one that is like it."""

Event = StockEvent | StockCounted


class BundleDesk:
    """Explodes events of bundles, asks components for orders, answers for components, and decides."""

    def __init__(self, writing: Writing, items: ItemBook, movements: MovementDesk) -> None:
        self._writing = writing
        self._items = items
        self._lines = movements.lines.table
        self.table: Table[BundleOrder] = Table(
            topology.BUNDLE_ORDERS.name, codec.encode_bundle_order, codec.decode_bundle_order
        )
        self.active = False
        """False while there is no bundle and no order for one, so that nothing needs to be asked of an event."""

    def begin(self) -> None:
        """Take the next batch in hand."""
        self.active = bool(self._items.bundles) or len(self.table) > 0

    # The bundle's events ---------------------------------------------------------------------------------

    def concerns(self, partition: int, key: bytes, event: Event) -> bool:
        """
        Return True for an event whose SKU is a bundle, or was one when its order came.

        And not when it belongs to what was opened on the SKU's own shelf, before it became a bundle.
        """
        if self._order_of(partition, key, event) is not None:
            return True
        if key not in self._items.bundles:
            return False
        if isinstance(event, StockCounted):
            return event.feed_kind != FULL  # A row belongs to its feed first.
        line = lines.line_of(event)
        return line is None or self._lines.get(partition, codec.line_key(key, line)) is None

    def parts(self, partition: int, key: bytes, event: Event) -> list[StockEvent]:
        """Return what an event means for components, nothing for one that moves none. Raises GiveUp."""
        if event.source_id == OWN_SOURCE:
            raise GiveUp(Reason.IS_BUNDLE, f"{event.sku!r} is part of a bundle and a bundle itself")
        if isinstance(event, StockCounted):
            return []
        order = self._order_of(partition, key, event)
        components = self._items.bundles[key] if order is None else order.components
        return bundles.explode(event, components, self._writing.batch.now)

    def apply(
        self,
        partition: int,
        key: bytes,
        stock: Stock,
        event: Event,
        envelope: bytes,
        parts: Sequence[StockEvent],
    ) -> str | None:
        """Move the components, or ask them; return the outcome, None for an order that is to be decided yet."""
        if isinstance(event, OrderPlaced | OrderShipped | OrderCancelled):
            self._count(partition, key, event)
        if isinstance(event, OrderPlaced):
            for part in parts:
                self._send(part, [(PART_OF, key)])
            return None
        for part in parts:
            self._send(part)
        if isinstance(event, StockCounted):
            # Nobody can count what lies on no shelf: a channel's figure is made of components, as ours is.
            outcome, reason = fold.NOT_TRUSTED, Reason.IS_BUNDLE
        else:
            outcome, reason = fold.EXPLODED, None
        self._record(partition, key, stock, event, envelope, outcome, reason)
        return outcome

    def repeat(self, partition: int, key: bytes, stock: Stock, event: Event, envelope: bytes) -> str:
        """Write the ledger row of an event that has been taken before."""
        self._record(partition, key, stock, event, envelope, fold.DUPLICATE, None)
        return fold.DUPLICATE

    def _order_of(self, partition: int, key: bytes, event: Event) -> BundleOrder | None:
        if not isinstance(event, OrderPlaced | OrderShipped | OrderCancelled):
            return None
        return self.table.get(partition, _order_key(key, event))

    def _count(self, partition: int, key: bytes, event: OrderEvent) -> None:
        """
        Count an event into its order; a new one is asked of the components that are in it.

        What comes before its order, or without any, leaves no trace: components count it in lines of their own, and
        a source that only ever sends shipments must not fill the table.
        """
        order = self._order_of(partition, key, event)
        if order is None:
            if not isinstance(event, OrderPlaced):
                return
            order = BundleOrder(event.order_id, event.location_id, self._items.bundles[key])
        order = bundle_orders.counted(order, event)
        if isinstance(event, OrderPlaced):
            order = bundle_orders.asking(order, codec.encode_event(event))
        self._put(partition, key, event, order)

    def _put(self, partition: int, key: bytes, event: OrderEvent, order: BundleOrder) -> None:
        self.table.put(partition, _order_key(key, event), None if order.settled else order)

    # The components' answers -----------------------------------------------------------------------------

    def reply(self, record: Record, event: Event, outcome: str) -> None:
        """Answer for a component, if this was its part of an order: in the transaction that has decided it."""
        bundle = header_text(record.headers(), PART_OF)
        if bundle and type(event) is OrderPlaced and outcome != fold.DUPLICATE:
            reason = Reason.INSUFFICIENT_STOCK if outcome == fold.REJECTED else None
            self._answer(bundle, record, reason)

    def refuse(self, record: Record, refusal: EventRefused) -> EventRefused:
        """
        Answer for a component whose part is refused for what it is; return the refusal of the record.

        What may be applicable later is given up, since the bundle's order is decided now. Replayed from the dead
        letters it may be accepted after all: then it is taken back.
        """
        bundle = header_text(record.headers(), PART_OF)
        if not bundle or record.topic() != SALES or record.value() is None:
            return refusal
        self._answer(bundle, record, refusal.reason)
        return GiveUp(refusal.reason, refusal.message)

    def _answer(self, bundle: str, record: Record, reason: Reason | None) -> None:
        key, part = bundle.encode(), record.value()
        right = partition_for(key, self._writing.settings.partitions)
        value = codec.write_part_answered(bundle, reason is None, reason, part)
        self._writing.batch.emit(ANSWERS, right, key, value)

    # The bundle's decision -------------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Take a component's answer; what is none of ours is left alone."""
        data, key, partition = record.value(), record.key() or b"", record.partition()
        try:
            _, accepted, reason, value = codec.read_part_answered(data or b"")
            part, _ = codec.read_event(SALES, value)
        except (KeyError, ValueError, IndexError, GiveUp):
            logger.warning("a record of %s under %r is no answer of a component", ANSWERS, key)
            return
        if not isinstance(part, OrderPlaced) or not self._is_news(partition, part, accepted, data or b""):
            return
        order = self.table.get(partition, _order_key(key, part))
        asked = None if order is None else _question(order, key, part)
        if order is not None and asked is not None:
            self._decide(partition, key, order, asked, bundle_orders.answered(asked, part.sku, reason))
        elif accepted:
            self._take_back(part)

    def _is_news(self, partition: int, part: OrderPlaced, accepted: bool, data: bytes) -> bool:  # noqa: FBT001 - private.
        identity = identity_hash(ANSWERS.encode(), f"{accepted}:{part.event_id}".encode())
        return self._writing.batch.seen.check(partition, identity, content_hash(data)) is Verdict.NEW

    def _decide(
        self, partition: int, key: bytes, order: BundleOrder, before: AskedOrder, after: AskedOrder
    ) -> None:
        """Decide an order when everyone has answered."""
        order = bundle_orders.with_answer(order, before, after)
        event, end = codec.read_event(SALES, after.value)
        assert isinstance(event, OrderPlaced), "nothing else is asked"
        if not after.waiting:
            outcome, reason = fold.EXPLODED, None
            if after.reason is not None:
                outcome, reason = fold.REJECTED, _reason_of(after.reason)
                order = order._replace(units=order.units - event.quantity)
                for part in _parts(event, order.components, after.accepted):
                    self._take_back(part)
            stock = self._writing.levels.get(partition, key) or Stock(event.sku)
            self._record(partition, key, stock, event, after.value[HEADER_BYTES:end], outcome, reason)
            self._writing.outcomes[SALES, outcome] += 1
        self._put(partition, key, event, order)

    def _take_back(self, part: OrderPlaced) -> None:
        """Cancel a part that was accepted, as of when it was asked: together they never were."""
        event_id = f"{TAKEN_BACK}:{part.event_id}"
        self._send(OrderCancelled(event_id, *part[1:7], part.order_id))

    # What is written -------------------------------------------------------------------------------------

    def _send(self, part: StockEvent, headers: Headers | None = None) -> None:
        key = part.sku.encode()
        topic = topology.EVENT_TOPICS[type(part).__name__].name
        right = partition_for(key, self._writing.settings.partitions)
        self._writing.batch.emit(topic, right, key, codec.encode_event(part), headers)

    def _record(
        self,
        partition: int,
        key: bytes,
        stock: Stock,
        event: Event,
        envelope: bytes,
        outcome: str,
        reason: Reason | None,
    ) -> None:
        level = stock.level(event.location_id)
        self._writing.movement(
            partition,
            key,
            envelope,
            type(event).__name__,
            outcome,
            reason,
            event.occurred_at,
            level,
            level,
            stock.version,
            reference_of(event),
        )


def _reason_of(text: str) -> Reason:
    """Return a component's reason; one that only a newer version of its worker knows means that it has not enough."""
    return next((reason for reason in Reason if reason == text), Reason.INSUFFICIENT_STOCK)


def _order_key(key: bytes, event: OrderEvent) -> bytes:
    return codec.line_key(key, OpenLine(ORDER, event.order_id, event.location_id))


def _parts(
    event: OrderPlaced, components: Sequence[BundleComponent], skus: Sequence[str]
) -> list[OrderPlaced]:
    """Return an order's parts for some of its components."""
    found = bundles.explode(event, [one for one in components if one.sku in skus], event.occurred_at)
    return [part for part in found if isinstance(part, OrderPlaced)]


def _question(order: BundleOrder, key: bytes, part: OrderPlaced) -> AskedOrder | None:
    """Return the question that a part belongs to, None when its component has answered before."""
    for asked in order.asked:
        event, _ = codec.read_event(SALES, asked.value)
        wanted = bundles.part_id(key.decode(), event.source_id, event.event_id, part.sku)
        if wanted == part.event_id and part.sku in asked.waiting:
            return asked
    return None
