"""`onhand demo`: a retail day on an embedded stack, live, with a worker killed, verified at the end."""

from __future__ import annotations

import shlex
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from deploy.embedded.errors import StackError
from streams.cli.errors import UserError
from streams.cli.supervisor import ServiceFailedError
from streams.engine.errors import ConfigurationError

SECONDS = 40.0  # With start, settling and verification about a minute.
EVENTS_PER_SECOND = (
    1_500  # Two cores are shared with Kafka; enough to look busy, little enough to stay quick.
)
EXIT_DIFFERENCES = 1
EXIT_INTERRUPTED = 130  # What shells say for Ctrl-C.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def demo(
    seconds: Annotated[
        float, typer.Option("--seconds", min=5.0, max=3600.0, help="How long the shops are open.")
    ] = SECONDS,
    rate: Annotated[
        int, typer.Option("--rate", min=10, max=20_000, help="Messages per second.")
    ] = EVENTS_PER_SECOND,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same day.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, max=8, help="Stock workers.")] = 2,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Keep all state here; without it a temporary folder is used."),
    ] = None,
) -> None:
    """Run a seeded retail day on an embedded stack, kill a worker in the middle, and verify it all."""
    _raise_once_on_signals()
    console = Console()
    try:
        has_passed = _run(console, seconds, rate, seed, workers, data_dir)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if not has_passed:
        raise typer.Exit(EXIT_DIFFERENCES)


def _run(console: Console, seconds: float, rate: int, seed: int, workers: int, data_dir: Path | None) -> bool:
    # Imported here, so that `onhand --help` does not wait for what only the demo needs.
    from streams.demo.feed import FeedError
    from streams.demo.outcome import table_of
    from streams.demo.run import Demo, DemoOptions

    with ExitStack() as cleanup:
        directory = data_dir or Path(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="onhand-demo-"))
        )
        try:
            outcome = Demo(DemoOptions(directory, seconds, rate, seed, workers), console).run()
        except (StackError, ServiceFailedError, FeedError, ConfigurationError) as error:
            raise UserError(str(error)) from error
    console.print(table_of(outcome))
    for line in outcome.verify_lines:
        console.print(f"verify: {line}", markup=False, highlight=False, soft_wrap=True)
    failures = outcome.failures()
    for failure in failures:
        console.print(f"FAILED: {failure}", style="red", markup=False, highlight=False, soft_wrap=True)
    if not failures:
        console.print("Verified: every event counted once, every poison message is a dead letter.")
    if data_dir is not None:
        console.print(f"`onhand up --data-dir {shlex.quote(str(data_dir))}` goes on with it.", soft_wrap=True)
    return not failures


def _raise_once_on_signals() -> None:
    """Turn the first stop signal into KeyboardInterrupt; later ones must not break a clean stop."""
    asked = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise KeyboardInterrupt

    for number in STOP_SIGNALS:
        signal.signal(number, on_signal)
