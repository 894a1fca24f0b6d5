"""One broker for a whole run, what it holds, and what it has used."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # documented, not listed.

from bench.peers.work import PARTITIONS
from deploy.embedded.stack import EmbeddedStack

REQUEST_SECONDS = 30.0
BROKER_PAUSE_SECONDS = 1.0  # How long a bounced broker stays away, its own start not counted.

APPEND_TIMES = {"message.timestamp.type": "LogAppendTime"}
"""For output topics: the clock of throughput is the broker's."""


class Cluster:
    """The broker under all engines of a run."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self._stack = stack
        self.bootstrap_servers = stack.bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})

    def create(self, topic: str, **config: str) -> None:
        """Create a topic with as many partitions as everything has."""
        new = NewTopic(topic, PARTITIONS, 1, config=config)
        for future in self._admin.create_topics([new], request_timeout=REQUEST_SECONDS).values():
            future.result()

    def topics(self, prefix: str) -> list[str]:
        """Return the topics whose names contain a run's name."""
        return [name for name in self._admin.list_topics(timeout=REQUEST_SECONDS).topics if prefix in name]

    def drop(self, topics: Sequence[str]) -> None:
        """Delete topics; what goes wrong is not worth a benchmark's end."""
        if topics:
            for future in self._admin.delete_topics(list(topics), request_timeout=REQUEST_SECONDS).values():
                try:
                    future.result()
                except KafkaException:
                    continue

    def bytes_of(self, topics: Sequence[str]) -> int:
        """Return the bytes that topics take in the broker's logs, compressed as they are."""
        data = self._stack.data_dir / "kafka" / "data"
        return sum(
            segment.stat().st_size
            for topic in topics
            for number in range(PARTITIONS)
            for segment in (data / f"{topic}-{number}").glob("*.log")
        )

    @property
    def processor_seconds(self) -> float:
        """Processor time that the broker has used."""
        pid = self._stack.kafka.pid
        assert pid is not None, "the broker runs"
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)

    def bounce(self, *, kill: bool) -> None:
        """Stop the broker, by signal 9 or cleanly, and start it again."""
        if kill:
            self._stack.kafka.kill()
        else:
            self._stack.kafka.stop()
        time.sleep(BROKER_PAUSE_SECONDS)
        self._stack.kafka.start()


@contextmanager
def fresh() -> Iterator[Cluster]:
    """Yield a new broker, which is gone behind the block."""
    with (
        tempfile.TemporaryDirectory(prefix="onhand-peers-") as folder,
        EmbeddedStack(Path(folder) / "stack", redis=False) as stack,
    ):
        yield Cluster(stack)
