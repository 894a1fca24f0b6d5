"""The compiled codecs say what fastavro says, and refuse every damaged record quickly and in one way."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from streams.engine.codec import (
    MalformedRecord,
    Reader,
    Writer,
    compile_reader,
    compile_writer,
    read_varint,
    string,
    varint,
)
from streams.engine.errors import ConfigurationError
from tests.engine.avro_values import LONGS, as_tuple, fastavro_bytes, fastavro_value, values
from tests.schemas.samples import example

REFUSALS = (ValueError, IndexError)
FUZZED_RECORDS = 20_000
READERS = {record: compile_reader(schemas.load(record)) for record in schemas.RECORDS}
WRITERS = {record: compile_writer(schemas.load(record)) for record in schemas.RECORDS}
EXAMPLES = {record: fastavro_bytes(record, example(schemas.latest(record))) for record in schemas.RECORDS}


def one_field(kind: Any) -> dict[str, Any]:
    """A schema of one field."""
    return {"type": "record", "name": "One", "fields": [{"name": "only", "type": kind}]}


ENUM = {"type": "enum", "name": "Letter", "symbols": ["A", "B", "C"]}
STRINGS = {"type": "array", "items": "string"}


def read_one(kind: Any, data: bytes) -> Any:
    """Read a record of one field."""
    return compile_reader(one_field(kind))(data, 0)[0]


@cache
def marking_reader(record: str, field_name: str) -> Reader:
    """A reader that says where a field ends."""
    return compile_reader(schemas.load(record), mark_after=field_name)


@cache
def joining_writer(record: str, spliced: int) -> Writer:
    """A writer that takes the first fields as bytes."""
    return compile_writer(schemas.load(record), b"head", spliced=spliced)


@cache
def splitting_writer(record: str, trailing: int) -> Writer:
    """A writer that takes the last fields as bytes."""
    return compile_writer(schemas.load(record), trailing=trailing)


@pytest.mark.parametrize("record", schemas.RECORDS)
@given(data=st.data())
@settings(max_examples=25)
def test_compiled_codec_agrees_with_fastavro(record: str, data: st.DataObject) -> None:
    """The same bytes for any value, and the same value from them."""
    value = data.draw(values(schemas.load(record)))
    body = fastavro_bytes(record, value)
    assert WRITERS[record](*as_tuple(value)) == body
    assert READERS[record](body, 0) == as_tuple(value)
    assert READERS[record](b"12345" + body, 5) == as_tuple(value)


@pytest.mark.parametrize("record", schemas.RECORDS)
@given(data=st.data())
@settings(max_examples=10)
def test_parts_that_are_encoded_already_give_the_same_bytes(record: str, data: st.DataObject) -> None:
    """A mark says where the first fields end; spliced with the rest they are the record again, and so from behind."""
    schema = schemas.load(record)
    value = as_tuple(data.draw(values(schema)))
    body = WRITERS[record](*value)
    for count, field in enumerate(schema["fields"], start=1):
        read, mark = marking_reader(record, field["name"])(body, 0)
        assert read == value
        assert joining_writer(record, count)(body[:mark], *value[count:]) == b"head" + body
        if count < len(schema["fields"]):
            assert splitting_writer(record, len(value) - count)(*value[:count], body[mark:]) == body


@pytest.mark.parametrize("record", schemas.RECORDS)
@given(data=st.data())
@settings(max_examples=10)
def test_constants_give_the_same_bytes(record: str, data: st.DataObject) -> None:
    """Strings, enums, longs and nulls may be folded into the writer, all or some."""
    schema = schemas.load(record)
    value = data.draw(values(schema))
    foldable = [
        field["name"]
        for field in schema["fields"]
        if isinstance(value[field["name"]], str | int | None) and field["type"] != "boolean"
    ]
    chosen = set(data.draw(st.lists(st.sampled_from(foldable), unique=True)))
    write = compile_writer(schema, constants={name: value[name] for name in chosen})
    rest = [as_tuple(part) for name, part in value.items() if name not in chosen]
    assert write(*rest) == fastavro_bytes(record, value)


def test_records_are_built_from_the_classes_that_are_named() -> None:
    """Nested records too; what is not named is a plain tuple."""
    reader = compile_reader(
        schemas.load("StockLevel"), {"LocationLevel": lambda *fields: ("location", *fields)}
    )
    level = reader(EXAMPLES["StockLevel"], 0)
    assert type(level) is tuple
    assert all(location[0] == "location" for location in level[2])
    assert all(type(channel[0]) is str for channel in level[3])


@given(LONGS)
def test_integers_are_zigzag_varints(value: int) -> None:
    """As fastavro writes them, and read back to the byte behind them."""
    encoded = varint(value)
    assert encoded == fastavro_bytes("DeadLetterDecision", _decision(value))[len(string("x")) + 1 : -1]
    assert read_varint(b"\xff" + encoded + b"\xff", 1) == (value, 1 + len(encoded))


def _decision(value: int) -> dict[str, Any]:
    return {"dead_letter_id": "x", "decision": "REPLAYED", "decided_at": value, "note": None}


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, -(2**64), 2**200])
def test_integers_beyond_64_bits_are_refused(value: int) -> None:
    """Never bent into another number: a wrong quantity would look like a right one."""
    with pytest.raises(OverflowError):
        varint(value)
    with pytest.raises(OverflowError):
        compile_writer(one_field("long"))(value)


@pytest.mark.parametrize("value", [1.5, 1e6, None, "1"])
def test_integers_of_another_type_are_refused(value: Any) -> None:
    """Half a unit is no quantity."""
    with pytest.raises(TypeError):
        compile_writer(one_field("long"))(value)


@pytest.mark.parametrize("text", ["\ud800", None, 5])
def test_strings_that_are_no_text_are_refused(text: Any) -> None:
    """A lone surrogate has no UTF-8."""
    with pytest.raises((UnicodeEncodeError, AttributeError)):
        compile_writer(one_field("string"))(text)


def test_unknown_symbols_are_refused() -> None:
    """By the writer."""
    with pytest.raises(KeyError):
        compile_writer(one_field(ENUM))("D")


@pytest.mark.parametrize("record", schemas.RECORDS)
def test_record_cut_short_anywhere_is_refused(record: str) -> None:
    """At every length, down to nothing, and as a whole when a byte too many follows."""
    body = EXAMPLES[record]
    assert READERS[record](body, 0) == fastavro_value(record, body)[0]
    for length in range(len(body)):
        with pytest.raises(REFUSALS):
            READERS[record](body[:length], 0)
    with pytest.raises(MalformedRecord):
        READERS[record](body + b"\x00", 0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("string", varint(-1)),
        ("string", varint(-300) + b"x" * 300),
        ("string", varint(5) + b"four"),
        ("string", varint(2**60) + b"four"),
        ("string", varint(2**63 - 1) + b"four"),
        ("string", varint(2) + b"\xc3\x28"),
        ("string", varint(3) + b"\xed\xa0\x80"),
        ("bytes", varint(-1)),
        ("bytes", varint(2**62) + b"x"),
        ("long", b"\x80" * 10 + b"\x01"),
        ("long", b"\xff" * 9 + b"\x02"),
        ("long", b"\xff" * 9 + b"\xff\x01"),
        ("long", b"\x80"),
        ("boolean", b"\x02"),
        (ENUM, varint(3)),
        (ENUM, varint(-1)),
        (ENUM, varint(200)),
        (["null", "long"], varint(2) + varint(1)),
        (["null", "long"], varint(-1) + varint(1)),
        (["null", "long"], varint(70) + varint(1)),
        (STRINGS, varint(2**60)),
        (STRINGS, varint(2**60) + varint(1) + b"a"),
        (STRINGS, varint(-(2**60)) + varint(2) + varint(1) + b"a"),
        (STRINGS, varint(-(2**63)) + varint(0)),
        (STRINGS, varint(-1) + varint(-1) + varint(1) + b"a" + varint(0)),
        (STRINGS, varint(1) + varint(1) + b"a"),
    ],
)
def test_damage_of_each_kind_is_refused_at_once(kind: Any, data: bytes) -> None:
    """Lengths, counts, symbols, branches and text that can't be: no wait, no memory, one family of errors."""
    with pytest.raises(REFUSALS):
        read_one(kind, data)


