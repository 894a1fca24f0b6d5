"""
The mapping file: how rows of somebody's file become events, declared in TOML (the standard library reads it).

README.md beside this file shows each key. Every mistake is found before the first row is read.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

import schemas
from connectors.protocols import SourceError
from connectors.translation import EVENTS

RECORDS = tuple(EVENTS)
"""Records that a file can hold: events of stock, one a row. Policies are set, not replayed."""

ORDINAL = "ordinal"
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
SET_ELSEWHERE = {"event_id", "source_id"}


class MappingError(SourceError):
    """The mapping file makes no sense; the message names the key and what it takes."""


def _zone(value: Any) -> Any:
    """Return the time zone of that IANA name. Raises ValueError."""
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {value!r}") from None


def _pattern(value: Any) -> Any:
    """Return the compiled regular expression. Raises ValueError."""
    try:
        return re.compile(value) if isinstance(value, str) else value
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None


Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]


class _Table(BaseModel):
    """One table of the file: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _exactly_one(table: _Table, *keys: str) -> None:
    given = [key for key in keys if getattr(table, key) is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(keys)}")


class Condition(_Table):
    """A test of one column; all conditions of a list must hold."""

    column: str
    equals: str | None = None
    one_of: tuple[str, ...] | None = None
    matches: Pattern | None = None
    not_matches: Pattern | None = None
    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, "equals", "one_of", "matches", "not_matches", "below", "above")
        return self


PackSize = Annotated[
    int, Field(ge=1, le=1_000_000)
]  # No pallet holds more units; a larger figure is a mistake.


class Units(_Table):
    """How many units one of a row's unit of measure holds, by a column that names it, such as 12 for CASE."""

    column: str
    values: dict[str, PackSize] = Field(min_length=1)
    default: PackSize | None = None


class FieldRule(_Table):
    """
    Where one field of an event comes from: a column, a constant, or a template of columns.

    values translates what stands there, default replaces what is empty or has no translation. format and
    time_zone are for times, sign and units for quantities: what stands there is multiplied by units.
    """

    column: str | None = None
    constant: str | int | None = None
    template: str | None = None
    case: Literal["keep", "upper", "lower"] = "keep"
    values: dict[str, str] | None = None
    default: str | None = None
    sign: Literal["keep", "negate", "absolute"] = "keep"
    units: PackSize | Units | None = None
    format: str = "iso"
    time_zone: Zone = ZoneInfo("UTC")

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, "column", "constant", "template")
        return self


class EventId(_Table):
    """How an event's id is made; `{ordinal}` numbers the rows with equal `ordinal_within` columns from 1."""

    template: str
    ordinal_within: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not PLACEHOLDER.search(self.template):
            raise ValueError("template names no column, so that all events would have one id")
        return self


class IgnoreRule(_Table):
    """Rows to leave out, counted under a reason."""

    reason: str
    when: tuple[Condition, ...] = Field(min_length=1)


class EventRule(_Table):
    """Rows that are events of one record; without conditions, all that are left."""

    record: str
    when: tuple[Condition, ...] = ()
    fields: dict[str, FieldRule] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.record not in RECORDS:
            raise ValueError(f"there is no event {self.record!r}; there are {', '.join(RECORDS)}")
        return self


FEED_FIELDS = {"feed_id", "feed_kind", "sequence", "total"}
FEED_PLACEHOLDERS = {"file", "as_of", "location_id"}


