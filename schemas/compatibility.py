"""
Which changes of a record its readers survive: those that old and new code can read both ways.

FULL_TRANSITIVE in Confluent's words: a consumer of last year reads today's events, today's code reads last
year's ledger, and no order of roll-out has to be kept. Avro's own rules are checked by Apache's library. Two
more are ours: a unit never changes (Avro reads milliseconds as microseconds without a word), and an enum
never loses a symbol (Avro reads the lost one as the default, and its meaning is gone).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import fastavro
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import Schema, parse

LEVEL = "FULL_TRANSITIVE"
"""The name of this level in the registry's API."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a value means beyond its Avro type: its logical type, and an enum's symbols."""

    unit: str | None
    symbols: frozenset[str]


class InvalidSchema(ValueError):
    """A text that is no Avro schema; the message says why."""


def problems(versions: Sequence[str]) -> tuple[str, ...]:
    """
    Return why these versions of one record, oldest first, don't all understand each other; empty if they do.

    Versions are schemas as JSON text. Raises InvalidSchema.
    """
    return tuple(
        f"versions {older + 1} and {newer + 1}: {problem}"
        for older, newer in combinations(range(len(versions)), 2)
        for problem in problems_between(versions[older], versions[newer])
    )


def problems_between(older: str, newer: str) -> tuple[str, ...]:
    """Return why two versions of a record don't understand each other. Raises InvalidSchema."""
    before, after = parsed(older), parsed(newer)
    return (
        *(f"new code can't read old records: {reason}" for reason in _unreadable(after, before)),
        *(f"old code can't read new records: {reason}" for reason in _unreadable(before, after)),
        *_lost_meanings(json.loads(older), json.loads(newer)),
    )


def parsed(text: str) -> Schema:
    """Return a schema of Apache's library, its defaults checked as well. Raises InvalidSchema."""
    try:
        fastavro.parse_schema(json.loads(text))
        return parse(text)
    except AvroException as error:
        raise InvalidSchema(str(error)) from error
    except Exception as error:  # fastavro meets odd JSON with errors of every kind; each means the same.
        raise InvalidSchema(f"{type(error).__name__}: {error}") from error


def _unreadable(reader: Schema, writer: Schema) -> Iterator[str]:
    """Give the reasons why Avro can't resolve what the writer wrote into what the reader wants."""
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return
    kinds = ", ".join(kind.value for kind in result.incompatibilities)
    yield f"{kinds}: {'; '.join(sorted(result.messages))} at {', '.join(sorted(result.locations))}"


def _lost_meanings(older: Any, newer: Any) -> Iterator[str]:
    """Give what Avro would let pass although it changes what a value means."""
    before, after = dict(_meanings(older, "")), dict(_meanings(newer, ""))
    for place in sorted(before.keys() & after.keys()):
        if before[place].unit != after[place].unit:
            yield f"unit of {place} changed from {before[place].unit} to {after[place].unit}"
        if lost := before[place].symbols - after[place].symbols:
            yield f"{place} lost the symbols {', '.join(sorted(lost))}"


def _meanings(node: Any, place: str) -> Iterator[tuple[str, _Meaning]]:
    """Give the meaning of every value inside a schema by place, such as `locations[].on_hand long`."""
    if isinstance(node, list):
        for branch in node:
            yield from _meanings(branch, place)
    elif isinstance(node, str):
        yield f"{place} {node}", _Meaning(None, frozenset())
    elif isinstance(node["type"], list | dict):
        yield from _meanings(node["type"], place)
    else:
        yield f"{place} {node['type']}", _Meaning(node.get("logicalType"), frozenset(node.get("symbols", ())))
        for field in node.get("fields", ()):
            yield from _meanings(field["type"], f"{place}.{field['name']}".lstrip("."))
        if "items" in node:
            yield from _meanings(node["items"], f"{place}[]")
        if "values" in node:
            yield from _meanings(node["values"], f"{place}{{}}")
