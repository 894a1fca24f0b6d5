"""`onhand ingress`: take what channels send, over HTTP."""

import asyncio
import gc
import os
import signal
import socket
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from aiokafka.errors import KafkaError

from connectors.accounts.model import IN, AccountsFile
from connectors.accounts.reading import AccountsError, load_accounts
from connectors.accounts.secrets import MissingSecret, Vault
from connectors.ingress.service import Ingress
from connectors.items.resolving import Resolve
from streams.app import ensure_topics
from streams.cli.catalogue import UseCatalogue, open_catalogue, resolve_by, user_errors
from streams.cli.channels import DEFAULT_FILE, Accounts
from streams.cli.errors import UserError
from streams.cli.http_server import Server, address_of, listen
from streams.cli.logs import log_to_standard_error
from streams.cli.overrides import BootstrapServers, MetricsPort, settings_from
from streams.engine.errors import ConfigurationError
from streams.health import HealthServer
from streams.settings import Settings

DEFAULT_PORT = 8080
CONNECTIONS_MAX = 2_000  # Each may hold a body in memory; who comes beyond is told 503 and comes again.
DRAIN_SECONDS = 15  # Longer than any request takes: a body is waited for 10 s, Kafka 3 s.


def ingress(
    accounts: Accounts = DEFAULT_FILE,
    host: Annotated[
        str, typer.Option(envvar="ONHAND_INGRESS_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="ONHAND_INGRESS_PORT", min=0, max=65_535, help="Port; 0 picks a free one.")
    ] = DEFAULT_PORT,
    bootstrap_servers: BootstrapServers = None,
    metrics_port: MetricsPort = None,
    catalogue: UseCatalogue = None,
) -> None:
    """
    Take the requests of all accounts with direction "in", each at POST /in/ACCOUNT, until SIGTERM.

    A request is answered once Kafka has stored all that it says. Put a proxy that ends TLS before it. Prints one
    line when it is ready; SIGTERM or Ctrl-C lets it answer what is at hand and end.
    """
    settings = settings_from(bootstrap_servers=bootstrap_servers, metrics_port=metrics_port)
    log_to_standard_error()
    items = None if catalogue is None else open_catalogue(settings.bootstrap_servers, catalogue)
    service = _service(settings, _file(accounts), accounts.parent, resolve_by(items))
    try:
        ensure_topics(settings)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    with user_errors(), items or nullcontext(), listen(host, port, "ingress") as listener:
        health = HealthServer(settings.metrics_port, lambda: service.ready, host=settings.metrics_host)
        with health:
            print(f"onhand ingress: metrics on {health.url}", file=sys.stderr, flush=True)
            try:
                asyncio.run(_run(service, listener, f"Ingress ready at {address_of(host, listener)}"))
            except KafkaError as error:
                raise UserError(f"Kafka at {settings.bootstrap_servers} failed: {error}.") from error


def _file(path: Path) -> AccountsFile:
    try:
        file = load_accounts(path)
    except AccountsError as error:
        raise UserError(str(error)) from error
    if not file.of_direction(IN):
        raise UserError(f"No account in {path} has direction 'in': there is nothing to serve.")
    return file


def _service(settings: Settings, file: AccountsFile, folder: Path, resolve: Resolve) -> Ingress:
    try:
        return Ingress(
            settings.bootstrap_servers, settings.group_id, file, Vault(os.environ, folder), resolve
        )
    except MissingSecret as error:
        raise UserError(f"{error}; `onhand channels check` looks at all of them.") from error


async def _run(service: Ingress, listener: socket.socket, announcement: str) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is at hand. Raises what ended the fetching, if it ended."""
    server = Server(
        uvicorn.Config(
            service.application,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            lifespan="off",
        )
    )

    def stop() -> None:
        service.drain()
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    async with service.running() as fetching:
        gc.collect()
        gc.freeze()  # What is loaded by now stays: walking it again and again would hold up requests.
        print(announcement, flush=True)
        fetching.add_done_callback(lambda _task: stop())
        await server.serve(sockets=[listener])
        if fetching.done():
            await fetching
