"""What the demo writes to Kafka, and what it expects to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors.publish import cloudevents_headers
from schemas import wire
from streams.topology import EVENT_TOPICS, Topic

Headers = list[tuple[str, str | bytes | None]]


class Expected(StrEnum):
    """What becomes of a message that the demo writes."""

    RECORDED = "recorded"  # One row in the ledger that is no duplicate.
    DUPLICATE = "duplicate"  # One row in the ledger that says so.
    DEAD_LETTER = "dead letter"  # One dead letter.
    IN_FORCE = "in force"  # A policy: it has no row in the ledger.


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message of the demo's day.

    at is the moment of the day, from 0.0 (opening) to 1.0 (closing). event_id is None for a dead letter.
    """

    at: float
    topic: str
    key: bytes | None
    value: bytes
    expected: Expected
    record: str
    event_id: str | None = None
    headers: Headers | None = None


def event(at: float, record: str, value: dict[str, Any], expected: Expected = Expected.RECORDED) -> Message:
    """Return the message of a well-formed event, on the topic where its record belongs."""
    topic: Topic = EVENT_TOPICS[record]
    key, body = value["sku"].encode(), wire.encode(record, value)
    headers = cloudevents_headers(record, value)
    return Message(at, topic.name, key, body, expected, record, value["event_id"], headers)
