"""Which line of a TOML text a key stands on: the parser does not say it, and a person wants to know."""

import tomllib
from typing import Any

Path = tuple[str | int, ...]


def line_of(text: str, path: Path) -> int | None:
    """
    Return the line, from 1, of a key, or of the innermost table around it that is written; None without any.

    Values that go over several lines count as the line of their key. For messages only: of two tables of an array
    it finds the first.
    """
    wanted = tuple(str(step) for step in path if isinstance(step, str))
    best, found = 0, None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        key = _keys(stripped) if stripped.startswith("[") else _assigned(stripped)
        if key is None:
            continue
        if stripped.startswith("["):
            table = key
        else:
            key = (*table, *key)
        if len(key) > best and wanted[: len(key)] == key:
            best, found = len(key), number
    return found


def _assigned(line: str) -> tuple[str, ...] | None:
    """Return the key that a line gives a value to; an = may also be part of a quoted key."""
    place = line.find("=")
    while place > 0:
        found = _keys(f"{line[:place]} = 0")
        if found is not None:
            return found
        place = line.find("=", place + 1)
    return None


def _keys(line: str) -> tuple[str, ...] | None:
    """Return the key of one line as its steps, None for what is no TOML by itself."""
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    steps = []
    while isinstance(value, dict | list) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        step, value = next(iter(value.items()))
        steps.append(step)
    return tuple(steps)
