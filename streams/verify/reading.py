"""Reading topics for verification: a small interface, and Kafka behind it."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.verify.plan import Partition

BATCH_RECORDS = 10_000
POLL_SECONDS = 1.0  # A wait for a batch; the end of a partition is reported, not guessed from silence.
REQUEST_SECONDS = 15.0  # A cluster that takes longer to answer is taken as not answering.
SILENCE_SECONDS = 60.0  # Without a record or an end for so long the read has failed.
QUEUE_KIBIBYTES = 32_768  # Prefetched at most, so that memory stays small.

_LOG = logging.getLogger("librdkafka")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False  # Connection chatter would run through the progress bar; what fails raises instead.


class ReadError(Exception):
    """The cluster can't be read; the message says what to do."""


class Record(Protocol):
    """One record as read: the shape of confluent_kafka.Message."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> list[tuple[str, bytes]] | None: ...
    def timestamp(self) -> tuple[int, int]: ...


class Reader(Protocol):
    """Topics as they stood at one moment, committed records only."""

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 if it is missing."""

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the first offset that is there and the end."""

    def read(self, partitions: Iterable[Partition]) -> Iterator[Record]:
        """Yield all records of the partitions, in order within each."""

    def committed(self, group_id: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Return a group's committed offsets; partitions without one are left out."""


class KafkaReader:
    """
    A Kafka cluster, read up to the ends that `snapshot()` has found.

    Every method raises ReadError when the cluster does not answer. on_records is told how many were read.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Iterable[str],
        on_records: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._on_records = on_records
        self._consumer = self._make_consumer("onhand-verify")
        try:
            metadata = self._consumer.list_topics(timeout=REQUEST_SECONDS).topics
        except KafkaException as error:
            self.close()
            raise self._unanswered() from error
        self._counts = {name: len(metadata[name].partitions) if name in metadata else 0 for name in topics}
        self._bounds: dict[Partition, tuple[int, int]] = {}

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def snapshot(self) -> dict[Partition, tuple[int, int]]:
        """Find the present bounds of every partition; reads go up to them from now on."""
        self._bounds = {
            (topic, number): self.bounds_now((topic, number))
            for topic, count in self._counts.items()
            for number in range(count)
        }
        return self._bounds

    def bounds_now(self, partition: Partition) -> tuple[int, int]:
        """Ask the cluster for a partition's bounds."""
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), REQUEST_SECONDS)
        except KafkaException as error:
            raise self._unanswered() from error
        return low, high

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 if it is missing."""
        return self._counts.get(topic, 0)

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return a partition's bounds at the snapshot."""
        return self._bounds[partition]

    def committed(self, group_id: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return a group's committed offsets; partitions without one are left out."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        if not wanted:
            return {}
        consumer = self._make_consumer(group_id)
        try:
            found = consumer.committed(wanted, REQUEST_SECONDS)
        except KafkaException as error:
            raise self._unanswered() from error
        finally:
            consumer.close()
        return {(part.topic, part.partition): part.offset for part in found if part.offset >= 0}

    def read(self, partitions: Iterable[Partition]) -> Iterator[Record]:
        """Yield all records of the partitions up to the snapshot, in order within each."""
        starts = {
            part: OFFSET_BEGINNING for part in partitions if self._bounds[part][0] < self._bounds[part][1]
        }
        yield from self._read_from(starts)

    def unread(self, starts: Mapping[Partition, int]) -> Iterator[Record]:
        """Yield the records of partitions from these offsets on, up to the snapshot."""
        yield from self._read_from({part: at for part, at in starts.items() if at < self._bounds[part][1]})

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return a partition's first offset written at or after a time, UTC milliseconds; its end if none was."""
        wanted = [TopicPartition(*partition, timestamp)]
        try:
            (found,) = self._consumer.offsets_for_times(wanted, REQUEST_SECONDS)
        except KafkaException as error:
            raise self._unanswered() from error
        return found.offset if found.offset >= 0 else self._bounds[partition][1]

    def _read_from(self, starts: Mapping[Partition, int]) -> Iterator[Record]:
        left = set(starts)
        if not left:
            return
        self._consumer.assign([TopicPartition(*part, offset) for part, offset in starts.items()])
        silence = 0.0
        try:
            while left:
                messages = self._next_messages()
                silence = 0.0 if messages else silence + POLL_SECONDS
                if silence >= SILENCE_SECONDS:
                    raise self._unanswered()
                self._on_records(len(messages))
                yield from self._wanted(messages, left)
        finally:
            self._consumer.unassign()

    def _next_messages(self) -> list[Any]:
        """Return what is there at once, or the first record that comes within POLL_SECONDS."""
        messages: list[Any] = self._consumer.consume(BATCH_RECORDS, 0)
        if messages:
            return messages
        first = self._consumer.poll(POLL_SECONDS)
        return [] if first is None else [first]

    def _wanted(self, messages: list[Any], left: set[Partition]) -> Iterator[Record]:
        """Yield the records before the snapshot's ends; strike off the partitions that are finished."""
        for message in messages:
            part = (message.topic(), message.partition())
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name.
                    left.discard(part)
                elif not error.retriable():
                    raise ReadError(f"Reading {part[0]} failed: {error.str()}.")
                continue
            end = self._bounds[part][1]
            if message.offset() < end:
                yield message
            if message.offset() >= end - 1:
                left.discard(part)

    def _make_consumer(self, group_id: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": group_id,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "queued.max.messages.kbytes": QUEUE_KIBIBYTES,
            },
            logger=_LOG,
        )

    def _unanswered(self) -> ReadError:
        return ReadError(
            f"Kafka at {self._bootstrap_servers} does not answer: start it, or check --bootstrap-servers."
        )
