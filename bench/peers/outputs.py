"""What an engine has written: its output topic read as a committed reader sees it, and how far it has come."""

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # documented, not listed.

from bench.peers.work import PARTITIONS, Recomputed, Stock, decode_state
from streams.engine.codec import read_varint

READ_RECORDS = 10_000
FIRST_READ_SECONDS = 10.0  # Until a new consumer has reached the ends.
QUIET_SECONDS = 0.25  # A consumer to which nothing comes for so long stands at the end.
LOOK_SECONDS = 0.25  # Between two looks at where the topic ends; one request each, so as not to disturb.
STILL_SECONDS = 0.75  # A topic that has not grown for so long is read; until then reading would cost time.
REQUEST_SECONDS = 30.0


class TopicReader:
    """Reads a topic from its start, committed records only; each read goes on where the last one ended."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "bench-peers-check",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 2,  # Brokers are bounced on purpose.
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        self._ended: set[int] = set()

    def read(self) -> Iterator[Any]:
        """Yield the messages that are there now."""
        deadline = time.monotonic() + FIRST_READ_SECONDS
        while True:
            messages: list[Any] = self._consumer.consume(READ_RECORDS, QUIET_SECONDS)
            for message in messages:
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - so it is named.
                    self._ended.add(message.partition())
            if not messages and (len(self._ended) == PARTITIONS or time.monotonic() > deadline):
                return

    def close(self) -> None:
        """Stop to read."""
        self._consumer.close()


class Outputs:
    """The states that an engine has told of, by SKU."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._reader = TopicReader(bootstrap_servers, topic)
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2})
        self._partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        self._latest: dict[bytes, bytes] = {}
        self._versions: dict[bytes, int] = {}
        self.applied = 0
        self.records = 0
        self.versions_backwards = 0
        self.progress: list[tuple[int, int]] = []
        """(milliseconds since 1970 when the broker appended a record, events that it tells of for the first time)."""

    def ends(self) -> int:
        """Return the sum of the partitions' ends, uncommitted records included; 0 without an answer."""
        latest: Any = OffsetSpec
        asked = self._admin.list_offsets({one: latest.latest() for one in self._partitions})
        try:
            return sum(future.result(REQUEST_SECONDS).offset for future in asked.values())
        except KafkaException:
            return 0

    def read(self) -> None:
        """Take what has been committed since the last call."""
        for message in self._reader.read():
            key, value = message.key(), message.value()
            version = _version(value)
            before = self._versions.get(key, 0)
            if version > before:
                self._versions[key] = version
                self.applied += version - before
                self.progress.append((message.timestamp()[1], version - before))
            else:
                self.versions_backwards += 1
            self._latest[key] = value
            self.records += 1

    def wait(self, events: int, timeout_seconds: float, give_up_seconds: float | None = None) -> bool:
        """
        Wait until so many events are in the states; return False if that takes too long.

        Gives up before the time-out when nothing is committed for give_up_seconds.
        """
        deadline = time.monotonic() + timeout_seconds
        last, since, moved, applied = -1, time.monotonic(), time.monotonic(), self.applied
        while time.monotonic() < deadline:
            end, now = self.ends(), time.monotonic()
            if end != last:
                last, since = end, now
            elif now - since > STILL_SECONDS and end:
                self.read()
            if self.applied >= events:
                return True
            if self.applied != applied:
                moved, applied = now, self.applied
            if give_up_seconds is not None and now - max(moved, since) > give_up_seconds:
                return False
            time.sleep(LOOK_SECONDS)
        return False

    def stocks(self) -> dict[str, Stock]:
        """Return the last state of every SKU, decoded on a path of its own."""
        return dict(decode_state(value) for value in self._latest.values())

    def close(self) -> None:
        """Stop to read."""
        self._reader.close()


def recompute(bootstrap_servers: str, topic: str) -> Recomputed:
    """Read the whole input topic and return what its events come to."""
    reader, recomputed = TopicReader(bootstrap_servers, topic), Recomputed()
    for message in reader.read():
        recomputed.take(message.value())
    reader.close()
    return recomputed


def _version(value: bytes) -> int:
    """Return the version of an encoded state: the field behind the SKU."""
    length, start = read_varint(value, 0)
    return read_varint(value, start + length)[0]
