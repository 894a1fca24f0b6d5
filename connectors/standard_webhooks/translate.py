"""
Bodies of Standard Webhooks to events: pure, and strict. README.md beside this file has the shape.

A body names one of Onhand's own records and has that record's fields. What the account says is not the sender's to
say: source_id and channel_id. A field that the record does not have is a mistake, not a decoration.
"""

from collections.abc import Callable, Iterator
from typing import Any

import schemas
from connectors.body import Part, unknown
from connectors.translation import EVENTS, Account, Gathering, Translation, translator
from streams.domain.validation import MAXIMUM_QUANTITY

RECORDS = tuple(EVENTS)
BODY = frozenset({"type", "timestamp", "data"})
BY_ACCOUNT = frozenset({"source_id", "channel_id"})
ENVELOPE = frozenset({"event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at"})
LOCATIONS = frozenset({"to_location_id", "from_location_id"})
SIGNED, FROM_ZERO = frozenset({"StockAdjusted"}), frozenset({"StockCounted"})

_Reader = Callable[[Account, Part, str], Any]


@translator
def translate(account: Account, message_id: str, body: Part) -> Translation:
    """
    Return the one event that a body is. Never raises.

    message_id is the webhook-id, which is also the event's id unless the body has an event_id: a sender must keep
    it over all attempts, as the specification says.
    """
    for name in body.value:
        if name not in BODY:
            raise unknown(body, name, f"a field besides {', '.join(sorted(BODY))}")
    record = body.one_of("type", RECORDS)
    data = body.part("data")
    fields = _FIELDS[record]
    for name in data.value:
        if name not in ENVELOPE - BY_ACCOUNT | fields.keys():
            raise unknown(data, name, f"a field that {record} does not have, or that the account says")
    event_id = data.optional_identifier("event_id") or message_id
    if not event_id:
        raise data.refuse("event_id", "missing, and the message has no id")
    gathering = Gathering()
    gathering.events.append(
        account.event(
            record,
            event_id,
            sku=account.sku_of(data.text("sku"), data.where("sku")),
            location_id=account.location_of(
                data.optional_identifier("location_id"), data.where("location_id")
            ),
            quantity=_quantity(record, data),
            occurred_at=data.milliseconds("occurred_at"),
            where=data.path,
            **{name: read(account, data, name) for name, read in fields.items()},
        )
    )
    return gathering.result()


def _quantity(record: str, data: Part) -> int:
    if record in SIGNED:
        return data.whole("quantity", minimum=-MAXIMUM_QUANTITY)
    return data.whole("quantity", minimum=0 if record in FROM_ZERO else 1)


def _fields(record: str) -> Iterator[tuple[str, _Reader]]:
    """Yield how each field beyond the envelope is read, by its type in the record's schema."""
    for field in schemas.load(record)["fields"]:
        if field["name"] in ENVELOPE:
            continue
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        read = _reader(field["name"], next(kind for kind in kinds if kind != "null"))
        yield field["name"], _optional(read) if "null" in kinds else read


def _reader(name: str, kind: Any) -> _Reader:
    if name in LOCATIONS:
        return lambda account, data, name: account.location_of(data.identifier(name), data.where(name))
    if kind == "string":
        return lambda _account, data, name: data.identifier(name)
    if kind == "long":
        return lambda _account, data, name: data.whole(name)
    if kind["type"] == "enum":
        symbols = tuple(kind["symbols"])
        return lambda _account, data, name: data.one_of(name, symbols)
    assert kind.get("logicalType") == "timestamp-millis", f"{name}: a type that no webhook has yet"
    return lambda _account, data, name: data.milliseconds(name)


def _optional(read: _Reader) -> _Reader:
    return lambda account, data, name: read(account, data, name) if data.has(name) else None


_FIELDS = {record: dict(_fields(record)) for record in RECORDS}
