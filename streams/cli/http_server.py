"""Serving an ASGI application in the foreground: the same for every command that does."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from streams.cli.errors import UserError


def listen(host: str, port: int, what: str) -> socket.socket:
    """Return a listening socket; what is served is for the message. Raises UserError when it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"The {what} can't listen on {host}:{port} ({error.strerror}): give another --port."
        ) from error
    # Connections inherit it; without it each answer, written in two parts, waits 40 ms for the client's ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(host: str, listener: socket.socket) -> str:
    """Return where a socket is reached, as http://HOST:PORT."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


class Server(uvicorn.Server):
    """A server that leaves signals alone: uvicorn itself would end the process by the signal, not with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """End the server as soon as the requests at hand are answered."""
        self.should_exit = True
