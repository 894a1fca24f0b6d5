"""Verification's own reading of the wire format: 0x00, 4-byte schema id, Avro body."""

import json
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

import fastavro

HEADER_BYTES = 5


class Undecodable(ValueError):
    """The bytes are no record of ours."""


class _Known(NamedTuple):
    record: str
    writer: Any
    reader: Any
    fields: tuple[str, ...]


def _plain(node: Any) -> Any:
    """Return a schema without logical types, so that times stay whole milliseconds."""
    if isinstance(node, dict):
        return {name: _plain(part) for name, part in node.items() if name != "logicalType"}
    return [_plain(part) for part in node] if isinstance(node, list) else node


@cache
def _known() -> dict[int, _Known]:
    """Return every schema by its id; each is read as the newest version of its record."""
    folder = files("schemas")
    ids: dict[str, int] = json.loads(folder.joinpath("ids.json").read_text("utf-8"))
    parsed: dict[str, Any] = {}
    newest: dict[str, tuple[int, str]] = {}
    for name in ids:
        schema = json.loads(folder.joinpath(f"{name}.avsc").read_text("utf-8"))
        parsed[name] = fastavro.parse_schema(_plain(schema))
        record, _, version = name.partition(".v")
        newest[record] = max(newest.get(record, (0, "")), (int(version), name))
    known = {}
    for name, identifier in ids.items():
        record = name.partition(".v")[0]
        latest = newest[record][1]
        fields = tuple(field["name"] for field in parsed[name]["fields"])
        known[identifier] = _Known(record, parsed[name], None if latest == name else parsed[latest], fields)
    return known


def record_of(data: bytes | None) -> str:
    """Return the name of the record that a value says it is. Raises Undecodable."""
    return _schema_of(data).record


def decode(data: bytes | None) -> tuple[str, dict[str, Any]]:
    """Return a value's record name and fields; every byte must belong to it. Raises Undecodable."""
    schema = _schema_of(data)
    assert data is not None, "_schema_of refuses None"
    body = BytesIO(data)
    body.seek(HEADER_BYTES)
    try:
        value = fastavro.schemaless_reader(body, schema.writer, schema.reader)
    except Exception as error:  # noqa: BLE001 - damaged bytes make fastavro raise almost anything.
        raise Undecodable(f"body is no {schema.record}: {error}") from None
    if body.tell() != len(data):
        raise Undecodable(f"bytes follow the end of the {schema.record}")
    assert isinstance(value, dict)
    return schema.record, value


def version_of(data: bytes) -> int:
    """
    Return the version in a StockLevel or ChannelAvailability, mostly without decoding the rest.

    Logs hold many records of each SKU of which only the last matters in full.
    """
    fields = _schema_of(data).fields
    if fields[:2] == ("sku", "version"):
        return _long(data, _skip_string(data, HEADER_BYTES))[0]
    if fields[:4] == ("sku", "channel_id", "available_to_sell", "version"):
        at = _skip_string(data, _skip_string(data, HEADER_BYTES))
        return _long(data, _long(data, at)[1])[0]
    return int(decode(data)[1]["version"])


def _schema_of(data: bytes | None) -> _Known:
    if data is None:
        raise Undecodable("the value is null")
    if len(data) < HEADER_BYTES or data[0] != 0:
        raise Undecodable("the value does not begin with the wire format's header")
    known = _known().get(int.from_bytes(data[1:HEADER_BYTES], "big"))
    if known is None:
        raise Undecodable("the schema id is unknown")
    return known


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Return the Avro long at an index, and the index behind it."""
    value, shift = 0, 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1), at
            shift += 7
    except IndexError:
        raise Undecodable("the bytes end too early") from None


def _skip_string(data: bytes, at: int) -> int:
    length, at = _long(data, at)
    return at + length
