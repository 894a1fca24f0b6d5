"""Serving ASGI applications on free ports, as the channels of tests are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket
from typing import Any, Protocol, TypeVar

import uvicorn


class Served(Protocol):
    """An ASGI application that is told where it is served."""

    url: str
    path: str

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


Application = TypeVar("Application", bound=Served)


class _Server(uvicorn.Server):
    """A server that says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def serving(application: Application) -> AsyncIterator[Application]:
    """Serve an application on a free port of 127.0.0.1; its url says which, its path included."""
    server = _Server(
        uvicorn.Config(
            application, host="127.0.0.1", port=0, log_level="critical", lifespan="off", http="h11"
        )
    )
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            await server.up.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        application.url = f"http://127.0.0.1:{port}{application.path}"
        yield application
    finally:
        server.should_exit = True
        server.force_exit = True
        await running
