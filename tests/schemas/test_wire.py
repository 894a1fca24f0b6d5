"""The edge codec: whole, exact, and never surprised by bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

import schemas
from schemas import Version, wire
from schemas.wire import UndecodableRecord, UnencodableValue

SALE: dict[str, Any] = {
    "event_id": "536365:1",
    "source_id": "pos-london",
    "sku": "85123A",
    "location_id": "store-london",
    "channel_id": "pos",
    "quantity": 6,
    "occurred_at": 1_291_191_960_000,
}
SALE_BYTES = wire.encode("SaleRecorded", SALE)


def test_value_begins_with_confluents_header() -> None:
    """A zero byte and the schema id as four bytes, big-endian, come before the Avro body."""
    assert SALE_BYTES[:5] == bytes([0, 0, 0, 0, schemas.schema_id("SaleRecorded")])
    assert wire.schema_id_of(SALE_BYTES) == schemas.schema_id("SaleRecorded")


def test_times_stay_whole_milliseconds() -> None:
    """No datetime comes in between that could lose a millisecond or a time zone."""
    record, value = wire.decode(SALE_BYTES)
    assert record == "SaleRecorded"
    assert value == SALE
    assert type(value["occurred_at"]) is int


def test_field_with_a_default_may_be_left_out() -> None:
    """A sale without a channel has the schema's default."""
    without = {name: part for name, part in SALE.items() if name != "channel_id"}
    assert wire.decode(wire.encode("SaleRecorded", without))[1] == SALE | {"channel_id": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 1.5},
        {"quantity": True},
        {"quantity": "6"},
        {"quantity": 2**63},
        {"sku": 85123},
        {"sku": b"85123A"},
        {"sku": None},
        {"sku": "\ud800"},
        {"till_id": "7"},
    ],
    ids=repr,
)
def test_value_that_does_not_fit_is_refused_whole(wrong: dict[str, Any]) -> None:
    """Nothing is rounded, cut, cast or dropped on the way into bytes."""
    with pytest.raises(UnencodableValue, match="SaleRecorded"):
        wire.encode("SaleRecorded", SALE | wrong)


def test_missing_field_and_other_shapes_are_refused() -> None:
    """A field without default must be there, and a value must be a dict."""
    with pytest.raises(UnencodableValue, match="sku"):
        wire.encode("SaleRecorded", {name: part for name, part in SALE.items() if name != "sku"})
    with pytest.raises(UnencodableValue, match="not a dict"):
        wire.encode("SaleRecorded", None)  # type: ignore[arg-type]
    with pytest.raises(UnencodableValue, match="disposition"):
        wire.encode("ReturnReceived", SALE | {"disposition": "LOST"})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes are too few"),
        (b"\x00\x00\x00\x00", "4 bytes are too few"),
        (b'{"sku": "85123A"}', "first byte is 0x7b"),
        (b"\x00\x00\x00\x12\x67body", "schema id 4711 is unknown"),
        (SALE_BYTES[:5], "ends too early"),
        (SALE_BYTES[:-1], "body is no SaleRecorded"),
        (SALE_BYTES + b"!", "1 bytes follow the end"),
        (SALE_BYTES[:5] + b"\x06\xff\xff\xff" + SALE_BYTES[6:], "body is no SaleRecorded"),
    ],
)
def test_damaged_bytes_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    """Each kind of damage has a message that a person can act on."""
    with pytest.raises(UndecodableRecord, match=reason):
        wire.decode(data)


def test_no_bytes_raise_anything_but_undecodable() -> None:
    """A damaged copy of a record either decodes to a value that encodes again or is refused, nothing else."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    refused = 0
    for _ in range(5_000):
        data = damaged(generator)
        try:
            record, value = wire.decode(data)
        except UndecodableRecord:
            refused += 1
        else:
            assert wire.decode(wire.encode(record, value)) == (record, value)
    assert refused > 0


def damaged(generator: random.Random) -> bytes:
    """Return a sale that was cut, overwritten in places and filed under any id."""
    data = bytearray(SALE_BYTES[: generator.randint(5, len(SALE_BYTES))])
    data[4] = generator.randint(0, len(schemas.RECORDS) + 1)
    for _ in range(generator.randint(0, 6)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    return bytes(data)


@pytest.fixture
def second_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[Version]:
    """Publish, for one test, a second version of SaleRecorded, with one more field."""
    schema = schemas.load("SaleRecorded")
    schema["fields"].append(
        {"name": "till_id", "type": ["null", "string"], "default": None, "doc": "The till."}
    )
    version = Version("SaleRecorded", 2, max(schemas._BY_ID) + 1, json.dumps(schema))
    monkeypatch.setitem(schemas.VERSIONS, "SaleRecorded", (schemas.latest("SaleRecorded"), version))
    monkeypatch.setitem(schemas._BY_ID, version.schema_id, version)
    schemas.schema_id.cache_clear()
    yield version
    schemas.schema_id.cache_clear()
    wire._parsed.cache_clear()


def test_old_bytes_are_read_as_the_newest_version_has_them(second_version: Version) -> None:
    """What was written before a field existed comes back with the field's default."""
    assert wire.decode(SALE_BYTES) == ("SaleRecorded", SALE | {"till_id": None})


def test_new_bytes_are_written_under_the_newest_version(second_version: Version) -> None:
    """The newest version is what is written from its release on."""
    data = wire.encode("SaleRecorded", SALE | {"till_id": "7"})
    assert wire.schema_id_of(data) == second_version.schema_id
    assert wire.decode(data) == ("SaleRecorded", SALE | {"till_id": "7"})
