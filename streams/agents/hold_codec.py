"""How the stock agent reads requests about holds, and writes holds and results."""

from collections.abc import Callable

from streams import topology
from streams.agents import stock_codec as codec
from streams.domain.errors import GiveUp, Reason
from streams.domain.hold_requests import REQUESTS, Request
from streams.domain.holds import Hold, HoldAnswer
from streams.engine.codec import Reader
from streams.engine.versions import readers_by_header, writer_of
from streams.engine.wire import HEADER_BYTES

_REQUEST_READERS: dict[bytes, Reader] = {
    found: reader
    for request in REQUESTS
    for found, reader in readers_by_header(request.__name__, request).items()
}

decode_hold: Callable[[bytes], Hold] = codec.record_readers("Hold", Hold, HoldAnswer=HoldAnswer)
_write_hold = writer_of("Hold")
write_result = writer_of("HoldResult")

_SEPARATOR = b"\x1f"  # ASCII's unit separator: no SKU holds a control character.


def read_request(data: bytes | None) -> Request:
    """Return a request about a hold; raises GiveUp like stock_codec.read_event."""
    reader = _REQUEST_READERS[codec.known_header(topology.STOCK_RESERVATIONS.name, data)]
    try:
        request: Request = reader(data, HEADER_BYTES)  # type: ignore[arg-type] # known_header refuses None.
    except (ValueError, IndexError) as error:
        raise GiveUp(Reason.UNDECODABLE, codec.decode_failure(data, error)) from None
    return request


def encode_hold(_key: bytes, hold: Hold) -> bytes:
    """Return a stock-holds value."""
    return _write_hold(*hold)


def hold_key(sku: bytes, hold_id: str) -> bytes:
    """Return the key of a hold; the SKU comes first."""
    return sku + _SEPARATOR + hold_id.encode()


def sku_of_hold(key: bytes) -> bytes:
    """Return the SKU that a hold's key belongs to."""
    return key.partition(_SEPARATOR)[0]
