"""
How a body is read: each field with its path and its type, and nothing trusted.

What does not fit is Untranslatable, with the path of the field. A reason never quotes what stood there, unless it is
a technical id: reasons go to logs and headers, and a field may hold anybody's name.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from streams.domain import validation

MAXIMUM_DEPTH = 32  # Levels of nesting; the deepest sample of any channel has 9.
MAXIMUM_VALUES = 200_000  # Of one body, all levels together: some 5 MB, more than any channel sends.
MAXIMUM_IDENTIFIER_CHARACTERS = 128  # Three of them and their words make an event id, which may have 512.
MAXIMUM_QUOTED_CHARACTERS = 80  # Of an id in a reason.
MAXIMUM_TEXT_CHARACTERS = 10_000  # Nothing that decides about stock is longer.

# Printable ASCII without space and @: no name and no e-mail address passes for an id.
IDENTIFIER = re.compile(r"[!-?A-~]+")
RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|([+-])(\d\d):?(\d\d))?", re.ASCII
)
DIGITS = re.compile(r"[+-]?\d{1,18}(?:\.0{1,9})?", re.ASCII)


class Untranslatable(ValueError):
    """A body, or one line of it, that can't become events: where, and what is wrong there, as a sentence's end."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where or 'body'}: {reason}")
        self.field = where
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """
    An object of a body, and the path that leads to it; what is asked of it comes typed, or is Untranslatable.

    Names may have dots, which lead into nested objects. A field that is null counts as one that is not there.
    """

    value: Mapping[str, Any]
    path: str = ""

    def where(self, name: str) -> str:
        """Return a field's path from the body's root."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null. Raises Untranslatable if a dot leads into no object."""
        return self._get(name) is not None

    def refuse(self, name: str, reason: str) -> Untranslatable:
        """Return, for raising, what is wrong with a field."""
        return Untranslatable(self.where(name), reason)

    def text(self, name: str) -> str:
        """Return a text that is not empty, stripped."""
        found = self.optional_text(name)
        if found is None:
            raise self.refuse(name, "missing or empty")
        return found

    def optional_text(self, name: str) -> str | None:
        """Return a text, stripped; None for one that is missing, null or empty."""
        found = self._get(name)
        if found is None:
            return None
        if not isinstance(found, str):
            raise self.refuse(name, f"{_kind(found)}, not a text")
        if len(found) > MAXIMUM_TEXT_CHARACTERS:
            raise self.refuse(name, f"longer than {MAXIMUM_TEXT_CHARACTERS} characters")
        return found.strip() or None

    def identifier(self, name: str) -> str:
        """Return a technical id, written as text or as a whole number: printable ASCII, no space, no @."""
        found = self.optional_identifier(name)
        if found is None:
            raise self.refuse(name, "missing or empty")
        return found

    def optional_identifier(self, name: str) -> str | None:
        """Return a technical id as `identifier` does; None for one that is missing, null or empty."""
        found = self._get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            if not 0 <= found < 10**18:
                raise self.refuse(name, "no id: not a number from 0 to 10**18")
            return str(found)
        text = self.optional_text(name)
        if text is None:
            return None
        if len(text) > MAXIMUM_IDENTIFIER_CHARACTERS or not IDENTIFIER.fullmatch(text):
            raise self.refuse(name, f"no id of up to {MAXIMUM_IDENTIFIER_CHARACTERS} printable characters")
        return text

    def one_of(self, name: str, accepted: Iterable[str]) -> str:
        """Return a text that is one of those accepted."""
        found = self.text(name)
        known = tuple(accepted)
        if found not in known:
            raise self.refuse(name, f"none of {', '.join(known)}")
        return found

    def whole(self, name: str, *, minimum: int = 0) -> int:
        """Return a whole number from minimum to the greatest quantity; 2.0, "2" and "2.0" are the number 2."""
        found = self._get(name)
        if found is None:
            raise self.refuse(name, "missing")
        number = _whole(found)
        if number is None:
            raise self.refuse(name, f"{_kind(found)}, not a whole number")
        if not minimum <= number <= validation.MAXIMUM_QUANTITY:
            raise self.refuse(name, f"not between {minimum} and {validation.MAXIMUM_QUANTITY}")
        return number

    def flag(self, name: str) -> bool:
        """Return a truth value; one that is missing is False."""
        found = self._get(name)
        if found is None:
            return False
        if not isinstance(found, bool):
            raise self.refuse(name, f"{_kind(found)}, not true or false")
        return found

    def milliseconds(self, name: str, *, zone: timezone | None = None) -> int:
        """
        Return a time of RFC 3339 as UTC milliseconds, fractions cut off.

        zone is what a time without one is in; without it such a time is refused. Also refused is what lies before
        the year 2000, as the stock agent would.
        """
        return milliseconds(self.text(name), self.where(name), zone=zone)

    def part(self, name: str) -> "Part":
        """Return a nested object."""
        found = self._get(name)
        if found is None:
            raise self.refuse(name, "missing")
        return part_of(found, self.where(name))

    def parts(self, name: str) -> Iterator["Part"]:
        """
        Yield the objects of a list, none for one that is missing.

        An entry that is no object raises when it is reached: use `Gathering.each`, so that it hides no other.
        """
        for place, entry in self.entries(name):
            yield part_of(entry, place)

    def entries(self, name: str) -> list[tuple[str, Any]]:
        """Return the entries of a list as they are, each with its path; none for a list that is missing."""
        found = self._get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.refuse(name, f"{_kind(found)}, not a list")
        where = self.where(name)
        return [(f"{where}[{index}]", entry) for index, entry in enumerate(found)]

    def _get(self, name: str) -> Any:
        found: Any = self.value
        reached = self.path
        for step in name.split("."):
            if found is None:
                return None
            if not isinstance(found, Mapping):
                raise Untranslatable(reached, f"{_kind(found)}, not an object")
            reached = f"{reached}.{step}" if reached else step
            found = found.get(step)
        return found


