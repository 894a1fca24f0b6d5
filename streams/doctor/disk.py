"""Room on the disk that a data directory lies on."""

import shutil
from pathlib import Path

from streams.doctor.finding import Finding, failure, fine, warning

AREA = "disk"
GIBIBYTE = 2**30
LEAST_FREE_BYTES = GIBIBYTE  # Kafka's segments are of that size: with less it can't begin another.
SOON_FULL_SHARE = 0.1


def look_at_disk(directory: Path) -> list[Finding]:
    """Return how much room a data directory has."""
    if not directory.is_dir():
        return [failure(AREA, f"{directory} is no directory", "check --data-dir")]
    usage = shutil.disk_usage(directory)
    return [judge_disk(usage.free, usage.total)]


def judge_disk(free_bytes: int, total_bytes: int) -> Finding:
    """Return whether that is enough."""
    what = f"{free_bytes / GIBIBYTE:.1f} GiB of {total_bytes / GIBIBYTE:.0f} GiB are free"
    if free_bytes < LEAST_FREE_BYTES:
        return failure(AREA, what, "free some space before Kafka stops")
    if free_bytes < SOON_FULL_SHARE * total_bytes:
        return warning(AREA, what, "free some space, or shorten retention")
    return fine(AREA, what)
