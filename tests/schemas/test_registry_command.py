"""`onhand registry` as a process: says when it is ready, ends when told, explains what stops it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable

import httpx

from tests.processes import wait_until
from tests.schemas.conftest import STOP_SECONDS, RegistryProcess, registry_command

COMMAND_SECONDS = 30.0


def test_registry_answers_once_it_says_so_and_ends_cleanly(
    start_registry: Callable[[], RegistryProcess],
) -> None:
    """After the ready line requests are answered; SIGTERM ends it with code 0, idle clients or not."""
    registry = start_registry()
    with httpx.Client(base_url=registry.url) as client:
        assert "stock-sales-value" in client.get("/subjects").json()
        registry.child.terminate()
        wait_until(lambda: registry.child.exit_code() is not None, STOP_SECONDS, "registry ended")
    assert registry.child.exit_code() == 0
    assert registry.child.log_tail() == [f"Schema registry ready at {registry.url}"]


def test_taken_port_is_one_clear_sentence() -> None:
    """Who can't have the port learns which one, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            registry_command(port), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    assert done.returncode == 2
    assert f"can't listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
