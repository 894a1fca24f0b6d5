"""Rows to events as a mapping says: pure, compiled once, then quick for each row."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors.body import Untranslatable
from connectors.files import mapping as rules
from connectors.translation import check
from streams.domain import validation
from streams.domain.sku import InvalidSku, normalise_sku

NOT_TAKEN = "no rule of the mapping takes this row"
EPOCH_UNITS = {"epoch-seconds": 1_000, "epoch-milliseconds": 1}  # In milliseconds.
LATEST_MILLISECONDS = 253_402_300_799_999  # The end of the year 9999, the last that RFC 3339 can write.
TIME_CACHE_ENTRIES = 4_096  # Rows of one receipt share their time.

Row = Mapping[str, Any]
"""Cells by column: texts of a CSV row, values of a JSON object."""

Event = tuple[str, dict[str, Any]]
"""Name of a record, and its value."""

Reader = Callable[[Row], Any]
Test = Callable[[Row], bool]


class InvalidRow(ValueError):
    """A row that can't be an event; the message says why."""


class Translator:
    """Turns rows into events; ordinals are the caller's to count, by `group_of`."""

    def __init__(self, mapping: rules.Mapping) -> None:
        self._source_id = mapping.source_id
        self._template = mapping.event_id.template
        self._within = mapping.event_id.ordinal_within
        self._ignore = [(rule.reason, _all(rule.when)) for rule in mapping.ignore]
        self._events = [(rule.record, _all(rule.when), _fields(mapping, rule)) for rule in mapping.events]

    def group_of(self, row: Row) -> tuple[str, ...]:
        """Return what rows share that are numbered together. Raises InvalidRow."""
        return tuple(cell(row, name) for name in self._within)

    def event_of(self, row: Row, ordinal: int) -> Event | str:
        """Return a row's event, or the reason why the mapping leaves it out. Raises InvalidRow."""
        for reason, holds in self._ignore:
            if holds(row):
                return reason
        for record, holds, fields in self._events:
            if holds(row):
                return record, self._value(record, fields, row, ordinal)
        raise InvalidRow(NOT_TAKEN)

    def _value(
        self, record: str, fields: Sequence[tuple[str, Reader]], row: Row, ordinal: int
    ) -> dict[str, Any]:
        event_id = _filled(self._template, row, {rules.ORDINAL: str(ordinal)})
        value: dict[str, Any] = {"event_id": event_id, "source_id": self._source_id}
        for name, read in fields:
            try:
                value[name] = read(row)
            except InvalidRow as error:
                raise InvalidRow(f"{name}: {error}") from None
        _check(record, value)
        return value


