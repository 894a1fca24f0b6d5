"""Evolution: the checker refuses what would break a reader, and no published record breaks one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import schemas
from schemas.compatibility import InvalidSchema, problems, problems_between

Schema = dict[str, Any]
Change = Callable[[Schema], None]


def field(schema: Schema, name: str) -> dict[str, Any]:
    """Return a field of a schema."""
    found: dict[str, Any] = next(field for field in schema["fields"] if field["name"] == name)
    return found


def changed(record: str, change: Change) -> tuple[str, str]:
    """Return a record's schema before and after a change."""
    schema = schemas.load(record)
    before = json.dumps(schema)
    change(schema)
    return before, json.dumps(schema)


@pytest.mark.parametrize("record", schemas.RECORDS)
def test_published_versions_understand_each_other(record: str) -> None:
    """Every version of a record reads what every other version writes."""
    assert problems([version.text for version in schemas.VERSIONS[record]]) == ()


def remove_field(schema: Schema) -> None:
    """Leave out what old readers need."""
    schema["fields"].remove(field(schema, "quantity"))


def add_field_without_default(schema: Schema) -> None:
    """Want what old records don't have."""
    schema["fields"].append({"name": "till_id", "type": "string", "doc": "The till."})


def rename_field(schema: Schema) -> None:
    """Leave one field out and want another."""
    field(schema, "quantity")["name"] = "units"


def change_type(schema: Schema) -> None:
    """Write text where a number was."""
    field(schema, "quantity")["type"] = "string"


def widen_type(schema: Schema) -> None:
    """Write fractions where old readers know whole units only."""
    field(schema, "quantity")["type"] = "double"


def make_nullable(schema: Schema) -> None:
    """Write null where old readers know none."""
    field(schema, "quantity")["type"] = ["null", "long"]


def require_what_was_nullable(schema: Schema) -> None:
    """Want text where old records have null."""
    field(schema, "channel_id").update(type="string", default="")


def change_unit(schema: Schema) -> None:
    """Count microseconds where milliseconds were counted: the same Avro type."""
    field(schema, "occurred_at")["type"]["logicalType"] = "timestamp-micros"


def drop_unit(schema: Schema) -> None:
    """Count anything where milliseconds were counted: the same Avro type."""
    field(schema, "occurred_at")["type"] = "long"


def rename_record(schema: Schema) -> None:
    """Call the record something else."""
    schema["name"] = "StockCorrected"


def rename_symbol(schema: Schema) -> None:
    """Call a symbol something else; old and new readers see the enum's default."""
    symbols = field(schema, "reason")["type"]["symbols"]
    symbols[symbols.index("STOLEN")] = "THEFT"


def rename_symbol_without_default(schema: Schema) -> None:
    """Call a symbol something else, and leave readers no default for it."""
    rename_symbol(schema)
    del field(schema, "reason")["type"]["default"]


REFUSED: dict[Change, str] = {
    remove_field: "old code can't read new records: reader_field_missing_default_value: quantity",
    add_field_without_default: "new code can't read old records: reader_field_missing_default_value: till_id",
    rename_field: "reader_field_missing_default_value: units",
    change_type: "reader type: string not compatible with writer type: long",
    widen_type: "old code can't read new records",
    make_nullable: "reader type: long not compatible with writer type: null",
    require_what_was_nullable: "new code can't read old records",
    change_unit: "unit of occurred_at long changed from timestamp-millis to timestamp-micros",
    drop_unit: "unit of occurred_at long changed from timestamp-millis to None",
    rename_record: "name_mismatch",
    rename_symbol: "reason enum lost the symbols STOLEN",
    rename_symbol_without_default: "missing_enum_symbols",
}


@pytest.mark.parametrize(
    ("change", "reason"), REFUSED.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_incompatible_change_is_refused(change: Change, reason: str) -> None:
    """A change that some reader would not survive is refused, and the reason says what it is."""
    found = problems_between(*changed("StockAdjusted", change))
    assert any(reason in problem for problem in found), found


def add_field_with_default(schema: Schema) -> None:
    """Tell more, which old readers pass over and old records have as null."""
    schema["fields"].append(
        {"name": "till_id", "type": ["null", "string"], "default": None, "doc": "The till."}
    )


def remove_field_with_default(schema: Schema) -> None:
    """Tell less, which old readers fill in by their default."""
    schema["fields"].remove(field(schema, "channel_id"))


def add_symbol_to_enum_with_default(schema: Schema) -> None:
    """Tell a new kind, which old readers see as the enum's default."""
    field(schema, "reason")["type"]["symbols"].append("DONATED")


def explain_better(schema: Schema) -> None:
    """Change prose only."""
    schema["doc"] = "A correction, better explained."


@pytest.mark.parametrize(
    "change",
    [add_field_with_default, remove_field_with_default, add_symbol_to_enum_with_default, explain_better],
    ids=lambda change: change.__name__,
)
def test_compatible_change_is_accepted(change: Change) -> None:
    """The checker does not stand in the way of a change that every reader survives."""
    assert problems_between(*changed("StockAdjusted", change)) == ()


def test_every_pair_of_versions_is_checked_not_only_neighbours() -> None:
    """A field that goes and comes back as another type fits its neighbours, but not the first version."""
    first = schemas.load("StockAdjusted")
    second, third = schemas.load("StockAdjusted"), schemas.load("StockAdjusted")
    second["fields"].remove(field(second, "channel_id"))
    field(third, "channel_id").update(type=["null", "long"])
    versions = [json.dumps(schema) for schema in (first, second, third)]
    assert not problems(versions[:2])
    assert not problems(versions[1:])
    assert problems(versions)[0].startswith("versions 1 and 3:")


@pytest.mark.parametrize(
    "text",
    ["{", "7", '{"type": "sale"}', '{"type": "record", "name": "a"}', '["long", "long"]'],
)
def test_text_that_is_no_schema_is_refused_as_such(text: str) -> None:
    """Whatever is no Avro schema raises one kind of error."""
    with pytest.raises(InvalidSchema):
        problems_between(text, text)


def test_default_of_another_type_is_no_schema() -> None:
    """A default that does not fit its field would break the first reader that needs it."""
    before, after = changed("StockAdjusted", lambda schema: field(schema, "channel_id").update(default=7))
    with pytest.raises(InvalidSchema, match="Default value"):
        problems_between(before, after)
