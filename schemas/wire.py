"""
Confluent wire format for the edges: 0x00, the schema id as 4 bytes big-endian, the Avro body.

For connectors, the projector, verification and tests; the stock path has a compiled codec of its own. Times
are whole milliseconds (int) on both sides, never datetime. Errors:

    WireError
    ├── UndecodableRecord    these bytes are no record of ours: give up on them
    └── UnencodableValue     the value does not fit its schema: mend the code or the mapping that made it
"""

import json
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
from fastavro.types import Schema
from fastavro.validation import ValidationError, validate

import schemas

MAGIC_BYTE = 0
ID_BYTES = 4
HEADER_BYTES = 1 + ID_BYTES


class WireError(ValueError):
    """A record can't cross between bytes and values; the message says why."""


class UndecodableRecord(WireError):
    """Bytes that are no record of ours."""


class UnencodableValue(WireError):
    """A value that does not fit its schema."""


def header(identifier: int) -> bytes:
    """Return the five bytes that every value under a schema id begins with."""
    return bytes([MAGIC_BYTE]) + identifier.to_bytes(ID_BYTES, "big")


def encode(record: str, value: dict[str, Any]) -> bytes:
    """
    Encode a value under the newest schema of its record.

    Fields with a default may be left out, others may not, and unknown ones are refused. Times are int
    milliseconds. Raises UnencodableValue, and schemas.UnknownRecord for a name that is no record.
    """
    identifier = schemas.schema_id(record)
    schema = _parsed(identifier)
    # The writer alone would cut 1.5 down to 1 and take True for 1; a quantity must be neither.
    if not validate(value, schema, raise_errors=False):
        raise UnencodableValue(f"value is no {record}: {_misfit(value, schema)}")
    out = BytesIO()
    out.write(header(identifier))
    try:
        fastavro.schemaless_writer(out, schema, value, strict_allow_default=True)
    except ValueError as error:
        raise UnencodableValue(f"value is no {record}: {error}") from error
    return out.getvalue()


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """
    Return a record's name and its value, as the newest schema of that record has it.

    Every byte must belong to the record. Raises UndecodableRecord with the reason.
    """
    identifier = schema_id_of(data)
    try:
        version = schemas.version_of(identifier)
    except schemas.UnknownSchemaId as error:
        raise UndecodableRecord(str(error)) from None
    newest = schemas.schema_id(version.record)
    body = BytesIO(data)
    body.seek(HEADER_BYTES)
    try:
        value = fastavro.schemaless_reader(
            body, _parsed(identifier), None if newest == identifier else _parsed(newest)
        )
    except EOFError:
        raise UndecodableRecord(f"body is no {version.record}: it ends too early") from None
    except Exception as error:  # Damaged bytes make the decoder raise almost anything: all mean one thing.
        reason = str(error) or type(error).__name__
        raise UndecodableRecord(f"body is no {version.record}: {reason}") from error
    if body.tell() != len(data):
        raise UndecodableRecord(f"{len(data) - body.tell()} bytes follow the end of the {version.record}")
    assert isinstance(value, dict)
    return version.record, value


def schema_id_of(data: bytes) -> int:
    """Return the schema id that a value begins with, known or not. Raises UndecodableRecord."""
    if len(data) < HEADER_BYTES:
        raise UndecodableRecord(
            f"{len(data)} bytes are too few for the wire format's {HEADER_BYTES}-byte header"
        )
    if data[0] != MAGIC_BYTE:
        raise UndecodableRecord(f"first byte is 0x{data[0]:02x}, not the wire format's 0x00")
    return int.from_bytes(data[1:HEADER_BYTES], "big")


@cache
def _parsed(identifier: int) -> Schema:
    """Return a schema ready for fastavro, without logical types: times stay int milliseconds."""
    return fastavro.parse_schema(_plain(json.loads(schemas.version_of(identifier).text)))


def _plain(node: Any) -> Any:
    """Return a copy of a schema, or of a part of it, without logical types and prose."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if isinstance(node, dict):
        return {key: _plain(part) for key, part in node.items() if key not in {"logicalType", "doc"}}
    return node


def _misfit(value: object, schema: Schema) -> str:
    """Return the first thing about a value that its schema refuses."""
    if not isinstance(value, dict):
        return f"it is a {type(value).__name__}, not a dict"
    try:
        validate(value, schema)
    except ValidationError as error:
        return str(error.errors[0])
    return "its schema refuses it"
