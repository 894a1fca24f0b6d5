"""How a replay shows where it is: a bar on a terminal, a plain line now and then anywhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from connectors.files.client import InputFiles
from connectors.replay import Summary

PLAIN_EVERY_SECONDS = 10.0  # Enough to see life in a log, not enough to fill it.

Show = Callable[[Summary], None]


@contextmanager
def replay_progress(title: str, files: InputFiles) -> Iterator[Show]:
    """Yield a function that shows progress on standard error: events, and how much of the files is read."""
    if not sys.stderr.isatty():
        yield _plain(title, files)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=files.total_bytes, events=0)
        yield lambda summary: progress.update(task, completed=files.read_bytes, events=summary.events_total)


def _plain(title: str, files: InputFiles) -> Show:
    shown_at = time.monotonic()
    print(f"{title}: {files.total_bytes:,} bytes in {len(files.paths)} files", file=sys.stderr, flush=True)

    def show(summary: Summary) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at < PLAIN_EVERY_SECONDS:
            return
        shown_at = time.monotonic()
        percent = files.read_bytes * 100 // max(files.total_bytes, 1)
        print(f"{title}: {summary.events_total:,} events, {percent} %", file=sys.stderr, flush=True)

    return show
