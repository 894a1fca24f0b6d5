"""`onhand registry`: the embedded schema registry in the foreground."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.types import Lifespan

from schemas.registry.app import application
from streams.cli.http_server import Server, address_of, listen
from streams.cli.overrides import settings_from
from streams.topology import all_topics

DEFAULT_PORT = 8081  # Confluent's own: what clients and Kafka UIs try first.
SHUTDOWN_SECONDS = 2  # Answers take milliseconds; a client that holds a connection open must not hold us up.


def registry(
    host: Annotated[
        str, typer.Option(envvar="ONHAND_REGISTRY_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="ONHAND_REGISTRY_PORT", min=0, max=65_535, help="Port; 0 picks a free one.")
    ] = DEFAULT_PORT,
) -> None:
    """
    Serve the schemas of every topic to Confluent-compatible clients and Kafka UIs, read-only.

    The topics are those of ONHAND_CHANNELS. Prints one line when it is ready; SIGTERM or Ctrl-C ends it.
    """
    channel_ids = settings_from().channels
    records = {topic.name: topic.records for topic in all_topics(channel_ids)}
    with listen(host, port, "registry") as listener:
        address = address_of(host, listener)
        app = application(records, _announce(f"Schema registry ready at {address}"))
        asyncio.run(_serve(app, listener))


async def _serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=SHUTDOWN_SECONDS, lifespan="on")
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve(sockets=[listener])


def _announce(line: str) -> Lifespan[Starlette]:
    """Return the app's life: it prints a line when requests will be answered."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        print(line, flush=True)
        yield

    return lifespan
