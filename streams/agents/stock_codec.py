"""How the stock agent reads events and writes what comes of them: compiled codecs for each record."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from schemas import RECORDS, schema_id, versions
from streams import topology
from streams.domain.bundle_orders import AskedOrder, BundleOrder
from streams.domain.bundles import ComponentAvailability, ComponentLevel
from streams.domain.catalogue import AttributeOrigin, BundleComponent, Item, ItemDescribed, ItemUnit
from streams.domain.counts import CountInForce
from streams.domain.errors import GiveUp, Reason
from streams.domain.events import STOCK_EVENTS, StockCounted, StockEvent
from streams.domain.lines import WHOLE_ORDER, OpenLine, WaitingEvent, WaitingHeader
from streams.domain.policy import (
    ChannelPolicy,
    LocationGroup,
    LocationPolicy,
    LocationSources,
    StockPolicySet,
)
from streams.domain.stock import ChannelLevel, FutureSupply, Level, Promise, StandingAlert, Stock
from streams.engine.codec import Reader, Writer, string, timestamp, varint
from streams.engine.versions import readers_by_header, writer_of
from streams.engine.wire import HEADER_BYTES, header

LAST_ENVELOPE_FIELD = "occurred_at"
ENVELOPE_FIELDS = 7


def record_readers(
    record: str, build: Callable[..., Any], **nested: Callable[..., Any]
) -> Callable[[bytes], Any]:
    """Return a function that reads a record's values of any version; for our own topics, so it may trust them."""
    readers = readers_by_header(record, build, nested)
    return lambda data: readers[data[:HEADER_BYTES]](data, HEADER_BYTES)


_EVENT_READERS: dict[bytes, Reader] = {
    found: reader
    for event in (*STOCK_EVENTS, StockCounted)
    for found, reader in readers_by_header(event.__name__, event, mark_after=LAST_ENVELOPE_FIELD).items()
}
_RECORDS = {header(version.schema_id): name for name in RECORDS for version in versions(name)}
_EXPECTED = {
    topic.name: frozenset(found for found, name in _RECORDS.items() if name in topic.records)
    for topic in topology.INPUTS
}

_read_policy = record_readers(
    "StockPolicySet",
    StockPolicySet,
    ChannelPolicy=ChannelPolicy,
    LocationPolicy=LocationPolicy,
    LocationGroup=LocationGroup,
    LocationSources=LocationSources,
)
_read_item_described = record_readers(
    "ItemDescribed", ItemDescribed, ItemUnit=ItemUnit, BundleComponent=BundleComponent
)
decode_item: Callable[[bytes], Item] = record_readers(
    "Item", Item, ItemUnit=ItemUnit, BundleComponent=BundleComponent, AttributeOrigin=AttributeOrigin
)
_write_item = writer_of("Item")
_EVENT_WRITERS: dict[type[StockEvent], Writer] = {event: writer_of(event.__name__) for event in STOCK_EVENTS}
LEVEL_HEADER = header(schema_id("StockLevel"))
decode_level: Callable[[bytes], Stock] = record_readers(
    "StockLevel",
    Stock,
    LocationLevel=Level,
    AvailabilityLevel=ChannelLevel,
    FutureSupply=FutureSupply,
    Promise=Promise,
    StandingAlert=StandingAlert,
)
_write_level = writer_of("StockLevel", spliced=1)
decode_line: Callable[[bytes], OpenLine] = record_readers(
    "OpenLine", OpenLine, WaitingEvent=WaitingEvent, WaitingHeader=WaitingHeader
)
_write_line = writer_of("OpenLine")

decode_component_level: Callable[[bytes], ComponentLevel] = record_readers(
    "ComponentLevel", ComponentLevel, ComponentAvailability=ComponentAvailability
)
_write_component_level = writer_of("ComponentLevel")

decode_bundle_order: Callable[[bytes], BundleOrder] = record_readers(
    "BundleOrder", BundleOrder, BundleComponent=BundleComponent, AskedOrder=AskedOrder
)
_write_bundle_order = writer_of("BundleOrder")
write_part_answered = writer_of("BundlePartAnswered")
read_part_answered = record_readers("BundlePartAnswered", lambda *fields: fields)

