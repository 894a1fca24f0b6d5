"""Moments and spans of time as people write them on the command line."""

import re
from datetime import UTC, datetime

from streams.cli.errors import UserError

MILLISECONDS_PER_SECOND = 1_000
SECONDS_BY_UNIT = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,6})([smhd])")


def moment_ms(text: str, now_ms: int) -> int:
    """
    Return a moment as UTC milliseconds: `90m`, `24h` or `7d` ago, or an ISO 8601 date or time, UTC without zone.

    Raises UserError for anything else.
    """
    if ago := _SPAN.fullmatch(text.strip()):
        return now_ms - int(ago[1]) * SECONDS_BY_UNIT[ago[2]] * MILLISECONDS_PER_SECOND
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(
            f"{text!r} is no time: write 90m, 24h or 7d for that long ago, or 2026-03-01 or 2026-03-01T08:30."
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * MILLISECONDS_PER_SECOND)


def duration_seconds(text: str) -> float:
    """Return a span of time such as `90s`, `15m`, `2h` or `1d` in seconds. Raises UserError for anything else."""
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        raise UserError(f"{text!r} is no span of time: write 90s, 15m or 2h.")
    return float(int(span[1]) * SECONDS_BY_UNIT[span[2]])
