"""Whole UTC days, counted from 1970-01-01: the grain of future supply and demand (semantics 10)."""

MILLISECONDS_PER_DAY = 86_400_000


def day_of(milliseconds: int) -> int:
    """Return the UTC day that a time lies in."""
    return milliseconds // MILLISECONDS_PER_DAY


def day_of_or_none(milliseconds: int | None) -> int | None:
    """Return the UTC day that a time lies in, None for no time."""
    return None if milliseconds is None else milliseconds // MILLISECONDS_PER_DAY


def start_of(day: int) -> int:
    """Return the first moment of a UTC day, in milliseconds."""
    return day * MILLISECONDS_PER_DAY
