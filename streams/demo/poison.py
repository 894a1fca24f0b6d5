"""Messages that no pipeline should trip over: each must end as exactly one dead letter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from schemas import wire
from streams.demo.message import Expected, Message
from streams.topology import STOCK_RETURNS

UNKNOWN_SCHEMA_ID = 999_999
DAY_MS = 86_400_000
RANDOM_BYTES = 40  # Starting with 0xFF, so that no chance makes the wire format of it.

Sale = dict[str, Any]
Spoil = Callable[[Message, Sale, random.Random], Message]


def _random_bytes(message: Message, _sale: Sale, source: random.Random) -> Message:
    return replace(message, value=b"\xff" + source.randbytes(RANDOM_BYTES))


def _truncated(message: Message, _sale: Sale, _source: random.Random) -> Message:
    return replace(message, value=message.value[: len(message.value) // 2])


def _unknown_schema(message: Message, _sale: Sale, _source: random.Random) -> Message:
    return replace(message, value=wire.header(UNKNOWN_SCHEMA_ID) + message.value[wire.HEADER_BYTES :])


def _wrong_topic(message: Message, _sale: Sale, _source: random.Random) -> Message:
    return replace(message, topic=STOCK_RETURNS.name)


def _negative(message: Message, sale: Sale, _source: random.Random) -> Message:
    return replace(message, value=wire.encode("SaleRecorded", sale | {"quantity": -1}))


def _future(message: Message, sale: Sale, _source: random.Random) -> Message:
    later = sale["occurred_at"] + 2 * DAY_MS  # The day lies within the last 24 hours.
    return replace(message, value=wire.encode("SaleRecorded", sale | {"occurred_at": later}))


def _wrong_key(message: Message, _sale: Sale, _source: random.Random) -> Message:
    return replace(message, key=b"NOT-THE-SKU")


def _empty_key(message: Message, _sale: Sale, _source: random.Random) -> Message:
    return replace(message, key=b"")


def _garbled_key(message: Message, _sale: Sale, _source: random.Random) -> Message:
    return replace(message, key=b"\xff\xfe")


SPOILS: tuple[Spoil, ...] = (
    _random_bytes,
    _truncated,
    _unknown_schema,
    _wrong_topic,
    _negative,
    _future,
    _wrong_key,
    _empty_key,
    _garbled_key,
)


def poisoned(message: Message, sale: Sale, source: random.Random) -> Message:
    """Return a sale's message spoilt in one of many ways; its event never counts."""
    spoilt = source.choice(SPOILS)(message, sale, source)
    return replace(spoilt, expected=Expected.DEAD_LETTER, event_id=None)


def contradicting(message: Message, value: dict[str, Any]) -> Message:
    """Return a message with the id of an earlier event and other content, which is a conflict."""
    changed = wire.encode(message.record, value | {"quantity": value["quantity"] + 1})
    return replace(message, value=changed, expected=Expected.DEAD_LETTER, event_id=None)
