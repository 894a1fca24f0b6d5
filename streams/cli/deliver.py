"""`onhand deliver`: take availability to a channel."""

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
from aiokafka.errors import KafkaError

from connectors.egress.connector import Egress
from connectors.egress.delivery import DeliveryOptions
from connectors.egress.pace import parse_rate
from connectors.http_sink.connector import http_egress
from streams.app import ensure_topics
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, MetricsPort, settings_from
from streams.engine.errors import ConfigurationError
from streams.health import HealthServer
from streams.settings import Settings

BATCH_SIZE_MAX = 10_000  # Beyond, one answer of the channel would not fit what is read of it.

app = typer.Typer(no_args_is_help=True, help="Deliver availability to a channel, latest value first.")


@app.callback()
def _group() -> None:
    """Keep `http` a command of its own, whatever other kinds of channel come."""


@app.command("http")
def http(
    channel: Annotated[str, typer.Option("--channel", help="The channel whose availability is delivered.")],
    url: Annotated[str, typer.Option("--url", help="Where batches are posted to, as JSON.")],
    rate: Annotated[
        str | None, typer.Option("--rate", help="Most requests: 10/s, 600/m or 10/h; no limit without.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=BATCH_SIZE_MAX, help="Most SKUs in one request.")
    ] = 100,
    group_id: Annotated[
        str | None,
        typer.Option("--group-id", help="Kafka consumer group; onhand-deliver-http-CHANNEL without."),
    ] = None,
    authorization: Annotated[
        str | None,
        typer.Option(
            "--authorization",
            envvar="ONHAND_DELIVER_AUTHORIZATION",
            help="Authorization header; better given by environment, where no list of processes shows it.",
        ),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Post a channel's availability to a URL until SIGTERM."""
    settings = settings_from(bootstrap_servers=bootstrap_servers, metrics_port=metrics_port)
    options = DeliveryOptions(_channel(channel, settings), batch_size, _rate(rate))
    _require_http(url)
    try:
        ensure_topics(settings)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    headers = {"Authorization": authorization} if authorization else None
    asyncio.run(
        _run(
            settings,
            lambda: http_egress(settings.bootstrap_servers, url, options, group_id=group_id, headers=headers),
        )
    )


async def _run(settings: Settings, make: Callable[[], Egress]) -> None:
    """Run a delivery, with its metrics, until SIGTERM or SIGINT."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    egress = make()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with HealthServer(settings.metrics_port, lambda: egress.ready, host=settings.metrics_host) as health:
        print(f"onhand deliver: metrics on {health.url}", file=sys.stderr, flush=True)
        try:
            await egress.run(stop)
        except KafkaError as error:
            raise UserError(f"Kafka at {settings.bootstrap_servers} failed: {error}.") from error


def _channel(channel_id: str, settings: Settings) -> str:
    if channel_id not in settings.channels:
        raise UserError(
            f"There is no channel {channel_id!r}; ONHAND_CHANNELS has {', '.join(settings.channels)}."
        )
    return channel_id


def _rate(text: str | None) -> float | None:
    try:
        return parse_rate(text) if text is not None else None
    except ValueError as error:
        raise UserError(f"--rate: {error}.") from error


def _require_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(f"--url: {url!r} is no http:// or https:// address.")
