"""Keeps child processes running: restarts the dead with backoff, stops all in order."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.embedded.errors import StackError
from deploy.embedded.process import Child

# A crash by chance should cost next to nothing; a crash at every start must not take a core.
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
# A child that lived this long was healthy: its next death starts again from the first delay.
HEALTHY_AFTER_SECONDS = 30.0
# Deaths before a service was ever ready that are taken for a fault that another start will not mend.
EARLY_DEATHS_TOTAL = 5
READY_POLL_SECONDS = 0.05


class ServiceFailedError(Exception):
    """A service did not become ready; the message says which, why, and where its log is."""


@dataclass(frozen=True, slots=True)
class Service:
    """
    A process to keep running.

    `start` makes it anew, on the same ports each time; `is_ready` is asked from the thread that waits.
    Services of one `stop_rank` stop together, lower ranks first. `stop_seconds` bounds a clean stop.
    """

    name: str
    start: Callable[[], Child]
    is_ready: Callable[[], bool] = lambda: True
    stop_rank: int = 0
    stop_seconds: float = 10.0


class Backoff:
    """Exponential delays with jitter, from 0.1 s to 10 s, that start afresh after a healthy life."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._next_seconds = FIRST_DELAY_SECONDS

    def delay_seconds(self, lived_seconds: float) -> float:
        """Return how long to wait before a restart, for a child that lived so long."""
        if lived_seconds >= HEALTHY_AFTER_SECONDS:
            self._next_seconds = FIRST_DELAY_SECONDS
        longest = self._next_seconds
        self._next_seconds = min(LONGEST_DELAY_SECONDS, longest * 2)
        # Half fixed, half random: children that one cause killed at once do not come back at once.
        return longest * (0.5 + self._source.random() / 2)


class Supervisor:
    """
    Runs services, each watched by a thread of its own.

    `report` gets one line for a person at every death and restart, `on_change` is called whenever a process
    id has changed; both are called from the watching threads.
    """

    def __init__(
        self,
        report: Callable[[str], None] = lambda _line: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._report = report
        self._on_change = on_change
        self._stopping = threading.Event()
        self._watches: dict[str, _Watch] = {}

    def run(self, service: Service, running: Child | None = None) -> None:
        """
        Start a service (or take over its running child) and keep it alive until `stop()`.

        Raises StackError when the first start is not possible at all.
        """
        watch = _Watch(service, running or service.start(), self._stopping, self._report, self._on_change)
        self._watches[service.name] = watch
        watch.thread.start()
        self._on_change()

    def pids(self) -> dict[str, int]:
        """Return the process id of each service, in the order they were added."""
        return {name: watch.child.pid for name, watch in list(self._watches.items())}

    def child(self, name: str) -> Child:
        """Return a service's present child process. Raises KeyError."""
        return self._watches[name].child

    def wait_ready(self, names: Sequence[str], timeout_seconds: float) -> None:
        """Return when the named services are ready. Raises ServiceFailedError if one never is."""
        deadline = time.monotonic() + timeout_seconds
        for name in names:
            watch = self._watches[name]
            while not watch.service.is_ready():
                watch.check_alive()
                if self._stopping.is_set():
                    raise ServiceFailedError(f"{name} was stopped before it was ready.")
                if time.monotonic() > deadline:
                    raise ServiceFailedError(
                        f"{name} was not ready within {timeout_seconds:g} s ({watch.last_words()})."
                    )
                time.sleep(READY_POLL_SECONDS)
            watch.was_ready = True

    def stop(self) -> None:
        """Stop all services, lower ranks first, each within its bound; nothing is restarted any more."""
        self._stopping.set()
        for watch in self._watches.values():
            watch.settle()
        ranks = sorted({watch.service.stop_rank for watch in self._watches.values()})
        for rank in ranks:
            _stop_together([watch for watch in self._watches.values() if watch.service.stop_rank == rank])


def _stop_together(watches: Sequence[_Watch]) -> None:
    """Ask all at once, then wait for each: the bounds run at the same time, not one after the other."""
    asked_at = time.monotonic()
    for watch in watches:
        watch.child.terminate()
    for watch in watches:
        left_seconds = asked_at + watch.service.stop_seconds - time.monotonic()
        watch.child.stop(max(0.0, left_seconds))
        watch.thread.join()


class _Watch:
    """One service, its present child, and the thread that waits for its death."""

    def __init__(
        self,
        service: Service,
        child: Child,
        stopping: threading.Event,
        report: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self.service = service
        self.child = child
        self.was_ready = False
        self.early_deaths_total = 0
        self.thread = threading.Thread(target=self._keep_alive, name=f"watch-{service.name}", daemon=True)
        self._stopping = stopping
        self._starting = threading.Lock()
        self._report = report
        self._on_change = on_change
        # Two supervisors must not draw the same jitter, so the system's randomness is right here.
        self._backoff = Backoff(random.SystemRandom())

    def check_alive(self) -> None:
        """Raise ServiceFailedError when the service dies at every start and so will never be ready."""
        if not self.was_ready and self.early_deaths_total >= EARLY_DEATHS_TOTAL:
            raise ServiceFailedError(f"{self.service.name} keeps ending ({self.last_words()}).")

    def last_words(self) -> str:
        """Return the end of the child's log and where the rest of it is."""
        said = (self.child.log_tail(1) or ["it said nothing"])[-1].strip()
        return f"{said}; see {self.child.log_path}"

    def settle(self) -> None:
        """Wait until no start is under way, so that `child` is the last one there will be."""
        with self._starting:
            pass

    def _keep_alive(self) -> None:
        while not self._stopping.is_set():
            started_at = time.monotonic()
            code = self.child.wait()
            if self._stopping.is_set():
                return
            self._restart(time.monotonic() - started_at, _in_words(code))

    def _restart(self, lived_seconds: float, reason: str) -> None:
        """Start anew after a delay, as often as it takes; a start that fails counts as a short life."""
        while True:
            self.early_deaths_total += 1
            delay_seconds = self._backoff.delay_seconds(lived_seconds)
            self._report(f"{self.service.name} {reason}; starting again in {delay_seconds:.1f} s")
            if self._stopping.wait(delay_seconds):
                return
            try:
                with self._starting:
                    if self._stopping.is_set():
                        return
                    self.child = self.service.start()
            except (StackError, OSError, subprocess.SubprocessError) as error:
                lived_seconds, reason = 0.0, f"cannot be started: {error}"
            else:
                self._on_change()
                return


def _in_words(exit_code: int) -> str:
    if exit_code < 0:
        return f"was killed by signal {-exit_code}"
    return f"ended with exit code {exit_code}"
