"""`onhand poll`: ask channels for what changed, where webhooks may be missed."""

import asyncio
import os
import signal
import sys
import time
from contextlib import nullcontext, suppress
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from connectors.accounts.model import Entry
from connectors.accounts.reading import AccountsError, load_accounts
from connectors.accounts.secrets import MissingSecret, Vault
from connectors.polling.service import Polling, polled_accounts
from streams.app import ensure_topics
from streams.cli.catalogue import UseCatalogue, open_catalogue, resolve_by, user_errors
from streams.cli.channels import DEFAULT_FILE, Accounts
from streams.cli.errors import UserError
from streams.cli.logs import log_to_standard_error
from streams.cli.overrides import BootstrapServers, MetricsPort, settings_from
from streams.cli.times import moment_ms
from streams.engine.errors import ConfigurationError
from streams.health import HealthServer


def poll(
    accounts: Accounts = DEFAULT_FILE,
    account: Annotated[str | None, typer.Option("--account", help="Poll this account only.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Begin there, whatever was polled before: 7d, or 2026-01-31. Needs --account."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all is caught up.")] = False,
    bootstrap_servers: BootstrapServers = None,
    metrics_port: MetricsPort = None,
    catalogue: UseCatalogue = None,
) -> None:
    """
    Ask every account with [poll] for what changed there, until SIGTERM.

    How far each has come is kept in Kafka, so a restart goes on from there. What webhooks brought as well counts
    once; give --catalogue here if the ingress has it. One process is enough for all accounts; a second does no harm.
    """
    if since is not None and account is None:
        raise UserError("--since needs --account: which one is to be read again?")
    settings = settings_from(bootstrap_servers=bootstrap_servers, metrics_port=metrics_port)
    log_to_standard_error()
    begin = None if since is None else moment_ms(since, int(time.time() * 1_000))
    items = None if catalogue is None else open_catalogue(settings.bootstrap_servers, catalogue)
    vault = Vault(os.environ, accounts.parent)
    try:
        polled = _chosen(polled_accounts(load_accounts(accounts)), account)
        polling = Polling(settings.bootstrap_servers, polled, vault.open, begin, resolve_by(items))
        ensure_topics(settings)
    except (AccountsError, MissingSecret, ConfigurationError) as error:
        raise UserError(str(error)) from error
    health = HealthServer(settings.metrics_port, lambda: polling.ready, host=settings.metrics_host)
    with user_errors(), items or nullcontext(), health:
        print(f"onhand poll: metrics on {health.url}", file=sys.stderr, flush=True)
        try:
            asyncio.run(_run(polling, once=once))
        except* (KafkaError, TimeoutError) as errors:
            raise UserError(
                f"Kafka at {settings.bootstrap_servers} failed: {errors.exceptions[0]}."
            ) from errors


def _chosen(polled: dict[str, Entry], account: str | None) -> dict[str, Entry]:
    """Return the accounts to poll. Raises UserError when there is none."""
    if account is not None and account not in polled:
        known = ", ".join(polled) or "none"
        raise UserError(
            f"There is no account {account!r} with direction 'in' and [poll]; with them: {known}."
        )
    if not polled:
        raise UserError("No account of the file has [poll]: there is nothing to ask for.")
    return polled if account is None else {account: polled[account]}


async def _run(polling: Polling, *, once: bool) -> None:
    """Poll until SIGTERM or SIGINT, or until all is caught up if once."""
    working = asyncio.create_task(polling.run(once=once))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        await working
        return
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
