"""
Damaged messages of every kind that we can think of, from a seed, each with the reason it must be given up for.

What is damaged at random is checked with fastavro: a truncation or a flipped bit that is still a valid record is
no damage and is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import schemas
from schemas import wire
from streams.engine.partitioner import partition_for
from streams.topology import EVENT_TOPICS, INPUTS
from tests.integration.healthy import DAY_MS, HOUR_MS, LARGEST_QUANTITY, Sent, Shop

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
YEAR_2000_MS = 946_684_800_000
YEAR_2999_MS = 32_472_144_000_000
LONGEST_ID = 512
LARGEST_GARBAGE_BYTES = 1_000_000  # About what a broker takes by default.


def damaged(shop: Shop, count: int) -> list[Sent]:
    """Return damaged messages, about as many of each kind."""
    makers = list(MAKERS.items())
    return [maker(shop, kind) for number in range(count) for kind, maker in [makers[number % len(makers)]]]


def conflicting(shop: Shop, good: Sent, kind: str = "conflict") -> Sent:
    """Return an event under the identity of a good one, with other content; to be sent after it."""
    value = {**good.event, "quantity": 1 if good.event["quantity"] != 1 else 2}
    return shop.of(kind, good.record, value, "IDEMPOTENCY_CONFLICT")


# Bytes ---------------------------------------------------------------------------------------------------


def _undecodable(make: Callable[[Shop, bytes], bytes]) -> Callable[[Shop, str], Sent]:
    """Return a maker that turns good bytes into bytes that are no record, drawing until they are none."""

    def maker(shop: Shop, kind: str) -> Sent:
        while True:
            good = shop.message()
            assert good.value is not None
            data = make(shop, good.value)
            if not _decodes(data) and not _is_foreign(good.topic, data):
                return replace(good, kind=kind, value=data, reason="UNDECODABLE", event={})

    return maker


def _decodes(data: bytes) -> bool:
    try:
        wire.decode(data)
    except wire.UndecodableRecord:
        return False
    return True


def _is_foreign(topic: str, data: bytes) -> bool:
    """Tell whether bytes claim to be a record of ours that belongs elsewhere, which has a reason of its own."""
    try:
        record = schemas.version_of(wire.schema_id_of(data)).record
    except (wire.UndecodableRecord, schemas.UnknownSchemaId):
        return False
    return record not in EVENT_TOPICS or EVENT_TOPICS[record].name != topic


def _truncated(shop: Shop, good: bytes) -> bytes:
    return good[: shop.random.randrange(len(good))]


def _random_bytes(shop: Shop, _good: bytes) -> bytes:
    return shop.random.randbytes(shop.random.randrange(200))


def _random_body(shop: Shop, good: bytes) -> bytes:
    return good[: wire.HEADER_BYTES] + shop.random.randbytes(shop.random.randrange(100))


def _wrong_magic(shop: Shop, good: bytes) -> bytes:
    return bytes([shop.random.randrange(1, 256)]) + good[1:]


def _unknown_id(shop: Shop, good: bytes) -> bytes:
    return wire.header(shop.random.choice((0, 21, 255, 65_537, 2**31, 2**32 - 1))) + good[wire.HEADER_BYTES :]


def _other_body(shop: Shop, good: bytes) -> bytes:
    """The header of one record and the body of another: fields of wrong types, too few or too many."""
    body = wire.encode(*shop.event())[wire.HEADER_BYTES :]
    return good[: wire.HEADER_BYTES] + body


def _trailing(shop: Shop, good: bytes) -> bytes:
    return good + shop.random.randbytes(shop.random.randrange(1, 20))


def _twice(_shop: Shop, good: bytes) -> bytes:
    return good + good


def _flipped(shop: Shop, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(shop.random.randrange(1, 4)):
        data[shop.random.randrange(wire.HEADER_BYTES, len(data))] ^= 1 << shop.random.randrange(8)
    return bytes(data)


def _long_length(shop: Shop, good: bytes) -> bytes:
    """A string that claims to be negative, or far longer than there are bytes."""
    claim = shop.random.choice((b"\x01", b"\xfe\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\xff" * 12))
    return good[: wire.HEADER_BYTES] + claim + good[wire.HEADER_BYTES :]


def _no_text(_shop: Shop, good: bytes) -> bytes:
    """A string whose bytes are no UTF-8."""
    return good[: wire.HEADER_BYTES] + b"\x06e\xff\xfe" + good[wire.HEADER_BYTES + 1 :]


def _plain_json(_shop: Shop, _good: bytes) -> bytes:
    return b'{"event_id": "e-1", "sku": "SKU-1", "quantity": 1}'


def _null(shop: Shop, kind: str) -> Sent:
    return replace(shop.message(), kind=kind, value=None, reason="UNDECODABLE", event={})


def _large(shop: Shop, kind: str) -> Sent:
    """Garbage as large as a broker takes; few, since they are heavy."""
    size = LARGEST_GARBAGE_BYTES if shop.random.random() < 0.03 else 2_000
    return replace(shop.message(), kind=kind, value=b"\x01" * size, reason="UNDECODABLE", event={})


def _foreign(shop: Shop, kind: str) -> Sent:
    """A good record on the topic of others."""
    good = shop.message()
    topic = shop.random.choice([topic.name for topic in INPUTS if topic.name != good.topic])
    return replace(good, kind=kind, topic=topic, reason="UNEXPECTED_RECORD", event={})


def _foreign_id(shop: Shop, kind: str) -> Sent:
    """The schema id of a record that belongs elsewhere, events and our own tables alike."""
    good = shop.message()
    others = [name for name in schemas.RECORDS if EVENT_TOPICS.get(name) is not EVENT_TOPICS[good.record]]
    header = wire.header(schemas.schema_id(shop.random.choice(others)))
    assert good.value is not None
    value = header + good.value[wire.HEADER_BYTES :]
    return replace(good, kind=kind, value=value, reason="UNEXPECTED_RECORD", event={})


# Fields --------------------------------------------------------------------------------------------------


def _field(reason: str, change: Callable[[Shop, str], dict[str, Any]]) -> Callable[[Shop, str], Sent]:
    """Return a maker that changes fields of a good event."""

    def maker(shop: Shop, kind: str) -> Sent:
        record, value = shop.event()
        return shop.of(kind, record, {**value, **change(shop, record)}, reason)

    return maker


def _bad_quantity(shop: Shop, record: str) -> dict[str, Any]:
    always = (0, LARGEST_QUANTITY + 1, -LARGEST_QUANTITY - 1, INT64_MAX, INT64_MIN)
    negative = () if record == "StockAdjusted" else (-1, -12, -LARGEST_QUANTITY)
    return {"quantity": shop.random.choice((*always, *negative))}


def _too_early(shop: Shop, _record: str) -> dict[str, Any]:
    return {"occurred_at": shop.random.choice((0, 1, -1, YEAR_2000_MS - 1, -YEAR_2999_MS, INT64_MIN))}


def _too_late(shop: Shop, _record: str) -> dict[str, Any]:
    soon = shop.now_ms + HOUR_MS  # Well beyond the 5 minutes allowed, however long the test takes.
    return {"occurred_at": shop.random.choice((soon, soon + DAY_MS, YEAR_2999_MS, INT64_MAX))}


def _no_identity(shop: Shop, record: str) -> dict[str, Any]:
    names = ["event_id", "source_id", "location_id"]
    names += ["order_id"] if record.startswith("Order") else []
    names += ["transfer_id"] if record.startswith("Transfer") else []
    return {shop.random.choice(names): shop.random.choice(("", "i" * (LONGEST_ID + 1)))}


def _bad_sku(shop: Shop, _record: str) -> dict[str, Any]:
    return {
        "sku": shop.random.choice(
            (" ", " A-1", "A-1 ", "\tA-1", "e\u0301", "A\x00B", "A\nB", "S" * 201, "茶" * 67)
        )
    }


# Keys ----------------------------------------------------------------------------------------------------


def _key(choose: Callable[[Shop, Sent], bytes | None]) -> Callable[[Shop, str], Sent]:
    """Return a maker that sends a good event under a wrong key."""

    def maker(shop: Shop, kind: str) -> Sent:
        good = shop.message()
        key = choose(shop, good)
        partition = partition_for(key, shop.partitions) if key else shop.random.randrange(shop.partitions)
        return replace(good, kind=kind, key=key, partition=partition, reason="INVALID_KEY")

    return maker


def _other_key(shop: Shop, good: Sent) -> bytes:
    others = [sku for sku in shop.skus if sku.encode() != good.key]
    return shop.random.choice([shop.random.choice(others).encode(), (good.key or b"") + b" ", b"*"])


def _no_text_key(shop: Shop, good: Sent) -> bytes:
    return shop.random.choice((b"\xff\xfe", b"\x80", (good.key or b"") + b"\xc3", bytes([0xED, 0xA0, 0x80])))


# Policies ------------------------------------------------------------------------------------------------


def _policy(changes: Callable[[Shop], dict[str, Any]], reason: str) -> Callable[[Shop, str], Sent]:
    """Return a maker of policy documents that make no sense."""

    def maker(shop: Shop, kind: str) -> Sent:
        _, event = shop.event("SaleRecorded")
        value = {name: event[name] for name in ("event_id", "source_id", "occurred_at")}
        value["sku"] = shop.random.choice((event["sku"], "*"))
        return shop.of(kind, "StockPolicySet", {**value, **changes(shop)}, reason)

    return maker


def _bad_policy(shop: Shop) -> dict[str, Any]:
    web = {"channel_id": "web"}
    return shop.random.choice(
        (
            {"network_safety": -1},
            {"network_safety": LARGEST_QUANTITY + 1},
            {"channels": [{**web, "share_basis_points": 10_001}]},
            {"channels": [{**web, "share_basis_points": -1}]},
            {"channels": [{**web, "buffer": -5}]},
            {"channels": [{**web, "cap": INT64_MIN}]},
            {"channels": [{**web, "ring_fence": INT64_MAX}]},
            {"channels": [web, web]},
            {"channels": [{"channel_id": ""}]},
            {"locations": [{"location_id": "shop", "safety_stock": -1}]},
            {"locations": [{"location_id": "", "safety_stock": 1}]},
        )
    )


MAKERS: dict[str, Callable[[Shop, str], Sent]] = {
    "truncated": _undecodable(_truncated),
    "random bytes": _undecodable(_random_bytes),
    "random body": _undecodable(_random_body),
    "wrong magic byte": _undecodable(_wrong_magic),
    "unknown schema id": _undecodable(_unknown_id),
    "body of another record": _undecodable(_other_body),
    "trailing bytes": _undecodable(_trailing),
    "record twice": _undecodable(_twice),
    "flipped bits": _undecodable(_flipped),
    "length out of bounds": _undecodable(_long_length),
    "string without text": _undecodable(_no_text),
    "JSON": _undecodable(_plain_json),
    "null value": _null,
    "large": _large,
    "record on another topic": _foreign,
    "schema id of another topic": _foreign_id,
    "quantity": _field("INVALID_QUANTITY", _bad_quantity),
    "before 2000": _field("INVALID_TIME", _too_early),
    "future": _field("FUTURE_EVENT", _too_late),
    "identity": _field("INVALID_IDENTITY", _no_identity),
    "SKU": _field("INVALID_SKU", _bad_sku),
    "null key": _key(lambda _shop, _good: None),
    "empty key": _key(lambda _shop, _good: b""),
    "other key": _key(_other_key),
    "key without text": _key(_no_text_key),
    "policy": _policy(_bad_policy, "INVALID_POLICY"),
    "policy without identity": _policy(lambda shop: {"event_id": ""}, "INVALID_IDENTITY"),
    "policy of the future": _policy(lambda shop: _too_late(shop, ""), "FUTURE_EVENT"),
    "policy before 2000": _policy(lambda shop: _too_early(shop, ""), "INVALID_TIME"),
    "policy of no SKU": _policy(lambda shop: _bad_sku(shop, ""), "INVALID_SKU"),
}
"""Every kind of damage."""
