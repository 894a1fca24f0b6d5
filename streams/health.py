"""HTTP endpoint that every process has: /metrics for Prometheus, /live and /ready for its supervisor."""

import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

from streams.engine.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
POLL_INTERVAL_SECONDS = 0.1  # How long close() may take: the server looks for its end this often.
PLAIN_TEXT = "text/plain; charset=utf-8"

# The one metric of every process, whatever its kind; a probe tells only its supervisor.
READY = Gauge("onhand_ready", "1 while the process does its work, 0 while it starts, restores or waits.")

Check = Callable[[], bool]


def _always() -> bool:
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A prober that has seen enough hangs up: no news, and certainly no trace in a log that is read for errors.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class HealthServer:
    """
    Serve /metrics, /live and /ready from a daemon thread, on 127.0.0.1 unless another host is given.

    /ready answers 200 while `ready()` is true, /live while `live()` is, otherwise 503. Both are called in the
    server's threads, so they must only look at something that is safe to read there. With port 0 the system
    picks one, which `port` then names. Raises ConfigurationError when the port is taken.
    """

    def __init__(
        self,
        port: int,
        ready: Check,
        *,
        host: str = LOOPBACK,
        live: Check = _always,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._ready = ready
        try:
            self._server = _Server((host, port), _handler(ready, live, registry))
        except OSError as error:
            raise ConfigurationError(
                f"Metrics can't be served on {host}:{port} ({error.strerror}): give another port with --metrics-port."
            ) from error
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_INTERVAL_SECONDS,), name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The TCP port that is served."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """The address of /metrics, for people and supervisors."""
        return f"http://{LOOPBACK}:{self.port}/metrics"

    def start(self) -> None:
        """Begin to serve."""
        READY.set_function(lambda: float(self._ready()))
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port; harmless before start()."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _handler(ready: Check, live: Check, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, encode(registry), content_type)
            elif path == "/live":
                self._answer_check("live", passed=live())
            elif path == "/ready":
                self._answer_check("ready", passed=ready())
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"try /metrics, /live or /ready\n", PLAIN_TEXT)

        def _answer_check(self, name: str, *, passed: bool) -> None:
            status = HTTPStatus.OK if passed else HTTPStatus.SERVICE_UNAVAILABLE
            text = name if passed else f"not {name}"
            self._answer(status, f"{text}\n".encode(), PLAIN_TEXT)

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so.
            """Say nothing: a scrape every few seconds is not news."""

    return Handler
