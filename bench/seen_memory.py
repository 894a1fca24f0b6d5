"""What an event's identity costs in memory: filled as a worker fills it, batch by batch and hour by hour."""

import hashlib
import json
import resource
import subprocess
import sys
from pathlib import Path

from streams.engine.seen import MILLISECONDS_PER_HOUR, SeenCodec, SeenEvents

IDS = 1_000_000
BATCH_IDS = 2_000
HOURS = 7 * 24
BYTES_PER_ID_AT_MOST = 40  # The aim of issue 3, at a million identities in one partition.


def run(ids: int = IDS) -> dict[str, float]:
    """Fill one partition in a process of its own and return what its memory grew by."""
    command = [sys.executable, "-m", "bench.seen_memory", str(ids)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _fill(ids: int) -> dict[str, float]:
    seen = SeenEvents("seen", SeenCodec(), HOURS)
    seen.open(0)
    _take(seen, 0, BATCH_IDS)  # So that what the first batch alone costs is not counted.
    before = _resident_bytes()
    for start in range(BATCH_IDS, ids, BATCH_IDS):
        _take(seen, start, min(BATCH_IDS, ids - start))
    held = _resident_bytes() - before
    return {"ids": len(seen), "bytes_per_id": held / (ids - BATCH_IDS)}


def _take(seen: SeenEvents, start: int, count: int) -> None:
    for number in range(start, start + count):
        identity = hashlib.blake2b(b"%d" % number, digest_size=16).digest()
        seen.check(0, identity, identity[:6])
    seen.flush(lambda *_: None, "bench", start // BATCH_IDS % HOURS * MILLISECONDS_PER_HOUR)
    seen.merge()


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    print(json.dumps(_fill(int(sys.argv[1]))))
