"""An `onhand` process started by a test: ready, killed, terminated by its own pid, its log at hand."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from deploy.embedded.ports import free_port
from deploy.embedded.process import Child, start_child
from streams.settings import Settings

ONHAND = Path(sys.executable).with_name("onhand")
READY_SECONDS = 60.0  # Joining the group and restoring take about 3 s alone, and CI runs much beside it.
STOP_SECONDS = 20.0  # A worker finishes its batch first.
POLL_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition, or fail saying what did not happen in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)


class OnhandProcess:
    """One `onhand` command of the installed package, tied to the test run so that it never outlives it."""

    def __init__(self, command: str, settings: Settings, directory: Path, *arguments: str) -> None:
        self.port = settings.metrics_port or free_port()
        settings = settings.model_copy(update={"metrics_port": self.port})
        self.name = f"{command}-{self.port}"
        self.child: Child = start_child(
            self.name,
            [str(ONHAND), command, *arguments],
            directory / f"{self.name}.log",
            environment=environment(settings),
        )

    @property
    def pid(self) -> int:
        """Process id, to be killed by."""
        return self.child.pid

    @property
    def url(self) -> str:
        """Where /metrics, /live and /ready are served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """The last lines that the process wrote."""
        return "\n".join(self.child.log_tail(40))

    def is_ready(self) -> bool:
        """Tell whether /ready answers 200; fails the test if the process has ended."""
        code = self.child.exit_code()
        assert code is None, f"{self.name} ended with {code}:\n{self.log}"
        try:
            return httpx.get(f"{self.url}/ready", timeout=2.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait_ready(self, seconds: float = READY_SECONDS) -> OnhandProcess:
        """Wait until the process says that it is ready."""
        try:
            wait_until(self.is_ready, seconds, f"{self.name} ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None
        return self

    def kill(self) -> None:
        """End the process by signal 9, as an out-of-memory killer would."""
        self.child.kill()

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """End the process by SIGTERM and return its exit code."""
        return self.child.stop(seconds)


def environment(settings: Settings) -> dict[str, str]:
    """Return settings as the environment variables that make them."""
    values: dict[str, object] = settings.model_dump(mode="json", exclude_none=True)
    return {f"ONHAND_{name.upper()}": _as_text(value) for name, value in values.items()}


def _as_text(value: object) -> str:
    """Return a setting's value as people write it."""
    if isinstance(value, dict):
        return ",".join(f"{name}={part}" for name, part in value.items())
    return ",".join(value) if isinstance(value, list) else str(value)
