"""
The Avro schemas of every topic: one file for each version of each record, under fixed ids.

A published file never changes (README.md says how to make a new version). The ids are fixed in ids.json, so
that the same bytes mean the same thing on every installation, with or without a registry (design D6).
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

NAMESPACE = "onhand"
"""Namespace of every record: the full name of SaleRecorded is onhand.SaleRecorded."""


@dataclass(frozen=True, slots=True)
class Version:
    """One published version of one record; text is the file as it stands, version counts from 1."""

    record: str
    version: int
    schema_id: int
    text: str


class UnknownRecord(LookupError):
    """There is no schema of that name."""


class UnknownSchemaId(LookupError):
    """There is no schema under that id."""


def _read_all() -> dict[str, tuple[Version, ...]]:
    """Return the versions of every record, oldest first, records in the order of their first id."""
    folder = files(__name__)
    ids: dict[str, int] = json.loads(folder.joinpath("ids.json").read_text("utf-8"))
    found: dict[str, list[Version]] = {}
    for name, identifier in sorted(ids.items(), key=lambda item: item[1]):
        record, _, number = name.partition(".v")
        text = folder.joinpath(f"{name}.avsc").read_text("utf-8")
        found.setdefault(record, []).append(Version(record, int(number), identifier, text))
    # Ids are given out in order, so the versions of a record are in order too; a test holds us to it.
    return {record: tuple(of_record) for record, of_record in found.items()}


VERSIONS = _read_all()
"""Every version of every record, oldest first."""

RECORDS = tuple(VERSIONS)
"""Names of all records, without namespace."""

_BY_ID = {version.schema_id: version for of_record in VERSIONS.values() for version in of_record}


def full_name(record: str) -> str:
    """Return a record's name with its namespace, such as onhand.SaleRecorded."""
    return f"{NAMESPACE}.{record}"


def versions(record: str) -> tuple[Version, ...]:
    """Return all versions of a record, oldest first. Raises UnknownRecord."""
    try:
        return VERSIONS[record]
    except KeyError:
        raise UnknownRecord(f"there is no schema {record!r}; there are {', '.join(RECORDS)}") from None


def latest(record: str) -> Version:
    """Return the newest version of a record. Raises UnknownRecord."""
    return versions(record)[-1]


def version_of(identifier: int) -> Version:
    """Return the version that an id stands for. Raises UnknownSchemaId."""
    try:
        return _BY_ID[identifier]
    except KeyError:
        raise UnknownSchemaId(f"schema id {identifier} is unknown") from None


def load(record: str) -> dict[str, Any]:
    """Return the newest schema of a record as parsed JSON, a copy of its own. Raises UnknownRecord."""
    schema: dict[str, Any] = json.loads(latest(record).text)
    return schema


@cache
def schema_id(record: str) -> int:
    """Return the id of the newest schema of a record. Raises UnknownRecord."""
    return latest(record).schema_id


def by_id(identifier: int) -> tuple[str, dict[str, Any]]:
    """Return the record and the schema, as parsed JSON, that an id stands for. Raises UnknownSchemaId."""
    version = version_of(identifier)
    return version.record, json.loads(version.text)
