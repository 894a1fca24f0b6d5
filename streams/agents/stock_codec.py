"""How the stock agent reads events and writes what comes of them: compiled codecs for each record."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from schemas import RECORDS, load, schema_id
from streams import topology
from streams.domain.errors import GiveUp, Reason
from streams.domain.events import STOCK_EVENTS, StockEvent
from streams.domain.lines import OpenLine
from streams.domain.policy import ChannelPolicy, LocationPolicy, StockPolicySet
from streams.domain.stock import ChannelLevel, Level, Stock
from streams.engine.codec import Reader, Writer, compile_reader, compile_writer, varint
from streams.engine.wire import HEADER_BYTES, header

LAST_ENVELOPE_FIELD = "occurred_at"
ENVELOPE_FIELDS = 7


def _reader(record: str, build: Callable[..., Any], **nested: Callable[..., Any]) -> Reader:
    return compile_reader(load(record), {record: build, **nested})


def _writer(record: str, **options: Any) -> Writer:
    return compile_writer(load(record), header(schema_id(record)), **options)


def _event_reader(event: type[StockEvent]) -> Reader:
    record = event.__name__
    return compile_reader(load(record), {record: event}, mark_after=LAST_ENVELOPE_FIELD)


_EVENT_READERS = {header(schema_id(event.__name__)): _event_reader(event) for event in STOCK_EVENTS}
_RECORDS = {header(schema_id(name)): name for name in RECORDS}
_EXPECTED = {
    topic.name: frozenset(header(schema_id(record)) for record in topic.records) for topic in topology.INPUTS
}

_read_policy = _reader(
    "StockPolicySet", StockPolicySet, ChannelPolicy=ChannelPolicy, LocationPolicy=LocationPolicy
)
_read_level = _reader("StockLevel", Stock, LocationLevel=Level, AvailabilityLevel=ChannelLevel)
_write_level = _writer("StockLevel", spliced=1)
_read_line = _reader("OpenLine", OpenLine)
_write_line = _writer("OpenLine")

write_movement = _writer("StockMovement", spliced=ENVELOPE_FIELDS)
write_alert = _writer("StockAlert")


def availability_writers(channel_ids: Iterable[str]) -> dict[str, Writer]:
    """
    Return a writer (encoded sku, available_to_sell, encoded rest) for each channel.

    The rest, from availability_rest, is the same for every channel that is told of one change.
    """
    return {
        channel_id: _writer(
            "ChannelAvailability", spliced=1, trailing=3, constants={"channel_id": channel_id}
        )
        for channel_id in channel_ids
    }


def availability_rest(version: int, occurred_at: int, emitted_at: int) -> bytes:
    """Return the encoded last three fields of a ChannelAvailability."""
    return varint(version) + varint(occurred_at) + varint(emitted_at)


def read_event(topic: str, data: bytes | None) -> tuple[StockEvent, int]:
    """
    Return the event of an input record, and the index behind its envelope in data.

    Raises GiveUp: UNDECODABLE when the bytes are no record of ours, UNEXPECTED_RECORD when they are one that
    belongs to another topic.
    """
    reader = _EVENT_READERS.get(_known_header(topic, data))
    assert reader is not None, "policies are read by read_policy"
    try:
        found: tuple[StockEvent, int] = reader(data, HEADER_BYTES)  # type: ignore[arg-type] # _known_header refuses None.
    except (ValueError, IndexError) as error:
        raise GiveUp(Reason.UNDECODABLE, _decode_failure(data, error)) from None
    return found


def read_policy(topic: str, data: bytes | None) -> StockPolicySet:
    """Return a policy document; raises GiveUp like read_event."""
    _known_header(topic, data)
    try:
        policy: StockPolicySet = _read_policy(data, HEADER_BYTES)  # type: ignore[arg-type] # _known_header refuses None.
    except (ValueError, IndexError) as error:
        raise GiveUp(Reason.UNDECODABLE, _decode_failure(data, error)) from None
    return policy


def _known_header(topic: str, data: bytes | None) -> bytes:
    """Return the header of a record that belongs on a topic."""
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


def _decode_failure(data: bytes | None, error: Exception) -> str:
    record = _RECORDS[(data or b"")[:HEADER_BYTES]]
    why = "the bytes end too early" if isinstance(error, IndexError) else str(error)
    return f"not a {record}: {why}"


def encoded_sku(key: bytes) -> bytes:
    """Return the Avro encoding of a SKU, given as its Kafka key."""
    return varint(len(key)) + key


def encode_level(key: bytes, stock: Stock) -> bytes:
    """Return a stock-levels value."""
    return _write_level(encoded_sku(key), *stock[1:])


def decode_level(data: bytes) -> Stock:
    """Return the stock of a stock-levels value."""
    stock: Stock = _read_level(data, HEADER_BYTES)
    return stock


def tells_all(channel_ids: Sequence[str]) -> Callable[[bytes], bool]:
    """
    Return a test of encoded stock-levels values: whether they name these channels, all of them and no other.

    Decoding a million of them at each start would take seconds; this looks at how they end, about 1 µs each.
    """
    if not channel_ids:
        return lambda _data: True
    names = [re.escape(varint(len(name.encode())) + name.encode()) for name in sorted(channel_ids)]
    entries = b"".join(name + 2 * _ANY_VARINT for name in names)
    # The last fields: the array's count, its entries and end, then occurred_at and updated_at.
    end = re.escape(varint(len(names))) + entries + b"\\x00" + 2 * _ANY_VARINT + rb"\Z"
    found = re.compile(end, re.DOTALL).search
    return lambda data: found(data) is not None


_ANY_VARINT = rb"[\x80-\xff]*[\x00-\x7f]"


def encode_line(_key: bytes, line: OpenLine) -> bytes:
    """Return a stock-open-lines value."""
    return _write_line(*line)


def decode_line(data: bytes) -> OpenLine:
    """Return the line of a stock-open-lines value."""
    line: OpenLine = _read_line(data, HEADER_BYTES)
    return line


_SEPARATOR = b"\x1f"  # ASCII's unit separator: no SKU holds a control character.


def line_key(sku: bytes, line: OpenLine) -> bytes:
    """Return the key of an open line; the SKU comes first, so that a SKU's lines can be enumerated."""
    line_id = line.line_id.encode()
    length = b"%d" % len(line_id)  # Ids may hold anything; their length keeps two lines apart.
    return _SEPARATOR.join((sku, line.kind.encode(), length, line_id, line.location_id.encode()))


def sku_of_line(key: bytes) -> bytes:
    """Return the SKU that an open line's key belongs to."""
    return key.partition(_SEPARATOR)[0]
