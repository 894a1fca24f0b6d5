"""What the registry knows: schemas by id, by subject and version, and by their own text."""

import json
from dataclasses import dataclass
from functools import cached_property

from schemas import Version, compatibility
from schemas.compatibility import InvalidSchema
from schemas.registry.errors import (
    INVALID_SCHEMA,
    SCHEMA_NOT_FOUND,
    SUBJECT_NOT_FOUND,
    VERSION_NOT_FOUND,
    RegistryError,
)
from schemas.registry.normal_form import normal_form
from schemas.registry.subjects import Subjects

LATEST = -1
"""The newest version of a subject, whatever its number."""


@dataclass(frozen=True, slots=True)
class Filing:
    """One place of a schema: it is that version (from 1) of that subject."""

    subject: str
    version: int
    schema: Version

    @property
    def text(self) -> str:
        """The schema in one line, as registries hand it out."""
        return compact(self.schema.text)


class Catalogue:
    """All subjects of an installation. Every method raises RegistryError for what is not there."""

    def __init__(self, subjects: Subjects) -> None:
        self.subjects = tuple(subjects)
        self.filings = tuple(
            Filing(subject, number, schema)
            for subject, versions in subjects.items()
            for number, schema in enumerate(versions, start=1)
        )

    @cached_property
    def _by_subject(self) -> dict[str, list[Filing]]:
        by_subject: dict[str, list[Filing]] = {}
        for filing in self.filings:
            by_subject.setdefault(filing.subject, []).append(filing)
        return by_subject

    @cached_property
    def _normal_forms(self) -> dict[int, str]:
        return {filing.schema.schema_id: normal_form(filing.schema.text) for filing in self.filings}

    @property
    def max_id(self) -> int:
        """The highest schema id."""
        return max(self._normal_forms, default=0)

    def versions(self, subject: str) -> list[Filing]:
        """Return all versions of a subject, oldest first."""
        try:
            return self._by_subject[subject]
        except KeyError:
            raise RegistryError(SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.") from None

    def version(self, subject: str, version: int) -> Filing:
        """Return one version of a subject, or its newest for LATEST."""
        versions = self.versions(subject)
        if version == LATEST:
            return versions[-1]
        if not 1 <= version <= len(versions):
            raise RegistryError(VERSION_NOT_FOUND, f"Version {version} not found.")
        return versions[version - 1]

    def places(self, schema_id: int) -> list[Filing]:
        """Return every place of a schema, at least one."""
        places = [filing for filing in self.filings if filing.schema.schema_id == schema_id]
        if not places:
            raise RegistryError(SCHEMA_NOT_FOUND, f"Schema {schema_id} not found")
        return places

    def find(self, subject: str, text: str) -> Filing | None:
        """Return the version of a subject that is this schema but for prose and spelling; None if none is."""
        versions = self.versions(subject)
        require_schema(text)
        wanted = normal_form(text)
        matches = (filing for filing in versions if self._normal_forms[filing.schema.schema_id] == wanted)
        return next(matches, None)

    def problems(self, subject: str, version: int | None, text: str) -> tuple[str, ...]:
        """
        Return why a schema is no possible next version of its record in a subject; empty when it is one.

        Without a version it is held against all of the record's. A record that the subject does not have yet
        has nothing to agree with.
        """
        require_schema(text)
        filed = self.versions(subject) if version is None else [self.version(subject, version)]
        older = [filing.schema.text for filing in filed if _name(filing.schema.text) == _name(text)]
        found = (compatibility.problems_between(published, text) for published in older)
        return tuple(dict.fromkeys(problem for problems in found for problem in problems))

    def level(self, subject: str) -> str:
        """Return the compatibility level of a subject; none where records of several kinds share one."""
        records = {filing.schema.record for filing in self.versions(subject)}
        return compatibility.LEVEL if len(records) == 1 else "NONE"


def compact(text: str) -> str:
    """Return a schema in one line."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def require_schema(text: str) -> None:
    """Refuse a text that is no Avro schema. Raises RegistryError."""
    try:
        compatibility.parsed(text)
    except InvalidSchema as error:
        raise RegistryError(INVALID_SCHEMA, f"Invalid schema: {error}") from error


def _name(text: str) -> str | None:
    """Return the full name of a schema's record; None when it is no record."""
    schema = json.loads(text)
    if not isinstance(schema, dict) or "name" not in schema:
        return None
    name, namespace = str(schema["name"]), schema.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"