class FullFeed(_Table):
    """Says that all counts of a location together are all that it holds; id names each such export anew."""

    id: str = Field("{as_of}", min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        unknown = set(PLACEHOLDER.findall(self.id)) - FEED_PLACEHOLDERS
        if unknown or not PLACEHOLDER.search(self.id):
            raise ValueError(f"id: it is made of {', '.join(sorted(FEED_PLACEHOLDERS))}, of at least one")
        return self


class Mapping(_Table):
    """A whole mapping file."""

    source_id: str = Field(min_length=1)
    format: Literal["csv", "jsonl"] | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    event_id: EventId
    fields: dict[str, FieldRule] = {}
    ignore: tuple[IgnoreRule, ...] = ()
    events: tuple[EventRule, ...] = Field(min_length=1)
    full_feed: FullFeed | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.full_feed is not None:
            self._check_full_feed()
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"encoding: there is none called {self.encoding!r}") from None
        known = {name for rule in self.events for name in schema_fields(rule.record)}
        for name in set(self.fields) - known:
            raise ValueError(f"fields.{name}: none of the mapped events has it")
        for number, rule in enumerate(self.events):
            self._check_event(f"events.{number}", rule)
        return self

    def _check_full_feed(self) -> None:
        """Raise ValueError unless all events are counts, and the feed's fields are left to it."""
        for number, rule in enumerate(self.events):
            if rule.record != "StockCounted":
                raise ValueError(f"events.{number}: rows of a full feed are StockCounted, not {rule.record}")
        given = self.fields.keys() | {name for rule in self.events for name in rule.fields}
        for name in sorted(FEED_FIELDS & given):
            raise ValueError(f"fields.{name}: full_feed says it")

    def _check_event(self, where: str, rule: EventRule) -> None:
        """Raise ValueError unless every field that the record needs, and no other, has a rule."""
        fields = schema_fields(rule.record)
        for name in set(rule.fields) - fields.keys():
            raise ValueError(f"{where}.fields.{name}: {rule.record} has no such field")
        given = self.fields | rule.fields
        for name in SET_ELSEWHERE & given.keys():
            raise ValueError(f"{where}.fields.{name}: set {name} at the top of the file instead")
        for name, own in given.items():
            if own.units is not None and name != "quantity":
                raise ValueError(f"{where}.fields.{name}: units are for quantity only")
        for name, field in fields.items():
            if name not in given and name not in SET_ELSEWHERE and "default" not in field:
                raise ValueError(f"{where}: {rule.record} needs a rule for {name}")

    def rules_of(self, rule: EventRule) -> dict[str, FieldRule]:
        """Return the rule of each field of an event, its own before the shared ones."""
        given = self.fields | rule.fields
        return {name: given[name] for name in schema_fields(rule.record) if name in given}

    def columns(self) -> Iterator[str]:
        """Yield the columns that the mapping needs, some more than once."""
        yield from self.event_id.ordinal_within
        yield from (name for name in PLACEHOLDER.findall(self.event_id.template) if name != ORDINAL)
        for conditions in (*(rule.when for rule in self.ignore), *(rule.when for rule in self.events)):
            yield from (condition.column for condition in conditions)
        for event in self.events:
            for field in self.rules_of(event).values():
                yield from [field.column] if field.column else PLACEHOLDER.findall(field.template or "")
                yield from [field.units.column] if isinstance(field.units, Units) else []


def schema_fields(record: str) -> dict[str, dict[str, Any]]:
    """Return the fields of a record's schema by name, in order."""
    return {field["name"]: field for field in schemas.load(record)["fields"]}


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises MappingError with one sentence that names the key."""
    try:
        return parse_mapping(path.read_text("utf-8"))
    except OSError as error:
        raise MappingError(f"Cannot read the mapping {path}: {error.strerror}.") from error
    except (MappingError, UnicodeDecodeError) as error:
        raise MappingError(f"Mapping {path}: {error}") from error


def parse_mapping(text: str) -> Mapping:
    """Return the mapping that a TOML text holds. Raises MappingError."""
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"no TOML: {error}.") from error
    except ValidationError as error:
        raise MappingError("; ".join(_sentence(detail) for detail in error.errors()) + ".") from error


def _sentence(detail: Any) -> str:
    """Return what is wrong with one key, the key first."""
    where = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "there is no such key"
    return f"{where}: {message}" if where else message
