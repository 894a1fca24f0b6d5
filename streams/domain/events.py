"""
The events that move stock, past tense and frozen; the fields of each are those of its schema, in order.

Quantities are whole units, times UTC milliseconds. semantics.md, section 3, says what each does.
"""

from typing import NamedTuple


class SaleRecorded(NamedTuple):
    """Goods left over the counter."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int


class OrderPlaced(NamedTuple):
    """A promise to a customer; asks first."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    order_id: str
    hold_id: str | None = None
    deliver_at: int | None = None


class OrderShipped(NamedTuple):
    """Goods of an order left."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    order_id: str


class OrderCancelled(NamedTuple):
    """A promise was withdrawn."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    order_id: str


class ReturnReceived(NamedTuple):
    """Goods came back, in the state that disposition names; with order_id, from that order."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    disposition: str
    order_id: str | None = None


class GoodsReceived(NamedTuple):
    """Goods came in, perhaps of an announced inbound line."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    inbound_id: str | None = None


class InboundAnnounced(NamedTuple):
    """Supply is under way and expected at eta."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    inbound_id: str
    eta: int


class InboundCancelled(NamedTuple):
    """Announced supply will not come."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    inbound_id: str


class TransferShipped(NamedTuple):
    """Goods left location_id for to_location_id."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    transfer_id: str
    to_location_id: str
    eta: int | None = None


class TransferReceived(NamedTuple):
    """Goods of a transfer arrived at location_id."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    transfer_id: str
    from_location_id: str


class StockAdjusted(NamedTuple):
    """A correction by a signed quantity."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    reason: str


class DispositionChanged(NamedTuple):
    """Goods on hand are now in the state that disposition names."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    disposition: str


class StockCounted(NamedTuple):
    """Goods were counted as they were at as_of; with feed_id, as a row of a feed about one location."""

    event_id: str
    source_id: str
    sku: str
    location_id: str
    channel_id: str | None
    quantity: int
    occurred_at: int
    as_of: int
    basis: str
    feed_id: str | None = None
    feed_kind: str | None = None
    sequence: int | None = None
    total: int | None = None


PHYSICAL, NET_OF_ORDERS = "PHYSICAL", "NET_OF_ORDERS"
"""What a count's quantity means: what lies there, or that less the open orders."""

FULL, PARTIAL = "FULL", "PARTIAL"
"""How much a feed covers: everything at its location, or only what it names."""

StockEvent = (
    SaleRecorded
    | OrderPlaced
    | OrderShipped
    | OrderCancelled
    | ReturnReceived
    | GoodsReceived
    | InboundAnnounced
    | InboundCancelled
    | TransferShipped
    | TransferReceived
    | StockAdjusted
    | DispositionChanged
)

STOCK_EVENTS: tuple[type[StockEvent], ...] = (
    SaleRecorded,
    OrderPlaced,
    OrderShipped,
    OrderCancelled,
    ReturnReceived,
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    TransferShipped,
    TransferReceived,
    StockAdjusted,
    DispositionChanged,
)

OWN_SOURCE = "onhand"
"""The source_id of what no source has sent: expired holds, parts of bundles."""

SELLABLE = "SELLABLE"
"""The only disposition in which goods may be sold."""

INTRODUCING_EVENTS: frozenset[type[StockEvent | StockCounted]] = frozenset(
    {
        GoodsReceived,
        InboundAnnounced,
        InboundCancelled,
        TransferShipped,
        TransferReceived,
        StockAdjusted,
        StockCounted,
    }
)
"""Events that make a SKU known to a strict catalogue; the others wait for one of these."""
