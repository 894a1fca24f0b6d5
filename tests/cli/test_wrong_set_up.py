"""A wrong set-up is told in one sentence, before anything is started; nothing hangs and no trace is shown."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

END_SECONDS = 60.0  # A busy machine imports slowly; nothing of this waits for a broker that long.
USER_ERROR = 2


def onhand(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command as users do; return its exit code and what it said on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ONHAND_CHANNELS", "web,Point.Of.Sale"),
        ("ONHAND_PARTITIONS", "many"),
        ("ONHAND_REDIS_URL", "localhost:6379"),
    ],
)
@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_setting_that_makes_no_sense_starts_nothing(
    command: str, setting: str, value: str, tmp_path: Path
) -> None:
    """Its name and what it takes are said, and the data directory is left alone."""
    code, said = onhand(command, "--data-dir", str(tmp_path / "data"), **{setting: value})
    assert code == USER_ERROR
    assert f"onhand: Setting {setting} is wrong" in said
    assert "Traceback" not in said
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_named() -> None:
    """A process that can't show its metrics does not start, and says which port it was refused."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = onhand("projector", "--metrics-port", port)
    assert code == USER_ERROR
    assert f"onhand: Metrics can't be served on 127.0.0.1:{port} (Address already in use)" in said
    assert "Traceback" not in said


def test_topics_says_soon_that_no_broker_answers(free_port: Callable[[], int]) -> None:
    """One sentence with the address, and what to do."""
    address = f"127.0.0.1:{free_port()}"
    code, said = onhand("topics", "--bootstrap-servers", address)
    assert (code, said) == (
        USER_ERROR,
        f"onhand: Kafka at {address} does not answer: start it, or check --bootstrap-servers.\n",
    )
