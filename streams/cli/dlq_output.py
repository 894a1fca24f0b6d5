"""What `onhand dlq` prints: lists, and how far a replay has come."""

import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from heapq import heappush, heappushpop

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from streams.dlq.decisions import Decisions
from streams.dlq.describe import key_text, printable, summary, time_text
from streams.dlq.desk import Done
from streams.dlq.letters import Letter

PLAIN_INTERVAL_SECONDS = 5.0  # Enough to see life in a log, not enough to fill it.
PROGRESS_FROM_LETTERS = 1_000  # Fewer are done before a bar could be read.
COLUMNS = ("id", "given up (UTC)", "reason", "key", "message")


def print_list(letters: Iterable[Letter], decisions: Decisions, limit: int, *, as_json: bool) -> None:
    """Print letters: the newest `limit` of them, or with 0 all as they are read. Holds at most `limit`."""
    if not limit:
        for letter in letters:
            _print_line(letter, decisions, as_json=as_json)
        return
    counts: Counter[str] = Counter()
    newest = _newest(_counted(letters, counts), limit)
    if as_json or not sys.stdout.isatty():
        for letter in newest:
            _print_line(letter, decisions, as_json=as_json)
    elif newest:
        Console().print(_table(newest, decisions))
    _print_counts(len(newest), counts)


def follow(title: str, steps: Iterable[Done], total: int) -> Done:
    """Show how far a replay has come, on standard error; returns what was done in the end."""
    if total < PROGRESS_FROM_LETTERS:
        return deque(steps, maxlen=1).pop()
    if not sys.stderr.isatty():
        return _follow_plainly(title, steps, total)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done = Done()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        for done in steps:
            progress.update(task, completed=done.decided + len(done.refused))
    return done


def _follow_plainly(title: str, steps: Iterable[Done], total: int) -> Done:
    done = Done()
    shown_at = time.monotonic()
    print(f"{title} {total} dead letters", file=sys.stderr, flush=True)
    for done in steps:
        if time.monotonic() - shown_at >= PLAIN_INTERVAL_SECONDS:
            shown_at = time.monotonic()
            print(f"  {done.decided + len(done.refused)} of {total}", file=sys.stderr, flush=True)
    return done


def _counted(letters: Iterable[Letter], counts: Counter[str]) -> Iterator[Letter]:
    for letter in letters:
        counts[letter.reason] += 1
        yield letter


def _newest(letters: Iterable[Letter], limit: int) -> list[Letter]:
    """Return the newest letters, newest first, holding no more than those."""
    heap: list[tuple[int, int, Letter]] = []
    for number, letter in enumerate(letters):
        entry = (letter.given_up_at, number, letter)
        if len(heap) < limit:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)
    return [letter for *_, letter in sorted(heap, key=lambda entry: entry[:2], reverse=True)]


def _print_line(letter: Letter, decisions: Decisions, *, as_json: bool) -> None:
    decision = decisions.get(letter.letter_id)
    if as_json:
        print(json.dumps(summary(letter, decision), ensure_ascii=False))
    else:
        print("\t".join(_cells(letter, decision)))


def _cells(letter: Letter, decision: str | None) -> tuple[str, ...]:
    reason = printable(letter.reason)
    return (
        str(letter.letter_id),
        time_text(letter.given_up_at),
        f"{reason} ({decision.lower()})" if decision else reason,
        key_text(letter.key),
        printable(letter.message),
    )


def _table(letters: Iterable[Letter], decisions: Decisions) -> Table:
    table = Table(*COLUMNS, box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for letter in letters:
        table.add_row(*(Text(cell) for cell in _cells(letter, decisions.get(letter.letter_id))))
    return table


def _print_counts(shown: int, counts: Counter[str]) -> None:
    by_reason = ", ".join(f"{printable(reason)} {count}" for reason, count in counts.most_common())
    text = f"{shown} of {counts.total()} dead letters" + (f" ({by_reason})" if by_reason else "")
    print(text, file=sys.stderr)