decode_count: Callable[[bytes], CountInForce] = record_readers("CountInForce", CountInForce)
_write_count = writer_of("CountInForce")

write_movement = writer_of("StockMovement", spliced=ENVELOPE_FIELDS)
write_alert = writer_of("StockAlert")
write_source_heard = writer_of("SourceHeard")
write_source_silence = writer_of("SourceSilence")
read_source_heard = record_readers("SourceHeard", lambda *fields: fields)
read_source_silence = record_readers("SourceSilence", lambda *fields: fields)


def write_envelope(
    event_id: str,
    source_id: str,
    key: bytes,
    location_id: str,
    channel_id: str | None,
    quantity: int,
    occurred_at: int,
) -> bytes:
    """Return the encoded envelope of a ledger row that no event's bytes can be copied for."""
    channel = b"\x00" if channel_id is None else b"\x02" + string(channel_id)
    head = string(event_id) + string(source_id) + encoded_sku(key) + string(location_id)
    return head + channel + varint(quantity) + varint(occurred_at)


def availability_writers(channel_ids: Iterable[str]) -> dict[str, Writer]:
    """
    Return a writer (encoded sku, available_to_sell, encoded rest) for each channel.

    The rest, from availability_rest, is the same for every channel that is told of one change.
    """
    return {
        channel_id: writer_of(
            "ChannelAvailability", spliced=1, trailing=3, constants={"channel_id": channel_id}
        )
        for channel_id in channel_ids
    }


def availability_rest(version: int, occurred_at: int, emitted_at: int) -> bytes:
    """Return the encoded last three fields of a ChannelAvailability."""
    return varint(version) + timestamp(occurred_at) + timestamp(emitted_at)


def read_event(topic: str, data: bytes | None) -> tuple[StockEvent | StockCounted, int]:
    """
    Return the event of an input record, and the index behind its envelope in data.

    Raises GiveUp: UNDECODABLE when the bytes are no record of ours, UNEXPECTED_RECORD when they are one that
    belongs to another topic.
    """
    reader = _EVENT_READERS[known_header(topic, data)]
    try:
        found: tuple[StockEvent | StockCounted, int] = reader(data, HEADER_BYTES)  # type: ignore[arg-type] # known_header refuses None.
    except (ValueError, IndexError) as error:
        raise GiveUp(Reason.UNDECODABLE, decode_failure(data, error)) from None
    return found


def read_policy(topic: str, data: bytes | None) -> StockPolicySet:
    """Return a policy document; raises GiveUp like read_event."""
    known_header(topic, data)
    try:
        policy: StockPolicySet = _read_policy(data)  # type: ignore[arg-type] # known_header refuses None.
    except (ValueError, IndexError) as error:
        raise GiveUp(Reason.UNDECODABLE, decode_failure(data, error)) from None
    return policy


def read_item_described(topic: str, data: bytes | None) -> ItemDescribed:
    """Return a description of an item; raises GiveUp like read_event."""
    known_header(topic, data)
    try:
        described: ItemDescribed = _read_item_described(data)  # type: ignore[arg-type] # known_header refuses None.
    except (ValueError, IndexError) as error:
        raise GiveUp(Reason.UNDECODABLE, decode_failure(data, error)) from None
    return described


def encode_item(item: Item) -> bytes:
    """Return a stock-items-in-force value."""
    return _write_item(*item)


def encode_event(event: StockEvent) -> bytes:
    """Return the value of an event's own record."""
    return _EVENT_WRITERS[type(event)](*event)


def encode_component_level(level: ComponentLevel) -> bytes:
    """Return a stock-component-levels value."""
    return _write_component_level(*level)


def encode_bundle_order(_key: bytes, order: BundleOrder) -> bytes:
    """Return a stock-bundle-orders value."""
    return _write_bundle_order(*order)


