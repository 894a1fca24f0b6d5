"""How a long download is shown: a bar on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

# Plain output says where it is once a quarter: enough to see life in a CI log, not enough to fill it.
PLAIN_STEPS_TOTAL = 4
BYTES_PER_MEGABYTE = 1_000_000


@contextmanager
def download_progress(what: str, files_total: int, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """
    Show a download on standard error and yield a function that is told the bytes as they arrive.

    The function may be called from several threads.
    """
    title = f"Downloading {what}: {files_total} files, {total_bytes / BYTES_PER_MEGABYTE:.0f} MB, once"
    if not sys.stderr.isatty():
        yield _plain(title, total_bytes)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total_bytes)
        yield lambda count: progress.advance(task, count)


def _plain(title: str, total_bytes: int) -> Callable[[int], None]:
    print(title, file=sys.stderr, flush=True)
    lock = threading.Lock()
    done_bytes = 0
    shown_steps = 0

    def advance(count: int) -> None:
        nonlocal done_bytes, shown_steps
        with lock:
            done_bytes += count
            steps = min(PLAIN_STEPS_TOTAL, done_bytes * PLAIN_STEPS_TOTAL // max(total_bytes, 1))
            if steps > shown_steps:
                shown_steps = steps
                print(f"  {steps * 100 // PLAIN_STEPS_TOTAL} %", file=sys.stderr, flush=True)

    return advance
