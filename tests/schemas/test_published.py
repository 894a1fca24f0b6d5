"""Published schemas: never changed, all explained, all with an example, one envelope for every event."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import schemas
from schemas import Version, wire
from streams import topology
from tests.schemas.samples import example, file_name

FOLDER = Path(schemas.__file__).parent
PUBLISHED = [version for record in schemas.RECORDS for version in schemas.VERSIONS[record]]
ENVELOPE = ["event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at"]
ENVELOPED = [
    record
    for topic in (
        topology.STOCK_SALES,
        topology.STOCK_RETURNS,
        topology.STOCK_RECEIPTS,
        topology.STOCK_COUNTS,
    )
    for record in topic.records
]


every_version = pytest.mark.parametrize("version", PUBLISHED, ids=file_name)


def test_published_file_is_never_edited() -> None:
    """Every schema file is locked by its hash, and every lock has its file."""
    lines = (FOLDER / "published.lock").read_text("utf-8").splitlines()
    locked = {name: digest for digest, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.avsc")}
    assert found == locked, (
        "A published schema never changes: undo the edit and make a new version (schemas/README.md)"
    )


def test_every_file_has_an_id_of_its_own_given_out_in_order() -> None:
    """Ids are unique, without a gap, one for each file, and rise with the version."""
    ids: dict[str, int] = json.loads((FOLDER / "ids.json").read_text("utf-8"))
    assert sorted(ids) == sorted(path.stem for path in FOLDER.glob("*.avsc"))
    assert sorted(ids.values()) == list(range(1, len(ids) + 1))
    for record in schemas.RECORDS:
        numbers = [version.version for version in schemas.VERSIONS[record]]
        assert numbers == list(range(1, len(numbers) + 1)), f"{record} has versions {numbers}"


@every_version
def test_file_is_named_after_its_record(version: Version) -> None:
    """The record inside a file is the one that its name says, in the namespace of all."""
    schema = json.loads(version.text)
    assert (schema["namespace"], schema["name"]) == (schemas.NAMESPACE, version.record)


@every_version
def test_every_record_enum_and_field_is_explained(version: Version) -> None:
    """Nothing is without a doc, and each doc is a sentence."""
    unexplained = [
        place for place, doc in docs(json.loads(version.text), "") if not doc.strip().endswith(".")
    ]
    assert not unexplained, f"{file_name(version)}: no sentence in the doc of {', '.join(unexplained)}"


def docs(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Give the doc of every named type and field of a schema, empty where there is none."""
    if isinstance(node, list):
        for branch in node:
            yield from docs(branch, place)
    elif isinstance(node, dict):
        if "name" in node:
            place = f"{place}.{node['name']}".lstrip(".")
            yield place, node.get("doc", "")
        for inner in ("type", "items", "values", "fields"):
            yield from docs(node.get(inner, []), place)


@every_version
def test_example_fits_its_schema(version: Version) -> None:
    """Each version has an example, which uses all of its fields and comes back from the wire as it was."""
    value = example(version)
    assert list(value) == [field["name"] for field in json.loads(version.text)["fields"]]
    if version == schemas.latest(version.record):
        assert wire.decode(wire.encode(version.record, value)) == (version.record, value)


@pytest.mark.parametrize("record", ENVELOPED)
def test_every_event_begins_with_the_envelope_of_the_ledger(record: str) -> None:
    """The stock agent copies the bytes of these seven fields into the ledger, so all versions agree."""
    ledger = envelope(schemas.latest("StockMovement"))
    assert [field["name"] for field in ledger] == ENVELOPE
    for version in schemas.VERSIONS[record]:
        assert envelope(version) == ledger, f"{file_name(version)} begins otherwise"


def envelope(version: Version) -> list[dict[str, Any]]:
    """Return the first seven fields of a version, without their docs."""
    fields = json.loads(version.text)["fields"][: len(ENVELOPE)]
    return [{key: part for key, part in field.items() if key != "doc"} for field in fields]


def test_type_shared_by_records_is_the_same_in_all_of_them() -> None:
    """Code generators make one class of each full name, so two shapes under one name would not compile."""
    shapes: dict[str, str] = {}
    for record in schemas.RECORDS:
        for name, shape in named_types(schemas.load(record)):
            assert shapes.setdefault(name, shape) == shape, f"{record} has another {name}"


def named_types(node: Any) -> Iterator[tuple[str, str]]:
    """Give every record and enum inside a schema with its shape."""
    if isinstance(node, list):
        for part in node:
            yield from named_types(part)
    elif isinstance(node, dict):
        if "symbols" in node or "fields" in node:
            yield node["name"], json.dumps(node, sort_keys=True)
        for inner in ("type", "items", "values", "fields"):
            yield from named_types(node.get(inner, []))


def test_every_topic_has_known_records_and_every_record_a_topic() -> None:
    """Topology and schemas name the same records."""
    used = {record for topic in topology.all_topics(["web"]) for record in topic.records}
    assert used == set(schemas.RECORDS)


def test_unknown_names_and_ids_are_refused() -> None:
    """Asking for what is not there raises, with what there is in the message."""
    with pytest.raises(schemas.UnknownRecord, match="SaleRecorded"):
        schemas.load("SaleForgotten")
    with pytest.raises(schemas.UnknownSchemaId, match="4711"):
        schemas.by_id(4711)


def test_loaded_schema_is_a_copy() -> None:
    """What one caller does to its schema, no other caller sees."""
    schemas.load("SaleRecorded").clear()
    assert schemas.load("SaleRecorded")["name"] == "SaleRecorded"
    assert schemas.by_id(schemas.schema_id("SaleRecorded")) == ("SaleRecorded", schemas.load("SaleRecorded"))
