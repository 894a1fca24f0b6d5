"""The Confluent wire format: a zero byte, the schema's id in four bytes, then the Avro body (design D6)."""

import struct

HEADER_BYTES = 5
_HEADER = struct.Struct(">bI")


def header(schema_id: int) -> bytes:
    """Return the five bytes before a record's body."""
    return _HEADER.pack(0, schema_id)
