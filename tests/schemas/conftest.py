"""The embedded registry as a process of its own, as its clients meet it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.embedded.process import Child, start_child
from tests.processes import ONHAND, wait_until

READY = re.compile(r"^Schema registry ready at (http://\S+)$")
READY_SECONDS = 30.0  # Half a second alone; CI runs much beside it.
STOP_SECONDS = 10.0


def registry_command(port: int = 0) -> list[str]:
    """Return the command that starts the registry; port 0 is a free one."""
    return [str(ONHAND), "registry", "--port", str(port)]


class RegistryProcess:
    """A running `onhand registry`."""

    def __init__(self, child: Child) -> None:
        self.child = child
        wait_until(lambda: self._address() is not None, READY_SECONDS, "registry ready")
        self.url = self._address() or ""

    def _address(self) -> str | None:
        assert self.child.exit_code() is None, f"the registry ended: {self.child.log_tail()}"
        found = [READY.match(line) for line in self.child.log_tail()]
        return next((match.group(1) for match in found if match), None)


@pytest.fixture
def start_registry(tmp_path: Path) -> Iterator[Callable[[], RegistryProcess]]:
    """Return a function that starts `onhand registry` on a free port and waits until it is ready."""
    started: list[Child] = []

    def start() -> RegistryProcess:
        log = tmp_path / f"registry-{len(started)}.log"
        started.append(start_child("registry", registry_command(), log))
        return RegistryProcess(started[-1])

    yield start
    for child in started:
        if child.exit_code() is None:
            child.stop(STOP_SECONDS)
