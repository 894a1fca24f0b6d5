"""`onhand deliver`: take availability to a channel."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from aiokafka.errors import KafkaError

from connectors.accounts.delivery import BATCH_SIZE_MAX
from connectors.accounts.model import OUT, Entry
from connectors.accounts.reading import AccountsError, load_accounts
from connectors.accounts.secrets import MissingSecret, Vault
from connectors.egress.channels import delivery_of, outgoing_of
from connectors.egress.connector import Egress
from connectors.egress.delivery import DeliveryOptions
from connectors.egress.pace import parse_rate
from connectors.egress.readback import ReadBackOptions
from connectors.http_sink.connector import http_egress
from connectors.standard_webhooks.signature import InvalidSecret
from streams.app import ensure_topics
from streams.cli.channels import DEFAULT_FILE, Accounts
from streams.cli.errors import UserError
from streams.cli.logs import log_to_standard_error
from streams.cli.overrides import BootstrapServers, MetricsPort, settings_from
from streams.engine.errors import ConfigurationError
from streams.health import HealthServer
from streams.settings import Settings

KINDS = {
    "shopify": ("shopify", "a Shopify shop"),
    "woocommerce": ("woocommerce", "a WooCommerce shop"),
    "square": ("square", "a Square seller's location"),
    "amazon": ("amazon", "an Amazon seller's listings"),
    "adobe": ("adobe_commerce", "an Adobe Commerce shop's source"),
    "webhook": ("standard_webhooks", "a system that takes signed messages (Standard Webhooks)"),
    "csv": ("csv", "a directory, as CSV files"),
    "x12": ("x12", "a directory, as X12 846"),
    "edifact": ("edifact", "a directory, as EDIFACT INVRPT"),
}
"""Commands, the kinds of account that they deliver to, and those in words."""

Rate = Annotated[
    str | None, typer.Option("--rate", help="Most requests: 10/s, 600/m or 10/h; no limit without.")
]

app = typer.Typer(no_args_is_help=True, help="Deliver availability to a channel, latest value first.")


@app.command("http")
def http(
    channel: Annotated[str, typer.Option("--channel", help="The channel whose availability is delivered.")],
    url: Annotated[str, typer.Option("--url", help="Where batches are posted to, as JSON.")],
    rate: Rate = None,
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
    headers = {"Authorization": authorization} if authorization else None
    _deliver(
        settings,
        lambda: http_egress(settings.bootstrap_servers, url, options, group_id=group_id, headers=headers),
    )


def _account_command(name: str, kind: str) -> Callable[..., None]:
    """Return the command that delivers to accounts of a kind."""

    def deliver(
        account: Annotated[str, typer.Option("--account", help="The account's id in the accounts file.")],
        accounts: Accounts = DEFAULT_FILE,
        rate: Rate = None,
        batch_size: Annotated[
            int | None,
            typer.Option("--batch-size", min=1, max=BATCH_SIZE_MAX, help="Most SKUs in one request."),
        ] = None,
        group_id: Annotated[
            str | None,
            typer.Option("--group-id", help=f"Kafka consumer group; onhand-deliver-{name}-ACCOUNT without."),
        ] = None,
        bootstrap_servers: BootstrapServers = None,
        metrics_port: MetricsPort = None,
    ) -> None:
        settings = settings_from(bootstrap_servers=bootstrap_servers, metrics_port=metrics_port)
        entry = _with(_entry(accounts, account, kind), rate, batch_size)
        group = group_id or f"onhand-deliver-{name}-{account}"
        make = _account_egress(settings, account, entry, Vault(os.environ, accounts.parent), group)
        _deliver(settings, make)

    return deliver


for _name, (_kind, _words) in KINDS.items():
    app.command(_name, help=f"Deliver what an account may sell to {_words}, until SIGTERM.")(
        _account_command(_name, _kind)
    )


def _entry(path: Path, account_id: str, kind: str) -> Entry:
    """Return an account to deliver to. Raises UserError if there is none, of that kind and direction."""
    try:
        accounts = load_accounts(path).of_direction(OUT)
    except AccountsError as error:
        raise UserError(str(error)) from error
    fitting = sorted(name for name, entry in accounts.items() if entry.kind == kind)
    if account_id not in fitting:
        there = f"it has {', '.join(fitting)}" if fitting else "it has none"
        raise UserError(f"{path} has no account {account_id!r} of kind {kind} with direction 'out': {there}.")
    return accounts[account_id]


def _with(entry: Entry, rate: str | None, batch_size: int | None) -> Entry:
    """Return an account with what was given on the command line in place of what its file says."""
    _rate(rate)
    given = {name: value for name, value in (("rate", rate), ("batch_size", batch_size)) if value is not None}
    return entry.model_copy(update={"delivery": delivery_of(entry).model_copy(update=given)})


def _account_egress(
    settings: Settings, account_id: str, entry: Entry, vault: Vault, group_id: str
) -> Callable[[], Egress]:
    """Return what makes an account's delivery. Raises UserError for secrets that are missing or can't be."""
    delivery = delivery_of(entry)
    assert entry.channel_id is not None, "an account with direction 'out' has a channel_id"
    channel_id = _channel(entry.channel_id, settings)
    try:
        outgoing = outgoing_of(account_id, entry, vault)
    except (MissingSecret, InvalidSecret) as error:
        raise UserError(
            f"Account {account_id}: {error}. `onhand channels check` tells of all of them."
        ) from error
    batch_size = delivery.batch_size or outgoing.batch_size
    options = DeliveryOptions(channel_id, batch_size, delivery.requests_per_second)
    reads = outgoing.reads if delivery.read_back_seconds else None
    read_back = ReadBackOptions(every_seconds=delivery.read_back_seconds)
    return lambda: Egress(settings.bootstrap_servers, group_id, options, outgoing.sink, reads, read_back)


def _deliver(settings: Settings, make: Callable[[], Egress]) -> None:
    """Make sure of the topics, and deliver. Raises UserError."""
    try:
        ensure_topics(settings)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    asyncio.run(_run(settings, make))


async def _run(settings: Settings, make: Callable[[], Egress]) -> None:
    """Run a delivery, with its metrics, until SIGTERM or SIGINT."""
    log_to_standard_error()
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
