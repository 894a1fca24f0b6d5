"""The demo from start to end: stack up, shops open, a worker killed, all settled, verified, summed up."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from deploy.embedded.parts import kafka_classpath
from deploy.embedded.process import Child, start_child
from streams.cli.pipeline import Pipeline, PipelineOptions
from streams.demo.board import Board
from streams.demo.day import DAY_MS, Day, write_day
from streams.demo.feed import Feed
from streams.demo.message import Expected
from streams.demo.news import News
from streams.demo.outcome import Outcome
from streams.demo.scene import Screen
from streams.demo.screens import LiveScreen, PlainScreen
from streams.demo.stage import Stage
from streams.demo.watch import Watch

OPENING_SECONDS = 30.0  # 800 receipts take one; a loaded machine may need more.
SETTLE_SECONDS = 60.0  # A killed worker is back within seconds; beyond this something is lost.
VERIFY_SECONDS = 180.0  # verify itself waits for the pipeline to come to rest.
VERIFY_LINES = 40
MILLISECONDS = 1000
VERIFY = (sys.executable, "-m", "streams.cli.main", "verify")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to run: data_dir holds all state, seconds is how long the shops are open."""

    data_dir: Path
    seconds: float
    events_per_second: int
    seed: int
    workers: int


class Demo:
    """One run of the demo, shown on a console."""

    def __init__(self, options: DemoOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._screen: Screen = PlainScreen(console)
        self._board = Board()
        self._news = News(time.monotonic, self._say)
        self._pipeline = Pipeline(PipelineOptions(options.data_dir, options.workers), self._news.tell)

    def run(self) -> Outcome:
        """
        Run it all and return what came of it; nothing is left running, whatever happens.

        Raises StackError and ServiceFailedError when the pipeline does not start, FeedError when the day
        can't be sent.
        """
        kafka_classpath()  # Downloads with a progress bar if this was never set up.
        try:
            with self._console.status("Starting; about ten seconds"):  # A spinner, on terminals only.
                self._pipeline.start()
            settings = self._pipeline.settings
            with Watch(settings.bootstrap_servers, settings.channels, self._board) as watch:
                return self._play(watch)
        finally:
            self._screen.close()
            self._screen = PlainScreen(self._console)
            self._pipeline.stop()

    def _say(self, line: str) -> None:
        """Say a line on the screen that is up right now."""
        self._screen.say(line)

    def _play(self, watch: Watch) -> Outcome:
        day = self._written_day()
        feed = Feed(self._pipeline.settings.bootstrap_servers, self._board)
        if self._console.is_terminal:
            self._screen = LiveScreen(self._console)
        stage = Stage(self._pipeline, feed, watch, self._board, self._screen, self._news, day.busiest)
        try:
            return self._sold(day, feed, stage)
        finally:
            feed.stop()

    def _sold(self, day: Day, feed: Feed, stage: Stage) -> Outcome:
        stage.during("filling the shelves", lambda: feed.send_all(day.opening))
        stage.wait("filling the shelves", self._has_settled, OPENING_SECONDS)
        seconds, started = self._options.seconds, time.monotonic()
        self._news.tell(f"shops open: {len(day.messages):,} messages to come in {seconds:g} s")
        stage.during("shops are open", lambda: feed.send_day(day.messages, seconds))
        fed_seconds = time.monotonic() - started
        self._news.tell("shops have closed")
        stage.wait("shops have closed", self._has_settled, SETTLE_SECONDS)
        self._news.tell("onhand verify recomputes all stock on its own path")
        verify = self._start_verify()
        stage.wait("verifying", lambda: verify.exit_code() is not None, VERIFY_SECONDS)
        return Outcome(
            snapshot=self._board.snapshot(time.monotonic()),
            latency=self._board.whole_latency(),
            fed_seconds=fed_seconds,
            killed=stage.victim,
            recovery_seconds=stage.recovery_seconds,
            is_verified=verify.exit_code() == 0,
            verify_lines=verify.log_tail(VERIFY_LINES),
        )

    def _written_day(self) -> Day:
        """Write a day that ends about now: nothing in it lies in the future, and little is late."""
        day_start_ms = int(time.time() * MILLISECONDS) - DAY_MS
        total = round(self._options.events_per_second * self._options.seconds)
        return write_day(self._options.seed, total, day_start_ms, f"demo-{day_start_ms}")

    def _has_settled(self) -> bool:
        """Tell whether everything sent has come out, as a row of the ledger or as a dead letter."""
        shot = self._board.snapshot(time.monotonic())
        rows = shot.sent.get(Expected.RECORDED, 0) + shot.sent.get(Expected.DUPLICATE, 0)
        poison = shot.sent.get(Expected.DEAD_LETTER, 0)
        return shot.recorded_total >= rows and shot.dead_letters_total >= poison

    def _start_verify(self) -> Child:
        """Start `onhand verify` against the running pipeline; its words go to a log of its own."""
        settings = self._pipeline.settings
        log_path = self._options.data_dir / "logs" / f"verify-{time.time_ns()}.log"
        addresses = ("--bootstrap-servers", settings.bootstrap_servers, "--redis-url", settings.redis_url)
        return start_child("verify", [*VERIFY, *addresses], log_path)
