"""A Redis server as a child process: the read view, rebuildable, so kept in memory only (D9)."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.embedded.errors import ComponentError
from deploy.embedded.parts import redis_program
from deploy.embedded.ports import LOOPBACK, remembered_ports
from deploy.embedded.process import Child, start_child

# Redis is ready in some 20 ms; a loaded CI machine may take its time.
READY_TIMEOUT_SECONDS = 20.0
READY_POLL_SECONDS = 0.01
# Nothing is saved at the end, so a clean stop is immediate.
STOP_TIMEOUT_SECONDS = 5.0
# A port can be taken between choosing and listening; twice in a row by chance is next to impossible.
START_ATTEMPTS_TOTAL = 3


class EmbeddedRedis:
    """One Redis server that keeps its port in `directory`; a restart comes back empty on the same address."""

    def __init__(self, directory: Path, log_directory: Path | None = None) -> None:
        self.directory = directory.resolve()
        self.log_directory = (log_directory or directory / "logs").resolve()
        self._child: Child | None = None
        self._port = 0
        self._address_is_known = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address for clients, `redis://host:port/0`; only after a first start."""
        return f"redis://{LOOPBACK}:{self._port}/0"

    @property
    def child(self) -> Child | None:
        """The process that was started last, for a supervisor to watch; None after a stop."""
        return self._child

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        return self._child.pid if self._child is not None and self.is_running() else None

    def is_running(self) -> bool:
        """Tell whether the server's process lives."""
        return self._child is not None and self._child.exit_code() is None

    def start(self) -> None:
        """
        Start the server and return when it answers; does nothing when it runs.

        Raises MissingProgramError when there is no Redis, ComponentError when it does not come up.
        """
        for attempt in range(1, START_ATTEMPTS_TOTAL + 1):
            if self.is_running():
                return
            self.launch()
            try:
                self.wait_ready()
            except ComponentError:
                self.kill()
                if attempt == START_ATTEMPTS_TOTAL:
                    raise
            else:
                return

    def launch(self) -> Child:
        """Start the server's process without waiting for it; returns the child."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # Once clients know the address it stays: a restarted server must be found where it was.
        if not self._address_is_known:
            self._port = remembered_ports(self.directory / "ports.json", ("client",))["client"]
        command = [redis_program(), "--bind", LOOPBACK, "--port", str(self._port), "--daemonize", "no"]
        command += ["--save", "", "--appendonly", "no"]
        self._child = start_child(
            "redis", command, self.log_directory / "redis.log", directory=self.directory
        )
        return self._child

    def wait_ready(self, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Return when the server answers a PING. Raises ComponentError if it never does."""
        deadline = time.monotonic() + timeout_seconds
        # Without retries of its own: the client would back off for a second where Redis needs milliseconds.
        with redis.Redis(host=LOOPBACK, port=self._port, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < deadline:
                if not self.is_running():
                    raise ComponentError(f"Redis ended while starting ({self._last_words()}).")
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(READY_POLL_SECONDS)
                else:
                    self._address_is_known = True
                    return
        raise ComponentError(f"Redis did not answer within {timeout_seconds:.0f} s ({self._last_words()}).")

    def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Stop the server, by force after `timeout_seconds`; does nothing when it is not running."""
        if self._child is not None:
            self._child.stop(timeout_seconds)
            self._child = None

    def kill(self) -> None:
        """End the server with signal 9, as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _last_words(self) -> str:
        tail = self._child.log_tail(1) if self._child is not None else []
        return f"{(tail or ['it said nothing'])[-1].strip()}; see {self.log_directory}"
