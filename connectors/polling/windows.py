"""Windows of time that a channel is asked about, and what all channels' pages have in common."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.egress.answers import reason_of
from connectors.protocols import ChannelUnavailable

WINDOW_MS = 86_400_000  # A back-fill goes on from where it was after each day of the past.


class Window(NamedTuple):
    """What changed from since until until; UTC milliseconds."""

    since: int
    until: int


class Polled(NamedTuple):
    """One thing that a channel answered, and the topic by which it is translated."""

    topic: str
    body: Any


Pages = Callable[[Window], AsyncIterator[list[Polled]]]
"""Yields all that changed within a window, page by page. Raises ChannelUnavailable."""


def window_from(position: int, overlap_ms: int, now: int) -> Window:
    """
    Return the next window after a position, all before which has been read.

    It begins earlier by the overlap: channels list some changes late, and clocks differ. What was read before comes
    again with the same ids.
    """
    until = min(now, position + WINDOW_MS)
    return Window(max(0, min(position, until) - overlap_ms), until)


def rfc3339_seconds(milliseconds: int) -> str:
    """Return a time as 2026-01-31T12:00:00Z, for channels that know no fractions."""
    return datetime.fromtimestamp(milliseconds // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def entries_of(value: Any, *path: str) -> list[Any]:
    """Return the list under a path, empty where a channel leaves it out. Raises ChannelUnavailable for no list."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None and path:
        return []
    if not isinstance(value, list):
        raise ChannelUnavailable(reason_of(200, f"no list of {'.'.join(path) or 'entries'}".encode()))
    return value