def parsed(raw: bytes) -> Any:
    """Return the JSON value that bytes hold, as UTF-8. Raises Untranslatable."""
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else "no JSON in UTF-8"
        raise Untranslatable("", reason) from None


def body_of(value: object) -> Part:
    """Return a body that is an object of bearable depth and size. Raises Untranslatable."""
    check_size(value)
    return part_of(value, "")


def check_size(value: object) -> None:
    """Raise Untranslatable for what is nested too deep or holds too many values, without recursion."""
    level: list[Any] = [value]
    seen = 0
    for _ in range(MAXIMUM_DEPTH + 1):
        seen += len(level)
        if seen > MAXIMUM_VALUES:
            raise Untranslatable("", f"holds more than {MAXIMUM_VALUES} values")
        below: list[Any] = []
        for found in level:
            if isinstance(found, Mapping):
                below.extend(found.values())
            elif isinstance(found, list):
                below.extend(found)
        if not below:
            return
        level = below
    raise Untranslatable("", f"nested deeper than {MAXIMUM_DEPTH} levels")


def milliseconds(text: str, where: str, *, zone: timezone | None = None) -> int:
    """Return a time as `Part.milliseconds` does, for a text at a path. Raises Untranslatable."""
    match = RFC_3339.fullmatch(text)
    if match is None:
        raise Untranslatable(where, "no time of RFC 3339, such as 2026-01-31T12:00:00Z")
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    if match[8] is None and zone is None:
        raise Untranslatable(where, "a time without a zone")
    try:
        offset = zone if match[8] is None else _offset(match)
        # A leap second has no millisecond of its own.
        moment = datetime(year, month, day, hour, minute, 59 if second == 60 else second, tzinfo=offset)
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        raise Untranslatable(where, "no time that the calendar has") from None
    found = seconds * 1_000 + int((match[7] or "0").ljust(3, "0")[:3])
    if found < validation.EARLIEST_MILLISECONDS:
        raise Untranslatable(where, "a time before the year 2000")
    return found


def _offset(match: re.Match[str]) -> timezone:
    """Return a written offset. Raises ValueError for a day or more."""
    if match[9] is None:
        return UTC
    offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
    return timezone(-offset if match[9] == "-" else offset)


def _whole(found: Any) -> int | None:
    """Return the whole number that a JSON value stands for, None if it is none."""
    if isinstance(found, bool):
        return None
    if isinstance(found, int):
        return found
    if isinstance(found, float):
        return int(found) if found.is_integer() else None
    if isinstance(found, str) and DIGITS.fullmatch(found.strip()):
        return int(found.strip().partition(".")[0])
    return None


def unknown(part: Part, name: str, reason: str) -> Untranslatable:
    """Return, for raising, what is wrong with a field by a name that nobody expects, named only if it is a word."""
    is_word = name.isascii() and name.isidentifier() and len(name) <= MAXIMUM_QUOTED_CHARACTERS
    return Untranslatable(part.where(name) if is_word else part.path, reason)


def part_of(value: Any, where: str) -> Part:
    """Return a value that is an object, at its path. Raises Untranslatable."""
    if not isinstance(value, Mapping):
        raise Untranslatable(where, f"{_kind(value)}, not an object")
    return Part(value, where)


def _kind(value: object) -> str:
    """Return what a JSON value is, in words, without saying what it holds."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return "null" if value is None else names.get(type(value), "an object")


def shortened(text: str) -> str:
    """Return a text fit for a message: short, and all of it printable."""
    cut = text if len(text) <= MAXIMUM_QUOTED_CHARACTERS else f"{text[:MAXIMUM_QUOTED_CHARACTERS]}…"
    return cut if cut.isprintable() else ascii(cut)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