def known_header(topic: str, data: bytes | None) -> bytes:
    """Return the header of a record that belongs on a topic; raises GiveUp."""
    if data is None:
        raise GiveUp(Reason.UNDECODABLE, "the value is null; events are never deleted")
    found = data[:HEADER_BYTES]
    if found not in _EXPECTED[topic]:
        if found in _RECORDS:
            raise GiveUp(Reason.UNEXPECTED_RECORD, f"{_RECORDS[found]} does not belong on {topic}")
        raise GiveUp(Reason.UNDECODABLE, _unknown_header(data))
    return found


def _unknown_header(data: bytes) -> str:
    if len(data) < HEADER_BYTES or data[0]:
        return "the value does not begin with a zero byte and a schema id (Confluent wire format)"
    return f"no record has schema id {int.from_bytes(data[1:HEADER_BYTES], 'big')}"


def decode_failure(data: bytes | None, error: Exception) -> str:
    """Say why the bytes of a known record could not be read."""
    record = _RECORDS[(data or b"")[:HEADER_BYTES]]
    why = "the bytes end too early" if isinstance(error, IndexError) else str(error)
    return f"not a {record}: {why}"


def encoded_sku(key: bytes) -> bytes:
    """Return the Avro encoding of a SKU, given as its Kafka key."""
    return varint(len(key)) + key


def encoded_text(text: str) -> bytes:
    """Return the Avro encoding of a text."""
    return string(text)


def encode_level(key: bytes, stock: Stock) -> bytes:
    """Return a stock-levels value."""
    return _write_level(encoded_sku(key), *stock[1:])


def tells_all(channel_ids: Sequence[str]) -> Callable[[bytes], bool]:
    """
    Return a test of encoded stock-levels values: whether they name these channels, all of them and no other.

    Decoding a million of them at each start would take seconds; this looks at how they end, about 1 µs each.
    """
    if not channel_ids:
        return lambda _data: True
    names = [re.escape(varint(len(name.encode())) + name.encode()) for name in sorted(channel_ids)]
    entries = b"".join(name + 2 * _ANY_VARINT for name in names)
    # The last fields: the array's count, its entries and end, occurred_at and updated_at, three empty arrays. A SKU
    # with a future, or of an older version, does not look like that: it is re-evaluated, which changes nothing.
    end = re.escape(varint(len(names))) + entries + b"\\x00" + 2 * _ANY_VARINT + rb"\x00\x00\x00\Z"
    found = re.compile(end, re.DOTALL).search
    return lambda data: data.startswith(LEVEL_HEADER) and found(data) is not None


_ANY_VARINT = rb"[\x80-\xff]*[\x00-\x7f]"


def encode_line(_key: bytes, line: OpenLine) -> bytes:
    """Return a stock-open-lines value."""
    return _write_line(*line)


def encode_count(_key: bytes, count: CountInForce) -> bytes:
    """Return a stock-counts-in-force value."""
    return _write_count(*count)


def count_key(sku: bytes, location_id: str) -> bytes:
    """Return the key of the count in force of a SKU at a location."""
    return _SEPARATOR.join((sku, location_id.encode()))


_SEPARATOR = b"\x1f"  # ASCII's unit separator: no SKU holds a control character.


def line_key(sku: bytes, line: OpenLine) -> bytes:
    """Return the key of an open line; the SKU comes first, so that a SKU's lines can be enumerated."""
    line_id = line.line_id.encode()
    length = b"%d" % len(line_id)  # Ids may hold anything; their length keeps two lines apart.
    return _SEPARATOR.join((sku, line.kind.encode(), length, line_id, line.location_id.encode()))


def sku_of_line(key: bytes) -> bytes:
    """Return the SKU that an open line's key belongs to."""
    return key.partition(_SEPARATOR)[0]


def group_of_line(key: bytes) -> bytes:
    """
    Return the group under which a line is enumerated: its SKU.

    What is remembered of whole orders is no open line: it has a group of its own, which nobody enumerates.
    """
    return _WHOLE_ORDERS if key.endswith(_WHOLE_ORDERS) else sku_of_line(key)


_WHOLE_ORDERS = _SEPARATOR + WHOLE_ORDER.encode()
