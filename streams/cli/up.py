"""`onhand up`: the whole stack in the foreground, until a signal stops it."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from deploy.embedded.errors import StackError
from streams.cli.errors import UserError
from streams.cli.pipeline import Pipeline, PipelineOptions
from streams.cli.supervisor import ServiceFailedError
from streams.engine.errors import ConfigurationError

# More than one per partition would idle; a machine that could run more has no use for `up`.
WORKERS_MAXIMUM = 64
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _StopRequestedError(BaseException):
    """Raised in the main thread by a signal; no ordinary handler of errors may swallow it."""


def run_up(options: PipelineOptions) -> None:
    """
    Run the whole stack until SIGTERM, SIGINT or SIGHUP, then stop it cleanly and return.

    When everything is ready, one line of JSON that tells how to reach it goes to standard output; what
    happens goes to standard error. Raises UserError when it cannot start.
    """
    _raise_once_on_signals()
    pipeline = Pipeline(options, _say)
    try:
        pipeline.start()
        print(json.dumps(pipeline.describe()), flush=True)
        _say("ready; Ctrl-C stops it")
        threading.Event().wait()
    except _StopRequestedError:
        _say("stopping")
        pipeline.stop()
        _say("stopped")
    except (StackError, ServiceFailedError, ConfigurationError) as error:
        raise UserError(str(error)) from error


def up(
    data_dir: Annotated[
        Path,
        typer.Option("--data-dir", envvar="ONHAND_DATA_DIR", help="Where all state lives; the same resumes."),
    ],
    workers: Annotated[
        int,
        typer.Option("--workers", envvar="ONHAND_WORKERS", min=1, max=WORKERS_MAXIMUM, help="Stock workers."),
    ] = 1,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(
            "--bootstrap-servers",
            envvar="ONHAND_BOOTSTRAP_SERVERS",
            help="Kafka to use, host:port, comma-separated. Without it a Kafka is started.",
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            "--redis-url", envvar="ONHAND_REDIS_URL", help="Redis to use. Without it a Redis is started."
        ),
    ] = None,
) -> None:
    """Run the whole of Onhand in the foreground; when ready, one line of JSON tells how to reach it."""
    run_up(PipelineOptions(data_dir, workers, bootstrap_servers, redis_url))


def _say(line: str) -> None:
    print(f"onhand up: {line}", file=sys.stderr, flush=True)


def _raise_once_on_signals() -> None:
    """Turn the first stop signal into an exception; later ones must not break a clean stop."""
    asked = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise _StopRequestedError

    for number in STOP_SIGNALS:
        signal.signal(number, on_signal)
