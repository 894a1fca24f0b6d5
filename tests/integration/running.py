"""`onhand up` as a person starts it, with what a test wants to do to it: look, kill, freeze, ask, stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.integration.stock_client import StockClient
from tests.processes import ONHAND, POLL_SECONDS, wait_until

INPUTS = ("stock-sales", "stock-returns", "stock-receipts", "stock-counts", "stock-policies")
GROUP_ID = "onhand-stock"
READY_SECONDS = 150.0  # `up` gives up by itself before; it takes about 8 s on an idle machine.
BACK_SECONDS = 90.0  # A restart takes 3 s, the longest pause before one 10 s, and CI runs much beside it.
STOP_SECONDS = 60.0
COMMAND_SECONDS = 180.0
REQUEST_SECONDS = 10.0

Answer = TypeVar("Answer")

_EVENTS = re.compile(r'^onhand_events_total\{outcome="(\w+)",topic="[\w-]+"\} ([0-9.e+]+)$', re.MULTILINE)


class OnhandUp:
    """A running `onhand up`; leaving it as a context kills what the test has not stopped."""

    def __init__(self, data_dir: Path, *options: str, workers: int = 2) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self.log_path = data_dir / "up.log"
        command = [str(ONHAND), "up", "--data-dir", str(data_dir), "--workers", str(workers), *options]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait(READY_SECONDS)}:\n{self.log}"
        self.said: dict[str, Any] = json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def log(self) -> str:
        """What it has told people so far."""
        return self.log_path.read_text("utf-8")

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of its children now, by name."""
        pids: dict[str, int] = self.described()["pids"]
        return pids

    def described(self) -> dict[str, Any]:
        """Return what its description file says now; like what it said, but for process ids."""
        described: dict[str, Any] = json.loads((self.data_dir / "onhand.json").read_text("utf-8"))
        return described

    @property
    def workers(self) -> list[str]:
        """Names of its stock workers."""
        return [name for name in self.said["pids"] if name.startswith("worker-")]

    def client(self) -> StockClient:
        """Return a client that is told the two addresses that anyone is told."""
        return StockClient(self.said["bootstrap_servers"], self.said["schema_registry_url"])

    def kill_worker(self, name: str) -> int:
        """End a worker by signal 9 and return the process id that it had."""
        pid = self.pids[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_back(self, name: str, old_pid: int) -> None:
        """Wait until a worker runs again as another process, and is ready."""
        wait_until(lambda: self.pids[name] != old_pid, BACK_SECONDS, f"{name} is started again")
        self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        """Wait until a worker says that it is ready."""
        wait_until(partial(self.is_ready, name), BACK_SECONDS, f"{name} is ready")

    def is_ready(self, name: str) -> bool:
        """Tell whether a worker says that it is ready."""
        return self._get(name, "/ready") is not None

    def events(self, name: str) -> dict[str, int]:
        """Return how many events a worker's present process has counted, by outcome; none if it is not up."""
        counts: Counter[str] = Counter()
        for outcome, count in _EVENTS.findall(self._get(name, "/metrics") or ""):
            counts[outcome] += int(float(count))
        return dict(+counts)  # Every outcome is there from the start, as zero.

    def metric(self, name: str, metric: str) -> float:
        """Return the value of one of a worker's metrics that has no labels."""
        text = self._get(name, "/metrics") or ""
        found = re.search(rf"^{metric} ([0-9.e+]+)$", text, re.MULTILINE)
        assert found, f"{name} has no {metric}"
        return float(found[1])

    def _get(self, name: str, path: str) -> str | None:
        """Return what a worker answers, or None if it does not answer 200."""
        url = self.said["metrics_urls"][self.workers.index(name)].removesuffix("/metrics") + path
        try:
            answer = httpx.get(url, timeout=REQUEST_SECONDS)
        except httpx.HTTPError:
            return None
        return answer.text if answer.status_code == httpx.codes.OK else None

    def environment(self) -> Mapping[str, str]:
        """Return the environment of a command that is to talk to this installation."""
        return {
            **os.environ,
            "ONHAND_BOOTSTRAP_SERVERS": self.said["bootstrap_servers"],
            "ONHAND_REDIS_URL": self.said["redis_url"],
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an `onhand` command against this installation."""
        return subprocess.run(
            [str(ONHAND), *arguments],
            env=self.environment(),
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def stop(self) -> int:
        """End it by SIGTERM and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def positions(self) -> Positions:
        """Return a watch over how far the workers are."""
        return Positions(self.said["bootstrap_servers"])


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Return what Kafka answers, asking again while its broker has only just come back."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


class Positions:
    """How much there is in the input topics, and how much of it the workers' group has committed."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": GROUP_ID,  # Only asked for its offsets; this consumer never joins it.
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        topics = self._consumer.list_topics(timeout=REQUEST_SECONDS).topics
        self._partitions = [
            TopicPartition(name, number) for name in INPUTS for number in topics[name].partitions
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def written(self) -> Counter[int]:
        """Return how many records the inputs have, by partition number."""
        counts: Counter[int] = Counter()
        for partition in self._partitions:
            ask = partial(self._consumer.get_watermark_offsets, partition, timeout=REQUEST_SECONDS)
            _, end = patiently(ask)
            counts[partition.partition] += end
        return counts

    def applied(self) -> Counter[int]:
        """Return how many of them the workers have committed, by partition number."""
        counts: Counter[int] = Counter()
        ask = partial(self._consumer.committed, self._partitions, timeout=REQUEST_SECONDS)
        for partition in patiently(ask):
            counts[partition.partition] += max(0, partition.offset)
        return counts

    def are_beyond(self, mark: Mapping[int, int]) -> bool:
        """Tell whether the workers have gone beyond a mark in every partition."""
        applied = self.applied()
        return all(applied[number] > count for number, count in mark.items())

    def wait_flowing(self, events_total: int, seconds: float) -> None:
        """Wait until so many events more than are there now are applied, and some in every partition."""
        mark = self.written()
        wait_until(
            lambda: self.applied().total() > mark.total() + events_total and self.are_beyond(mark),
            seconds,
            "events flow in all partitions",
        )

    def wait_drained(self, seconds: float) -> None:
        """Wait until all that is written is applied."""
        wait_until(lambda: self.applied() == self.written(), seconds, "everything is applied")
