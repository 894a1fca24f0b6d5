"""
Which sources are silent (semantics 9): verification's own reading of the topic of sources.

What depends on the present moment is judged with tolerance: workers write what they hear every few seconds at most,
and need a moment to act on a silence. Near a limit a source may count as silent or not, so there are several worlds,
and what was published must agree with one of them.
"""

from itertools import product
from typing import Any

HEARD_RECORD = "SourceHeard"
TOLERANCE_MS = 10_000
FUTURE_TOLERANCE_MS = 5 * 60_000
MOST_WORLDS = 64  # Six sources near a limit at the same moment; with more, silence is not judged.

World = dict[str, int]
"""By source_id: the longest limit, in seconds, that its silence exceeds, 0 for none."""


class Hearing:
    """When each source was heard last, UTC milliseconds, as the topic of sources says at one moment."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._heard: dict[str, int] = {}

    def add(self, record: str, value: dict[str, Any]) -> None:
        """Take a record of the topic; one from the future is no sign of life."""
        if record == HEARD_RECORD and value["heard_at"] <= self._now_ms + FUTURE_TOLERANCE_MS:
            source_id = value["source_id"]
            self._heard[source_id] = max(value["heard_at"], self._heard.get(source_id, 0))

    def worlds(self, source_ids: set[str], limits: set[int]) -> list[World]:
        """Return what may be true of some sources under some limits (seconds); nothing if that is too much."""
        sources = sorted(source_ids)
        choices = [self._exceeded(source_id, limits) for source_id in sources]
        count = 1
        for choice in choices:
            count *= len(choice)
        if count > MOST_WORLDS:
            return []
        return [dict(zip(sources, chosen, strict=True)) for chosen in product(*choices)]

    def _exceeded(self, source_id: str, limits: set[int]) -> list[int]:
        silence = self._now_ms - self._heard.get(source_id, 0)
        surely = max((limit for limit in limits if silence - TOLERANCE_MS > limit * 1_000), default=0)
        maybe = max((limit for limit in limits if silence + TOLERANCE_MS > limit * 1_000), default=0)
        return [surely, *sorted(limit for limit in limits if surely < limit <= maybe)]
