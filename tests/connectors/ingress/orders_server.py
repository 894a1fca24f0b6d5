"""Square's order API, real but scripted: it fails as a test says, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.connectors.ingress.senders import raw


class OrdersServer:
    """
    Answers GETs by the script, one status a request, then with the order and 200.

    429 comes with Retry-After: 1. While `always` is set, every answer has that status.
    """

    def __init__(self) -> None:
        self.script: list[int] = []
        self.always: int | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return the status and body for one request."""
        self.asked.append((path, headers))
        status = self.always or (self.script.pop(0) if self.script else 200)
        return status, raw("square/order.json") if status == 200 else b"{}"


@contextmanager
def serving_orders() -> Iterator[OrdersServer]:
    """Serve on a free port of 127.0.0.1."""
    orders = OrdersServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = orders.answer(self.path, headers)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so.
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    orders.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield orders
    server.shutdown()
    thread.join()
    server.server_close()