def test_refusals_say_what_is_wrong() -> None:
    """The message ends in a dead letter that a person reads."""
    with pytest.raises(MalformedRecord, match="no such symbol"):
        read_one(ENUM, varint(3))
    with pytest.raises(MalformedRecord, match="no such branch"):
        read_one(["null", "long"], varint(2))
    with pytest.raises(MalformedRecord, match="longer than 64 bits"):
        read_one("long", b"\x80" * 11)
    with pytest.raises(MalformedRecord, match="negative"):
        read_one("string", varint(-3))


@pytest.mark.parametrize(
    "data",
    [
        varint(2) + string("a") + string("b") + varint(0),
        varint(1) + string("a") + varint(1) + string("b") + varint(0),
        varint(-2) + varint(4) + string("a") + string("b") + varint(0),
        varint(-1) + varint(2) + string("a") + varint(1) + string("b") + varint(0),
    ],
)
def test_arrays_may_come_in_blocks(data: bytes) -> None:
    """Other writers split arrays, and state a block's size in bytes behind a negative count."""
    assert read_one(STRINGS, data) == ("a", "b")


def damaged(chance: random.Random, body: bytes) -> bytes:
    """A record with something wrong: bytes changed, cut, put in, or all of them noise."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at:]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 4))
            case 3:
                data[at:at] = varint(chance.choice([-1, 2**31, 2**60, -(2**63)]))
            case _:
                data = bytearray(chance.randbytes(chance.randint(0, 60)))
    return bytes(data)


@pytest.mark.timeout(60)
def test_damaged_bytes_raise_one_family_of_errors_or_are_what_fastavro_says() -> None:
    """20,000 damaged records: refused, or decoded to exactly what fastavro makes of them."""
    chance, accepted = random.Random(20_000), 0
    for _ in range(FUZZED_RECORDS):
        record = chance.choice(schemas.RECORDS)
        body = damaged(chance, EXAMPLES[record])
        try:
            value = READERS[record](body, 0)
        except REFUSALS:
            continue
        accepted += 1
        assert (value, len(body)) == fastavro_value(record, body), (record, body)
    assert accepted, "all were refused: nothing was compared"


@pytest.mark.parametrize(
    "kind",
    [
        "double",
        {"type": "map", "values": "long"},
        ["null", "long", "string"],
        ["long", "null"],
        {"type": "enum", "name": "Many", "symbols": [f"S{n}" for n in range(65)]},
    ],
)
def test_schemas_that_can_not_be_compiled_are_refused_at_start(kind: Any) -> None:
    """A person has to change something; no record is ever read wrongly."""
    with pytest.raises(ConfigurationError):
        compile_reader(one_field(kind))


def test_options_that_make_no_sense_are_refused_at_start() -> None:
    """A mark behind a field that is not there, a constant of a type that is not folded."""
    with pytest.raises(ConfigurationError):
        compile_reader(one_field("long"), mark_after="other")
    for kind, value in (("boolean", True), ("bytes", b"x"), (STRINGS, ["a"])):
        with pytest.raises(ConfigurationError):
            compile_writer(one_field(kind), constants={"only": value})