def cell(row: Row, name: str) -> str:
    """
    Return a cell as text, stripped; empty for null and for what is not there.

    A dot in the name leads into a nested object, unless the whole name is a key. Raises InvalidRow for a
    value that is no single one, and for text that is not in the file's encoding.
    """
    found: Any = row.get(name)
    if found is None and "." in name:
        found = row
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        if not found.isascii() and not _encodable(found):
            raise InvalidRow(f"column {name} is not in the file's encoding")
        return found.strip()
    if found is None:
        return ""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float):
        return str(found)
    raise InvalidRow(f"column {name} holds {type(found).__name__}, not a single value")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _filled(template: str, row: Row, known: Mapping[str, str]) -> str:
    """Return a template with its columns filled in. Raises InvalidRow if one is empty."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        text = known.get(name) or cell(row, name)
        if not text:
            raise InvalidRow(f"column {name} is empty")
        return text

    return rules.PLACEHOLDER.sub(replace, template)


def _all(conditions: Sequence[rules.Condition]) -> Test:
    tests = [_test(condition) for condition in conditions]
    return lambda row: all(test(row) for test in tests)


def _test(condition: rules.Condition) -> Test:
    """Return one condition as a function. What it compares as a number must be one, else InvalidRow."""
    name = condition.column
    if condition.equals is not None:
        return lambda row: cell(row, name) == condition.equals
    if condition.one_of is not None:
        accepted = frozenset(condition.one_of)
        return lambda row: cell(row, name) in accepted
    if condition.matches is not None:
        matches = condition.matches.fullmatch
        return lambda row: matches(cell(row, name)) is not None
    if condition.not_matches is not None:
        refused = condition.not_matches.fullmatch
        return lambda row: refused(cell(row, name)) is None
    if condition.below is not None:
        below = condition.below
        return lambda row: _number(name, cell(row, name)) < below
    above = condition.above
    assert above is not None
    return lambda row: _number(name, cell(row, name)) > above


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise InvalidRow(f"column {name}: {text!r} is no number")
    return number


def _fields(mapping: rules.Mapping, event: rules.EventRule) -> list[tuple[str, Reader]]:
    schema = rules.schema_fields(event.record)
    given = mapping.rules_of(event)
    return [
        (name, _reader(name, field, given[name]) if name in given else _default(field))
        for name, field in schema.items()
        if name not in rules.SET_ELSEWHERE
    ]


def _default(field: Mapping[str, Any]) -> Reader:
    default = field["default"]
    return lambda _: default


def _reader(name: str, field: Mapping[str, Any], rule: rules.FieldRule) -> Reader:
    """Return the function that reads one field, by the type that its schema has."""
    text = _text_reader(rule)
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    nullable = "null" in kinds
    kind = next(kind for kind in kinds if kind != "null")
    convert = _converter(name, kind, rule)
    pack_size = None if rule.units is None else _pack_size(rule.units)

    def read(row: Row) -> Any:
        found = text(row)
        if found:
            return convert(found) if pack_size is None else _packed(found, pack_size(row), rule.sign)
        if nullable:
            return None
        raise InvalidRow("empty")

    return read


def _text_reader(rule: rules.FieldRule) -> Callable[[Row], str]:
    constant, column, template = rule.constant, rule.column, rule.template
    if constant is not None:
        return lambda _: str(constant)
    if column is not None:
        plain: Callable[[Row], str] = lambda row: cell(row, column)  # noqa: E731 - one of two, chosen here.
    else:
        assert template is not None
        plain = lambda row: _filled(template, row, {})  # noqa: E731 - the other of the two.
    return (
        plain
        if rule.case == "keep" and rule.values is None and rule.default is None
        else _mended(plain, rule)
    )


def _mended(plain: Callable[[Row], str], rule: rules.FieldRule) -> Callable[[Row], str]:
    """Return a reader that also changes case, translates values and fills in the default."""

    def read(row: Row) -> str:
        text = plain(row)
        if rule.case != "keep":
            text = text.upper() if rule.case == "upper" else text.lower()
        if rule.values is not None and text:
            translated = rule.values.get(text, rule.default)
            if translated is None:
                raise InvalidRow(f"the mapping's values have no {text!r}")
            return translated
        return text or rule.default or ""

    return read


def _converter(name: str, kind: Any, rule: rules.FieldRule) -> Callable[[str], Any]:
    if isinstance(kind, dict) and kind["type"] == "enum":
        return _symbol(kind["symbols"])
    if isinstance(kind, dict) and kind.get("logicalType") == "timestamp-millis":
        return lru_cache(TIME_CACHE_ENTRIES)(_time(rule.format, rule.time_zone))
    if kind == "long":
        return lambda text: _signed(text, rule.sign)
    return _sku if name == "sku" else str


def _sku(text: str) -> str:
    try:
        return normalise_sku(text)
    except InvalidSku as error:
        raise InvalidRow(str(error)) from None


def _symbol(symbols: Sequence[str]) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in symbols:
            raise InvalidRow(f"{text!r} is none of {', '.join(symbols)}")
        return text

    return convert


def _signed(text: str, sign: str) -> int:
    """Return a whole number, also when written as 2.0. Raises InvalidRow."""
    try:
        number = int(text)
    except ValueError:
        number = int(_whole(text))
    if sign == "keep":
        return number
    return -number if sign == "negate" else abs(number)


def _pack_size(units: int | rules.Units) -> Callable[[Row], int]:
    """Return the function that tells how many units one of what a row counts holds."""
    if isinstance(units, int):
        return lambda _: units

    def read(row: Row) -> int:
        unit = cell(row, units.column)
        found = units.values.get(unit, units.default)
        if found is None:
            raise InvalidRow(f"the mapping's units have no {unit!r}")
        return found

    return read


def _packed(text: str, pack_size: int, sign: str) -> int:
    """Return a quantity of packs in units; half a pack is fine if that is a whole number of units."""
    try:
        number = Decimal(text) * pack_size
    except (InvalidOperation, Overflow):
        raise InvalidRow(f"{text!r} is no number") from None
    return _signed(format(_checked(number, text), "f"), sign)


def _whole(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise InvalidRow(f"{text!r} is no whole number") from None
    return _checked(number, text)


def _checked(number: Decimal, text: str) -> Decimal:
    """Return a number that is a possible quantity. Raises InvalidRow."""
    if not number.is_finite() or abs(number) > validation.MAXIMUM_QUANTITY or number % 1:
        raise InvalidRow(f"{text!r} is no whole number up to {validation.MAXIMUM_QUANTITY}")
    return number


def _time(form: str, zone: ZoneInfo) -> Callable[[str], int]:
    """
    Return the function that reads times of a format as UTC milliseconds.

    A time without zone is in `zone`; one that a change of clocks makes ambiguous is the first of the two.
    """

    def convert(text: str) -> int:
        try:
            milliseconds = _epoch(text, form) if form in EPOCH_UNITS else _calendar(text, form, zone)
        except (ValueError, ArithmeticError):
            milliseconds = -1
        if not 0 <= milliseconds <= LATEST_MILLISECONDS:
            raise InvalidRow(f"{text!r} is no time of format {form!r}")
        return milliseconds

    return convert


def _epoch(text: str, form: str) -> int:
    return int(Decimal(text) * EPOCH_UNITS[form])


def _calendar(text: str, form: str, zone: ZoneInfo) -> int:
    moment = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1_000)


def _check(record: str, value: dict[str, Any]) -> None:
    """
    Raise InvalidRow for an event that the stock agent would refuse for ever.

    Whether it lies in the future is left to the agent, because the same row must give the same event whenever
    it is read.
    """
    try:
        check(record, value, "")
    except Untranslatable as error:
        raise InvalidRow(error.reason) from None
