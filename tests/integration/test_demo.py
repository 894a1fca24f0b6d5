"""`onhand demo`, run as a person runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.processes import ONHAND, wait_until

SECONDS = 10
DEMO_SECONDS = 240  # Start, ten seconds of shopping, a recovery and verify, on a machine that does more.
STOP_SECONDS = 60.0

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(DEMO_SECONDS + STOP_SECONDS)]


def test_demo_kills_a_worker_and_is_verified(tmp_path: Path) -> None:
    """The day ends with a summary that verify has checked, in plain lines where there is no terminal."""
    command = [
        str(ONHAND),
        "demo",
        "--seconds",
        str(SECONDS),
        "--rate",
        "500",
        "--data-dir",
        str(tmp_path / "data"),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=DEMO_SECONDS)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "killing worker-0" in answer.stdout
    assert "\x1b" not in answer.stdout
    assert answer.stdout.count("Verified:") == 1
    assert "FAILED" not in answer.stdout


def test_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C stops all children, removes the temporary folder, and is no error trace."""
    log = tmp_path / "demo.log"
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        demo = subprocess.Popen([str(ONHAND), "demo"], stdout=output, stderr=output, env=environment)
        try:
            wait_until(lambda: "shops open" in log.read_text(), DEMO_SECONDS, "shops open")
            children = children_of(tmp_path)
            assert len(children) >= 5
            demo.send_signal(signal.SIGINT)
            code = demo.wait(STOP_SECONDS)
        finally:
            demo.kill()
            demo.wait()
    assert code == 130, log.read_text()
    assert "Traceback" not in log.read_text()
    wait_until(lambda: not any(map(is_alive, children)), STOP_SECONDS, "children gone")
    assert list(tmp_path.glob("onhand-demo-*")) == []


def children_of(directory: Path) -> list[int]:
    """Return the process ids that the demo's description names."""
    (description,) = directory.glob("onhand-demo-*/onhand.json")
    return list(json.loads(description.read_text(encoding="utf-8"))["pids"].values())


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
