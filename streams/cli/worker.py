"""`onhand worker`: one stock worker against a given cluster."""

from typing import Annotated

import faust
import typer

from streams.app import StockWorker, ensure_topics
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, MetricsPort, settings_from
from streams.engine.errors import ConfigurationError

WorkerId = Annotated[
    str | None,
    typer.Option(
        "--worker-id",
        envvar="ONHAND_WORKER_ID",
        help="Stable name of this worker; no two run at once under one.",
    ),
]


def worker(
    bootstrap_servers: BootstrapServers = None, worker_id: WorkerId = None, metrics_port: MetricsPort = None
) -> None:
    """Run one stock worker until SIGTERM; missing topics are created."""
    settings = settings_from(
        bootstrap_servers=bootstrap_servers, worker_id=worker_id, metrics_port=metrics_port
    )
    try:
        ensure_topics(settings)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    running = StockWorker(settings)
    running.start_beside()
    try:
        faust.Worker(
            running.app, loglevel=settings.log_level, redirect_stdouts=False
        ).execute_from_commandline()
    finally:
        running.stop_beside()
