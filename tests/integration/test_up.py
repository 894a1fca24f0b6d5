"""`onhand up` as its users meet it: what it says, how it ends, and what becomes of its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from tests.integration.running import BACK_SECONDS, STOP_SECONDS, OnhandUp, Positions
from tests.integration.steady import SteadyShop
from tests.integration.stock_client import check_against
from tests.processes import ONHAND, wait_until

pytestmark = pytest.mark.kafka

SEED = 20_260_303
FLOWING_EVENTS = 2_000
FREEZE_SECONDS = 9.0  # Past the session of 6 s, after which the other worker owns everything.
DRAIN_SECONDS = 60.0


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def none_is_left(running: OnhandUp) -> bool:
    """Tell whether all children have ended."""
    return not any(is_alive(pid) for pid in running.said["pids"].values())


@pytest.mark.timeout(300)
def test_up_tells_where_all_is_and_the_same_directory_goes_on(tmp_path: Path) -> None:
    """One line of JSON; a second `up` is refused; SIGTERM ends it cleanly; the next one has the same stock."""
    with OnhandUp(tmp_path / "up") as first:
        check_what_it_said(first)
        check_second_is_refused(first)
        with SteadyShop(first.said["bootstrap_servers"], SEED) as shop:
            wait_until(lambda: shop.sent_total > FLOWING_EVENTS, BACK_SECONDS, "events are sent")
        assert first.stop() == 0, first.log
        assert first.process.stdout is not None
        assert first.process.stdout.read() == "", "one line and no more"
        assert none_is_left(first)
    with OnhandUp(tmp_path / "up") as second, second.positions() as positions, second.client() as client:
        assert {**second.said, "pids": None} == {**first.said, "pids": None}
        positions.wait_drained(DRAIN_SECONDS)
        check_against(client, shop.expected)
        second.process.kill()
        second.process.wait(STOP_SECONDS)
        wait_until(lambda: none_is_left(second), STOP_SECONDS, "all children die with a killed `up`")


def check_what_it_said(running: OnhandUp) -> None:
    """The contract's keys, and something that answers behind each."""
    said = running.said
    assert {"bootstrap_servers", "redis_url", "metrics_urls", "schema_registry_url", "pids"} <= said.keys()
    assert list(said["pids"]) == ["kafka", "redis", "registry", "projector", "worker-0", "worker-1"]
    assert redis.Redis.from_url(said["redis_url"]).ping()
    for url in (*said["metrics_urls"], f"{said['schema_registry_url']}/subjects"):
        assert httpx.get(url, timeout=STOP_SECONDS).status_code == httpx.codes.OK
    with running.positions() as positions:
        assert positions.written().total() == 0


def check_second_is_refused(running: OnhandUp) -> None:
    """One sentence that names the owner, and exit code 2; the owner goes on."""
    command = [str(ONHAND), "up", "--data-dir", str(running.data_dir)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=STOP_SECONDS)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert f"in use by process {running.process.pid}" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr
    assert running.pids == running.said["pids"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[OnhandUp]:
    """A stack with two workers."""
    with OnhandUp(tmp_path / "up") as started:
        yield started


@pytest.mark.timeout(300)
def test_killed_and_frozen_workers_come_back_and_nothing_of_a_zombie_counts(running: OnhandUp) -> None:
    """One worker dies by signal 9; the other sleeps past its session, wakes, is fenced and ends."""
    print(f"seed {SEED}")
    with running.positions() as positions:
        with SteadyShop(running.said["bootstrap_servers"], SEED) as shop:
            positions.wait_flowing(FLOWING_EVENTS, BACK_SECONDS)
            running.wait_back("worker-1", running.kill_worker("worker-1"))
            freeze_and_thaw(running, "worker-0", positions)
            positions.wait_flowing(FLOWING_EVENTS, BACK_SECONDS)
        positions.wait_drained(DRAIN_SECONDS)
    assert running.described() == {**running.said, "pids": running.pids}, "all is where it was"
    with running.client() as client:
        check_against(client, shop.expected)
        assert client.outcomes() == {"APPLIED": shop.expected.events_total, "DUPLICATE": shop.resent_total}
    assert running.stop() == 0, running.log


def freeze_and_thaw(running: OnhandUp, name: str, positions: Positions) -> None:
    """Freeze a worker past its session; when it wakes the other one owns everything, and it must end."""
    pid = running.pids[name]
    os.kill(pid, signal.SIGSTOP)
    frozen_at, written = time.monotonic(), positions.written()
    wait_until(lambda: positions.are_beyond(written), BACK_SECONDS, "the other worker has taken over")
    print(f"taken over {time.monotonic() - frozen_at:.1f} s after the freeze")
    time.sleep(max(0.0, frozen_at + FREEZE_SECONDS - time.monotonic()))
    os.kill(pid, signal.SIGCONT)
    running.wait_back(name, pid)
    log = (running.data_dir / "logs" / f"{name}.log").read_text("utf-8")
    assert "worker ends: FencedError" in log or "worker ends: FatalLogError" in log, log
