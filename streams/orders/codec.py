"""How the order desk reads statements and keeps what was told."""

from typing import NamedTuple

from connectors.order_desk import Entry, Told
from connectors.orders import Item, Order
from connectors.statements import key_of
from connectors.translation import Account
from streams.engine.codec import Reader
from streams.engine.versions import readers_by_header, writer_of
from streams.engine.wire import HEADER_BYTES


class Statement(NamedTuple):
    """A statement of an order, with as much of its account as its events need."""

    account: Account
    order: Order

    @property
    def key(self) -> bytes:
        """The key that its record must have."""
        return key_of(self.account.account_id, self.order.order_id)


class Kept(NamedTuple):
    """What was told of an order, and when something was told last; UTC milliseconds."""

    told: Told
    touched_at: int


class NoStatement(ValueError):
    """Bytes that are no statement of an order; the message says why."""


def read_statement(data: bytes | None) -> Statement:
    """Return the statement that a record's value is. Raises NoStatement."""
    if data is None:
        raise NoStatement("the value is null; statements are never deleted")
    reader = _STATEMENTS.get(data[:HEADER_BYTES])
    if reader is None:
        raise NoStatement("the value does not begin with a schema id of ChannelOrder (Confluent wire format)")
    try:
        statement: Statement = reader(data, HEADER_BYTES)
    except (ValueError, IndexError) as error:
        why = "the bytes end too early" if isinstance(error, IndexError) else str(error)
        raise NoStatement(f"not a ChannelOrder: {why}") from None
    return statement


def encode_kept(_key: bytes, kept: Kept) -> bytes:
    """Return a channel-orders-told value."""
    items = [
        (sku, location_id, entry.line_id, entry.rank, entry.promised, entry.shipped)
        for (sku, location_id), entry in sorted(kept.told.items.items())
    ]
    return _write_told(kept.told.whole_revision, kept.touched_at, items)


def decode_kept(data: bytes) -> Kept:
    """Return what a channel-orders-told value keeps; it is our own topic, so it may be trusted."""
    kept: Kept = _TOLD[data[:HEADER_BYTES]](data, HEADER_BYTES)
    return kept


def _statement(
    account_id: str,
    source_id: str,
    channel_id: str | None,
    orders_of: str | None,
    order_id: str,
    revision: int,
    placed_at: int,
    changed_at: int,
    whole: bool,  # noqa: FBT001 - the record's fields, in its order.
    items: tuple[Item, ...],
) -> Statement:
    account = Account(account_id, source_id, channel_id, orders_of=orders_of)
    return Statement(account, Order(order_id, revision, placed_at, changed_at, items, whole))


def _kept(
    whole_revision: int,
    touched_at: int,
    items: tuple[tuple[str, str, str, tuple[int, int, int, int], int, int], ...],
) -> Kept:
    told = {
        (sku, location_id): Entry(line_id, rank, promised, shipped)
        for sku, location_id, line_id, rank, promised, shipped in items
    }
    return Kept(Told(told, whole_revision), touched_at)


_STATEMENTS: dict[bytes, Reader] = readers_by_header("ChannelOrder", _statement, {"ChannelOrderItem": Item})
_TOLD: dict[bytes, Reader] = readers_by_header("ChannelOrderTold", _kept)
_write_told = writer_of("ChannelOrderTold")
