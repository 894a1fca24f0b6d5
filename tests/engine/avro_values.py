"""Values at random for any of our schemas, and fastavro's word on them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
from hypothesis import strategies as st

import schemas
from schemas import wire

LONGS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**15), 2**15),
    st.sampled_from([-(2**63), 2**63 - 1, 8191, 8192, -8192, -8193, 2**41, 2**41 - 1, -(2**41), 2**27]),
)

_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": LONGS,
    "string": st.text(max_size=20),
    "bytes": st.binary(max_size=40),
}


def values(schema: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Any value of a schema; records are dictionaries. named has the types that were defined before."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of(*(values(branch, named) for branch in schema))
    if isinstance(schema, str):
        return values(named[schema], named) if schema in named else _PRIMITIVES[schema]
    if "name" in schema:
        named[schema["name"]] = schema
    if schema["type"] == "record":
        names = [field["name"] for field in schema["fields"]]
        fields = st.tuples(*(values(field["type"], named) for field in schema["fields"]))
        return fields.map(lambda found: dict(zip(names, found, strict=True)))
    if schema["type"] == "array":
        return st.lists(values(schema["items"], named), max_size=4)
    if schema["type"] == "enum":
        return st.sampled_from(schema["symbols"])
    return values(schema["type"], named)


def as_tuple(value: Any) -> Any:
    """A value as the compiled codec has it: records and arrays are tuples."""
    if isinstance(value, Mapping):
        return tuple(map(as_tuple, value.values()))
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def fastavro_bytes(record: str, value: dict[str, Any]) -> bytes:
    """The body that fastavro writes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, wire._parsed(schemas.schema_id(record)), value)
    return out.getvalue()


def fastavro_value(record: str, body: bytes) -> tuple[Any, int]:
    """What fastavro reads, as tuples, and how many bytes it took."""
    data = io.BytesIO(body)
    value = fastavro.schemaless_reader(data, wire._parsed(schemas.schema_id(record)), None)
    return as_tuple(value), data.tell()
