"""The two screens of the demo: a live one for terminals, plain lines for everything else."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.board import Snapshot
from streams.demo.day import clock
from streams.demo.message import Expected
from streams.demo.scene import Process, Scene

REFRESH_PER_SECOND = 8  # Smooth to the eye, and cheap.
PLAIN_INTERVAL_SECONDS = 5.0  # A line this often tells a log's reader that it goes on, and how.
LOW_UNITS = 10  # Availability from here down is shown as running out.


class PlainScreen:
    """One line of figures every few seconds, and the news as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_line_at = 0.0

    def show(self, scene: Scene) -> None:
        """Print a line of figures, unless one was printed a moment ago."""
        now = time.monotonic()
        if now < self._next_line_at:
            return
        self._next_line_at = now + PLAIN_INTERVAL_SECONDS
        shot = scene.snapshot
        self.say(
            f"{clock(scene.at)}  {scene.phase}: {shot.sent_total:,} sent, {shot.recorded_total:,} recorded, "
            f"{shot.events_per_second:,.0f} events/s, p50 {shot.latency.p50_ms:.0f} ms, "
            f"p99 {shot.latency.p99_ms:.0f} ms, {shot.outcomes.get('DUPLICATE', 0)} duplicates, "
            f"{shot.dead_letters_total} dead letters"
        )

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is left open."""


class LiveScreen:
    """Figures, availability and processes in place, redrawn several times a second."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=REFRESH_PER_SECOND, transient=True)
        self._live.start()

    def show(self, scene: Scene) -> None:
        """Draw a scene."""
        self._live.update(drawn(scene))

    def say(self, line: str) -> None:
        """Leave the line to the next scene, which has the news in it."""

    def close(self) -> None:
        """Take the live part away; what was said stays."""
        self._live.stop()


def drawn(scene: Scene) -> Group:
    """Return a scene as rich draws it."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(f" {clock(scene.at)} ", style="bold reverse"), ProgressBar(1.0, scene.at, width=40), scene.phase
    )
    return Group(
        bar,
        Columns([_figures(scene.snapshot), _availability(scene)]),
        Columns([_processes(scene.processes), _dead_letters(scene.snapshot)]),
        Panel("\n".join(scene.news) or "…", title="news", title_align="left", width=80),
    )


def _grid(title: str, rows: list[tuple[str, str]], *, width: int = 38) -> Panel:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    for name, value in rows:
        grid.add_row(name, value)
    return Panel(grid, title=title, title_align="left", width=width)


def _figures(shot: Snapshot) -> Panel:
    rows = [
        ("events/s", f"[bold]{shot.events_per_second:,.0f}[/]"),
        ("latency p50 / p99", f"{shot.latency.p50_ms:.0f} / {shot.latency.p99_ms:.0f} ms"),
        ("sent", f"{shot.sent_total:,}"),
        ("applied", f"{shot.outcomes.get('APPLIED', 0):,}"),
        ("duplicates recognised", f"{shot.outcomes.get('DUPLICATE', 0):,}"),
        ("orders refused", f"{shot.outcomes.get('REJECTED', 0):,}"),
        ("late", f"{shot.late_total:,}"),
        ("oversold alerts", f"{shot.alerts.get('OVERSOLD', 0):,}"),
        ("on the way", f"{shot.waiting_total:,}"),
    ]
    return _grid("events", rows)


def _availability(scene: Scene) -> Panel:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("busiest SKUs")
    for channel in scene.channels:
        table.add_column(channel, justify="right")
    for sku in scene.busiest:
        table.add_row(sku, *(_units(scene.snapshot.available.get((sku, name))) for name in scene.channels))
    return Panel(table, title="may be sold", title_align="left", width=46)


def _units(units: int | None) -> Text:
    if units is None:
        return Text("-", style="dim")
    return Text(f"{units:,}", style="" if units > LOW_UNITS else "yellow" if units else "red")


def _processes(processes: Sequence[Process]) -> Panel:
    rows = []
    for process in processes:
        state = f"pid {process.pid}" if process.is_running else "[red]restarting[/]"
        note = f" [yellow]↻{process.restarts_total}[/]" if process.restarts_total else ""
        rows.append((process.name, state + note))
    return _grid("processes", rows)


def _dead_letters(shot: Snapshot) -> Panel:
    rows = [(reason, str(total)) for reason, total in sorted(shot.dead_letters.items())]
    expected = shot.sent.get(Expected.DEAD_LETTER, 0)
    total = ("[bold]all[/], of poison sent", f"{shot.dead_letters_total} of {expected}")
    return _grid("dead letters", [total, *rows], width=46)
