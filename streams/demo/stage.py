"""Shows the running demo scene by scene, kills a worker when its time has come, and sees it come back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

from streams.cli.pipeline import Pipeline
from streams.demo.board import Board
from streams.demo.feed import Feed
from streams.demo.news import News
from streams.demo.scene import Process, Scene, Screen, with_restarts
from streams.demo.watch import Watch

FRAME_SECONDS = 0.1
KILL_AT = 0.5  # The middle of the day.


class Stage:
    """
    The pipeline as it is seen while something goes on.

    busiest are the SKUs to show. recovery_seconds is None until all that had been sent before the kill is in
    the ledger.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        feed: Feed,
        watch: Watch,
        board: Board,
        screen: Screen,
        news: News,
        busiest: Sequence[str],
    ) -> None:
        self._pipeline = pipeline
        self._feed = feed
        self._watch = watch
        self._board = board
        self._screen = screen
        self._news = news
        self._busiest = busiest
        self._channels = pipeline.settings.channels
        self._processes: dict[str, Process] = {}
        self._killed_at: float | None = None
        self.victim = pipeline.worker_ids[0]
        self.recovery_seconds: float | None = None

    def during(self, phase: str, work: Callable[[], None]) -> None:
        """Show scenes while some work is done in a thread of its own; raises what the work raises."""
        failures: list[BaseException] = []

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the thread that waits.
                failures.append(error)

        thread = threading.Thread(target=guarded, name="feed", daemon=True)
        thread.start()
        self.wait(phase, lambda: not thread.is_alive())
        if failures:
            raise failures[0]

    def wait(self, phase: str, is_done: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """Show scenes until something is so, at most for some seconds; tell whether it came to be so."""
        deadline = time.monotonic() + seconds
        while not (done := is_done()) and time.monotonic() < deadline:
            self._frame(phase)
            time.sleep(FRAME_SECONDS)
        return done

    def _frame(self, phase: str) -> None:
        """Show one scene, and do what is due."""
        self._watch.check()
        now = time.monotonic()
        self._processes = with_restarts(self._processes, self._running())
        if self._killed_at is None and self._feed.at >= KILL_AT:
            self._kill(now)
        if self._killed_at is not None and self.recovery_seconds is None:
            self._look_for_recovery(now, self._killed_at)
        processes, snapshot = list(self._processes.values()), self._board.snapshot(now)
        self._screen.show(
            Scene(
                phase, self._feed.at, snapshot, processes, self._busiest, self._channels, self._news.latest()
            )
        )

    def _running(self) -> list[Process]:
        supervisor = self._pipeline.supervisor
        return [
            Process(name, pid, supervisor.child(name).exit_code() is None)
            for name, pid in supervisor.pids().items()
        ]

    def _kill(self, now: float) -> None:
        pid = self._processes[self.victim].pid
        self._news.tell(f"killing {self.victim} (pid {pid}) with signal 9")
        self._killed_at = now
        os.kill(pid, signal.SIGKILL)

    def _look_for_recovery(self, now: float, killed_at: float) -> None:
        if self._board.waiting_since(killed_at) == 0:
            self.recovery_seconds = now - killed_at
            self._news.tell(
                f"all that was sent before the kill is in the ledger after {now - killed_at:.1f} s"
            )
