"""The supervisor brings dead children back with backoff, and stops all in order."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.embedded.errors import StackError
from deploy.embedded.process import Child, start_child
from streams.cli.supervisor import Backoff, Service, ServiceFailedError, Supervisor
from tests.processes import wait_until

WAIT_SECONDS = 20.0
SLEEP = "import time; time.sleep(600)"


class Lab:
    """A supervisor over trivial real children, and what it reported."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines: list[str] = []
        self.changes_total = 0
        self.starts: list[str] = []
        self.supervisor = Supervisor(self.lines.append, self._count_change)

    def service(
        self, name: str, program: str = SLEEP, *, stop_rank: int = 0, stop_seconds: float = 5.0
    ) -> Service:
        """Return a service that runs a Python program in a process of its own."""

        def start() -> Child:
            self.starts.append(name)
            return start_child(name, [sys.executable, "-c", program], self.directory / f"{name}.log")

        return Service(name, start, stop_rank=stop_rank, stop_seconds=stop_seconds)

    def has_said(self, name: str, line: str) -> bool:
        """Tell whether a child's last line is this one."""
        return self.supervisor.child(name).log_tail(1) == [line]

    def _count_change(self) -> None:
        self.changes_total += 1


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab whose children are stopped at the end."""
    lab = Lab(tmp_path)
    yield lab
    lab.supervisor.stop()


def test_killed_child_comes_back(lab: Lab) -> None:
    """A new process takes the dead one's place, and whoever keeps the process ids is told."""
    lab.supervisor.run(lab.service("a"))
    first = lab.supervisor.pids()["a"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: lab.supervisor.pids()["a"] != first, WAIT_SECONDS, "child is back")
    wait_until(lambda: lab.changes_total == 2, WAIT_SECONDS, "change is told")
    assert "a was killed by signal 9; starting again in" in lab.lines[0]


def test_other_children_are_left_alone_when_one_dies(lab: Lab) -> None:
    """One death restarts one child."""
    lab.supervisor.run(lab.service("a"))
    lab.supervisor.run(lab.service("b"))
    pids = lab.supervisor.pids()
    os.kill(pids["a"], signal.SIGKILL)
    wait_until(lambda: lab.supervisor.pids()["a"] != pids["a"], WAIT_SECONDS, "child is back")
    assert lab.supervisor.pids()["b"] == pids["b"]


def test_child_that_ends_at_every_start_fails_the_wait_with_its_last_words(lab: Lab) -> None:
    """Who waits learns why it will never be ready, instead of waiting for the time-out."""
    program = "import sys; sys.exit('the moon is in the wrong phase')"
    service = lab.service("a", program)
    lab.supervisor.run(Service("a", service.start, is_ready=lambda: False))
    with pytest.raises(ServiceFailedError, match=r"a keeps ending \(the moon is in the wrong phase"):
        lab.supervisor.wait_ready(["a"], WAIT_SECONDS)


def test_service_that_is_never_ready_fails_the_wait(lab: Lab) -> None:
    """A child that lives but never answers is named."""
    service = lab.service("a")
    lab.supervisor.run(Service("a", service.start, is_ready=lambda: False))
    with pytest.raises(ServiceFailedError, match=r"a was not ready within 0\.2 s"):
        lab.supervisor.wait_ready(["a"], 0.2)


def test_start_that_fails_is_tried_again(lab: Lab) -> None:
    """A full disk or a taken port at the moment of a restart is no reason to give up."""
    service = lab.service("a")
    failures = [StackError("no port"), StackError("no port")]

    def start() -> Child:
        if lab.starts and failures:
            raise failures.pop()
        return service.start()

    lab.supervisor.run(Service("a", start))
    first = lab.supervisor.pids()["a"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: lab.supervisor.pids()["a"] != first, WAIT_SECONDS, "child is back")
    assert sum("cannot be started: no port" in line for line in lab.lines) == 2


def test_stop_ends_lower_ranks_first_and_restarts_nothing(lab: Lab, tmp_path: Path) -> None:
    """Workers are gone before the broker is asked to go."""
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n    open('{order}', 'a').write('{name}\\n'); sys.exit(0)\n"
        "signal.signal(15, end); print('up', flush=True); time.sleep(600)"
    )
    order = tmp_path / "order"
    for name, rank in (("broker", 2), ("worker", 0), ("helper", 1)):
        lab.supervisor.run(lab.service(name, program.format(order=order, name=name), stop_rank=rank))
        wait_until(partial(lab.has_said, name, "up"), WAIT_SECONDS, f"{name} is up")
    lab.supervisor.stop()
    assert order.read_text().split() == ["worker", "helper", "broker"]
    assert len(lab.starts) == 3


def test_stop_during_a_backoff_starts_nothing_more(lab: Lab) -> None:
    """A child that is waiting for its next start stays down."""
    lab.supervisor.run(lab.service("a", "import sys; sys.exit(1)"))
    wait_until(lambda: len(lab.starts) >= 4, WAIT_SECONDS, "backoff has grown")
    lab.supervisor.stop()
    starts_total = len(lab.starts)
    assert lab.supervisor.child("a").exit_code() is not None
    assert len(lab.starts) == starts_total


def test_delays_double_up_to_ten_seconds_with_jitter() -> None:
    """Crash loops slow down, and never beyond ten seconds."""
    backoff = Backoff(random.Random(7))
    delays = [backoff.delay_seconds(lived_seconds=1.0) for _ in range(10)]
    longest = [min(10.0, 0.1 * 2**number) for number in range(10)]
    assert all(most / 2 <= delay <= most for delay, most in zip(delays, longest, strict=True))
    assert len({round(delay / most, 6) for delay, most in zip(delays, longest, strict=True)}) > 5


def test_healthy_life_starts_the_delays_afresh() -> None:
    """A child that ran for half a minute is back in a tenth of a second."""
    backoff = Backoff(random.Random(7))
    for _ in range(10):
        backoff.delay_seconds(lived_seconds=1.0)
    assert backoff.delay_seconds(lived_seconds=30.0) <= 0.1
