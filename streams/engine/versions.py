"""
Compiled codecs of a record in every published version.

What is written is the newest version. What is read may be any: bytes of an older one, which a topic keeps for
months, build the same class, whose defaults stand in for fields that came later. New fields come last in their
record, so that this works.
"""

import json
from collections.abc import Callable
from typing import Any

from schemas import load, schema_id, versions
from streams.engine.codec import Reader, Writer, compile_reader, compile_writer
from streams.engine.wire import header


def readers_by_header(
    record: str,
    build: Callable[..., Any],
    nested: dict[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> dict[bytes, Reader]:
    """Return the reader of each version of a record, by the five bytes that its values begin with."""
    classes = {record: build, **(nested or {})}
    return {
        header(version.schema_id): compile_reader(json.loads(version.text), classes, **options)
        for version in versions(record)
    }


def writer_of(record: str, **options: Any) -> Writer:
    """Return the writer of a record's newest version, header included."""
    return compile_writer(load(record), header(schema_id(record)), **options)
