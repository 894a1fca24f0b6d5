"""`onhand up` on a real Kafka and Redis, with a stand-in for the `onhand` commands that it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from confluent_kafka.admin import AdminClient

from tests.deploy.test_process import is_alive
from tests.processes import wait_until

# Two lives of a whole stack each, on a machine that may be busy with other tests.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

STAND_IN = Path(__file__).with_name("stand_in.py")
WAIT_SECONDS = 60.0
CLIENT_SECONDS = 30.0
PROGRAM = textwrap.dedent("""
    import sys
    from pathlib import Path
    from streams.cli.errors import UserError
    from streams.cli.pipeline import PipelineOptions
    from streams.cli.up import run_up
    try:
        run_up(PipelineOptions(Path(sys.argv[1]), workers=2, program=(sys.executable, sys.argv[2])))
    except UserError as error:
        sys.exit(str(error))
""")


class Up:
    """A running `onhand up`: its process, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait(WAIT_SECONDS)}"
        self.said: dict[str, Any] = json.loads(line)

    def described(self) -> dict[str, Any]:
        """Return what its description file says now."""
        description: dict[str, Any] = json.loads((self.data_dir / "onhand.json").read_text())
        return description

    def has_new_pid(self, name: str, old_pid: int) -> bool:
        """Tell whether a part runs in another process now."""
        return bool(self.described()["pids"][name] != old_pid)


@contextmanager
def up(data_dir: Path) -> Iterator[Up]:
    """Run `onhand up` and wait until it is ready; kill it at the end if the test has not stopped it."""
    command = [sys.executable, "-c", PROGRAM, str(data_dir), str(STAND_IN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Up(process, data_dir)
        finally:
            process.kill()


def topics(bootstrap_servers: str) -> set[str]:
    """Return the names of all topics."""
    return set(
        AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=CLIENT_SECONDS).topics
    )


def test_up_says_where_everything_is_restarts_the_dead_and_stops_cleanly(tmp_path: Path) -> None:
    """One life of `onhand up`, from the line of JSON to exit code 0, with deaths in between."""
    with up(tmp_path) as running:
        said = running.said
        assert list(said["pids"]) == ["kafka", "redis", "registry", "projector", "worker-0", "worker-1"]
        assert said == running.described()
        assert {"stock-sales", "stock-levels"} <= topics(said["bootstrap_servers"])
        assert redis.Redis.from_url(said["redis_url"]).ping()
        assert httpx.get(f"{said['schema_registry_url']}/subjects").status_code == httpx.codes.OK
        assert len(said["metrics_urls"]) == 3
        kill_and_see_it_back(running)
        pids = running.described()["pids"].values()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(WAIT_SECONDS) == 0
        assert not any(is_alive(pid) for pid in pids)
        assert not (tmp_path / "onhand.json").exists()
        assert running.process.stdout is not None
        assert running.process.stdout.read() == ""


def kill_and_see_it_back(running: Up) -> None:
    """Kill a worker, Redis and the broker by signal 9; each comes back on its address."""
    before = running.described()
    for name in ("worker-1", "redis", "kafka"):
        os.kill(before["pids"][name], signal.SIGKILL)
    for name in ("worker-1", "redis", "kafka"):
        wait_until(partial(running.has_new_pid, name, before["pids"][name]), WAIT_SECONDS, f"{name} is back")
    wait_until(lambda: answers(before["metrics_urls"][1]), WAIT_SECONDS, "worker-1 serves again")
    wait_until(
        lambda: "stock-sales" in topics(before["bootstrap_servers"]), WAIT_SECONDS, "Kafka serves again"
    )
    wait_until(
        lambda: bool(redis.Redis.from_url(before["redis_url"]).ping()), WAIT_SECONDS, "Redis serves again"
    )
    now = running.described()
    assert {key: value for key, value in now.items() if key != "pids"} == {
        key: value for key, value in before.items() if key != "pids"
    }
    assert now["pids"]["worker-0"] == before["pids"]["worker-0"]


def answers(url: str) -> bool:
    """Tell whether a URL answers 200."""
    try:
        return httpx.get(url, timeout=1.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def test_everything_dies_with_a_killed_up_and_the_directory_resumes(tmp_path: Path) -> None:
    """Signal 9 leaves no process behind, and the next `up` is found where the first one was."""
    with up(tmp_path) as first:
        first.process.kill()
        first.process.wait(WAIT_SECONDS)
        pids = first.said["pids"].values()
        wait_until(lambda: not any(is_alive(pid) for pid in pids), WAIT_SECONDS, "all parts are gone")
    with up(tmp_path) as second:
        assert {**second.said, "pids": None} == {**first.said, "pids": None}


def test_interrupt_during_the_start_ends_it_cleanly(tmp_path: Path) -> None:
    """Ctrl-C need not wait until everything is up."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(STAND_IN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        owner = tmp_path / "owner.pid"
        wait_until(owner.exists, WAIT_SECONDS, "the start has begun")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_second_up_on_a_taken_directory_is_refused(tmp_path: Path) -> None:
    """The refusal is one sentence on standard error that names the owner, and harms nobody."""
    with up(tmp_path) as running:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(STAND_IN)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
        assert f"in use by process {running.process.pid}" in answer.stderr.splitlines()[-1]
        assert answer.returncode != 0
        assert answer.stdout == ""
        assert topics(running.said["bootstrap_servers"])
        assert running.described() == running.said
