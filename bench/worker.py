"""One process under measurement: the real command as a child process, and what it says of itself."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from deploy.embedded.ports import free_port
from streams import topology
from streams.settings import Settings

READY_SECONDS = 300.0
POLL_SECONDS = 0.05
STOP_SECONDS = 20.0


class Worker:
    """A running `onhand worker`, or another command that has metrics."""

    def __init__(
        self,
        settings: Settings,
        log: Path,
        arguments: Sequence[str] = ("worker",),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "streams.cli.main", *arguments, "--metrics-port", str(self.port)]
        self.started_at = time.perf_counter()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--bootstrap-servers", settings.bootstrap_servers],
                env={
                    **os.environ,
                    "ONHAND_PARTITIONS": str(settings.partitions),
                    "ONHAND_WORKER_ID": settings.worker_id,
                    **(environment or {}),
                },
                stdout=output,
                stderr=output,
            )
        self._log = log
        self.ready_seconds = 0.0
        self._usage = psutil.Process(self._process.pid)

    def wait_ready(self) -> None:
        """Wait until all partitions are restored; note the seconds since the start of the process."""
        while time.perf_counter() - self.started_at < READY_SECONDS:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5):
                    self.ready_seconds = time.perf_counter() - self.started_at
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_SECONDS)
        raise RuntimeError(f"the process did not become ready; see {self._log}")

    def metrics(self) -> Mapping[str, float]:
        """Return the sum of each metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums

    @property
    def resident_bytes(self) -> int:
        """Memory that the process holds."""
        return int(self._usage.memory_info().rss)

    @property
    def processor_seconds(self) -> float:
        """User and system time that the process has used."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """Stop it cleanly."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_worker(settings: Settings, *, wait: bool = True) -> Iterator[Worker]:
    """Run a worker; it is ready when the block begins, unless the caller will wait for that."""
    with tempfile.TemporaryDirectory(prefix="onhand-bench-") as folder:
        worker = Worker(settings, Path(folder) / "worker.log")
        try:
            if wait:
                worker.wait_ready()
            yield worker
        finally:
            worker.stop()


class Progress:
    """How far the worker's group has come, by its committed offsets."""

    def __init__(self, settings: Settings) -> None:
        config = {"bootstrap.servers": settings.bootstrap_servers, "group.id": settings.group_id}
        self._consumer = Consumer({**config, "enable.auto.commit": False, "log_level": 2})
        self._partitions = [
            TopicPartition(topic.name, number)
            for topic in topology.INPUTS
            for number in range(settings.partitions)
        ]

    def written(self) -> int:
        """Return the sum of the input topics' ends."""
        return sum(self._consumer.get_watermark_offsets(one, timeout=30)[1] for one in self._partitions)

    def applied(self) -> int:
        """Return the sum of committed offsets."""
        return sum(max(0, one.offset) for one in self._consumer.committed(self._partitions, timeout=30))

    def wait_applied(self, target: int, timeout_seconds: float) -> float:
        """Wait until that many are applied; return the seconds that it took."""
        started = time.perf_counter()
        while self.applied() < target:
            if time.perf_counter() - started > timeout_seconds:
                raise RuntimeError(
                    f"{target - self.applied()} events are not applied after {timeout_seconds:.0f} s"
                )
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - started
