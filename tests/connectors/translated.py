"""For translators of files: what they said, event by event, with times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.translation import Translation
from tests.connectors.translating import FIXTURES, SAMPLES

ENVELOPE = ("source_id", "channel_id")
TIMES = ("occurred_at", "as_of", "eta", "deliver_at")

needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the vendors' samples are no part of the project"
)


def file(name: str) -> bytes:
    """Return a fixture of the project's own, as it would come."""
    return (FIXTURES / name).read_bytes()


def told(translation: Translation) -> list[tuple[str, dict[str, Any]]]:
    """Return the events without what is the account's and without nulls, times as people write them."""
    return [
        (record, {name: _plain(name, found) for name, found in value.items() if _is_told(name, found)})
        for record, value in translation.events
    ]


def short(translation: Translation, *names: str) -> list[tuple[Any, ...]]:
    """Return a few fields of each event, the record's name first."""
    return [(record, *(value[name] for name in names)) for record, value in told(translation)]


def _is_told(name: str, found: Any) -> bool:
    return name not in ENVELOPE and found is not None


def _plain(name: str, found: Any) -> Any:
    if name not in TIMES:
        return found
    moment = datetime.fromtimestamp(found / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds" if found % 1_000 else "seconds").replace("+00:00", "Z")
