"""A dead letter with a mended value: what an operator wrote, checked against its schema before it is sent."""

import json
from dataclasses import replace
from typing import Any

import schemas
from schemas import wire
from streams.agents.dead_letters import header_text
from streams.dlq.letters import Letter
from streams.engine.errors import EngineError
from streams.topology import EVENT_TOPICS

RECORD_HEADER = "ce_type"  # CloudEvents: our connectors name the record here.


class InvalidMend(EngineError):
    """The mended value can't be sent; the message says why."""


def mended(letter: Letter, text: str, record: str | None = None) -> Letter:
    """
    Return the letter with the value that text, a JSON object of fields, describes, keyed by that value's SKU.

    The record is the one given, else the original's, else the one that its `ce_type` header names. Raises
    InvalidMend.
    """
    name = record or _record_of(letter)
    if name not in EVENT_TOPICS:
        raise InvalidMend(
            f"It is unclear what {letter.letter_id} should be: name one with --record, of {_events()}."
        )
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise InvalidMend(f"The mended value is no JSON: {error}.") from error
    return replace(letter, value=_encoded(name, fields), key=fields["sku"].encode())


def _encoded(record: str, fields: Any) -> bytes:
    if not isinstance(fields, dict):
        raise InvalidMend("The mended value must be one JSON object with the record's fields.")
    try:
        return wire.encode(record, fields)
    except wire.UnencodableValue as error:
        raise InvalidMend(f"The mended value is no {record}: {error}.") from error


def _record_of(letter: Letter) -> str:
    """Return the name of the record that the letter holds, or was meant to."""
    try:
        return wire.decode(letter.value or b"")[0]
    except wire.UndecodableRecord:
        return header_text(letter.headers, RECORD_HEADER).removeprefix(f"{schemas.NAMESPACE}.")


def _events() -> str:
    return ", ".join(EVENT_TOPICS)
