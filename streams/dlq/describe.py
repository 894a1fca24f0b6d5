"""
How a dead letter is shown: to machines as JSON, to people as lines.

It may hold anything, so whatever could steer a terminal is written as an escape.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from schemas import wire
from streams.agents.dead_letters import ERROR_OFFSET, ERROR_PARTITION, ERROR_TOPIC, header_text
from streams.dlq.letters import Letter

HEX_BYTES_PER_LINE = 16
HEX_LINES_MAXIMUM = 64  # A screenful; --json has all of it.


def summary(letter: Letter, decision: str | None) -> dict[str, Any]:
    """Return what `dlq list` tells about a letter; given_up_at is UTC milliseconds."""
    return {
        "id": str(letter.letter_id),
        "reason": letter.reason,
        "message": letter.message,
        "key": _text(letter.key),
        "source": ":".join(
            header_text(letter.headers, name) for name in (ERROR_TOPIC, ERROR_PARTITION, ERROR_OFFSET)
        ),
        "given_up_at": letter.given_up_at,
        "decision": decision,
    }


def details(letter: Letter, decision: str | None) -> dict[str, Any]:
    """
    Return all there is to know about a letter.

    `record` and `value` are null when the value can't be decoded; `key_hex` and `value_hex` hold the bytes.
    """
    found: dict[str, Any] = {
        **summary(letter, decision),
        "key_hex": _hex(letter.key),
        "headers": [{"name": name, "value": _text(value)} for name, value in letter.headers],
        "value_hex": _hex(letter.value),
        "record": None,
        "value": None,
    }
    decoded = _decoded(letter.value)
    if isinstance(decoded, str):
        return {**found, "undecodable_because": decoded}
    found["record"], found["value"] = decoded
    return found


def lines(letter: Letter, decision: str | None) -> Iterator[str]:
    """Yield a letter as lines for people."""
    yield f"dead letter  {letter.letter_id}  ({decision.lower() if decision else 'open'})"
    yield f"reason       {printable(letter.reason)}: {printable(letter.message)}"
    yield f"came from    {printable(summary(letter, decision)['source'])}"
    yield f"given up     {time_text(letter.given_up_at)}"
    yield f"key          {key_text(letter.key)}"
    yield "headers"
    for name, value in letter.headers:
        yield f"  {printable(name)} = {printable(_text(value) or '')}"
    yield from _value_lines(letter.value)


def key_text(key: bytes | None) -> str:
    """Return a key for people; one that is no text as its bytes."""
    if key is None:
        return "(null)"
    if not key:
        return "(empty)"
    try:
        return printable(key.decode())
    except UnicodeDecodeError:
        return f"0x{key.hex()}"


def time_text(milliseconds: int) -> str:
    """Return a UTC time for people."""
    try:
        return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def printable(text: str) -> str:
    """Return text with everything escaped that is no plain character, so that it can't steer a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _value_lines(value: bytes | None) -> Iterator[str]:
    decoded = _decoded(value)
    if not isinstance(decoded, str):
        yield f"value        {decoded[0]}"
        shown = json.dumps(decoded[1], indent=2, ensure_ascii=False)
        yield from (f"  {printable(line)}" for line in shown.splitlines())
        return
    yield f"value        {printable(decoded)}"
    data = value or b""
    starts = range(0, len(data), HEX_BYTES_PER_LINE)
    for start in starts[:HEX_LINES_MAXIMUM]:
        part = data[start : start + HEX_BYTES_PER_LINE]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        yield f"  {start:08x}  {part.hex(' '):<{HEX_BYTES_PER_LINE * 3}} {shown}"
    if len(starts) > HEX_LINES_MAXIMUM:
        yield f"  … {len(data)} bytes in all; --json shows them"


def _decoded(value: bytes | None) -> tuple[str, dict[str, Any]] | str:
    """Return a value's record and fields, or why it can't be decoded."""
    if value is None:
        return "there is no value (null)"
    try:
        return wire.decode(value)
    except wire.UndecodableRecord as error:
        return f"{len(value)} bytes that can't be decoded: {error}"


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()
