"""
The log that the engine runs on: partitioned topics, transactions and consumer groups.

Two implementations keep the same rules: kafka_log (librdkafka against a real cluster) and memory_log (in one
process, seeded, for simulation). Everything here is synchronous; the Faust side calls it from a thread.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

Partition = tuple[str, int]
"""Topic name and partition number."""

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """One record as read: the shape of confluent_kafka.Message, so that none is copied."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Headers | None: ...
    def timestamp(self) -> tuple[int, int]:
        """Return (kind, milliseconds since 1970); kind 0 means that there is no timestamp."""


class GroupMetadata(Protocol):
    """Opaque proof of membership: group, member and generation, as of one assignment."""


AssignmentCallback = Callable[[list[Partition]], None]


class GroupConsumer(Protocol):
    """
    Member of a consumer group, reading committed records only.

    Rebalance callbacks run inside poll, in the thread that calls it. At the end of the assign callback the
    partitions start at the group's committed offsets (else at the earliest); the callback may pause them.
    """

    def subscribe(
        self,
        topics: Sequence[str],
        on_assign: AssignmentCallback,
        on_revoke: AssignmentCallback,
        on_lost: AssignmentCallback,
    ) -> None: ...

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """
        Wait for a first record up to the time-out, then take what is there at once, up to max_records.

        Raises FatalLogError when the member can't go on.
        """

    def group_metadata(self) -> GroupMetadata:
        """Return the membership of the present assignment; to be taken inside the assign callback (design D2)."""

    def pause(self, partitions: Iterable[Partition]) -> None: ...
    def resume(self, partitions: Iterable[Partition]) -> None: ...
    def seek(self, partition: Partition, offset: int) -> None: ...
    def lag(self) -> Mapping[Partition, int]:
        """
        Return records not yet read by assigned partition; one that is not known is left out.

        A broker is asked once an assignment, for where quiet partitions begin.
        """

    def close(self) -> None: ...


class TransactionalProducer(Protocol):
    """
    Producer whose writes become visible together or not at all.

    Every method raises FencedError or FatalLogError when the process must end, AbortableLogError when the
    transaction must be aborted.
    """

    def init_transactions(self) -> None:
        """Claim the transactional id: ends an open transaction of an earlier owner and fences it."""

    def begin(self) -> None: ...
    def produce(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None: ...
    def send_offsets(self, offsets: Mapping[Partition, int], group: GroupMetadata) -> None:
        """
        Commit offsets with the transaction, once all that was produced before is in the log.

        In that order, so that whoever waits for these offsets and took the high watermark misses nothing.
        Raises FencedError when the membership is no longer valid.
        """

    def commit(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class TableReader(Protocol):
    """Reads whole partitions of table topics, committed records only, outside any group."""

    def end_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return the high watermarks, uncommitted records included (design D3)."""

    def start(self, partition: Partition, offset: int) -> None:
        """Begin to read a partition at an offset; 0 means the earliest that is there."""

    def stop(self, partitions: Iterable[Partition]) -> None: ...

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Return committed records of the started partitions, in order within each."""

    def position(self, partition: Partition) -> int:
        """
        Return the offset up to which nothing committed is left unread.

        It passes transaction markers and aborted records, which poll never returns, and it stands still at the
        first record of a transaction that is still open.
        """

    def open_writers(self, partition: Partition, offset: int) -> Sequence[Record]:
        """
        Return the first record of the open transaction that holds committed readers at an offset.

        Nothing if none does: then a reader that stands there is only slow, and nobody is to be fenced for it.
        Raises RetriableLogError without an answer.
        """

    def close(self) -> None: ...


class Log(Protocol):
    """A cluster: makes the clients above."""

    def consumer(self, group_id: str, instance_id: str) -> GroupConsumer: ...
    def producer(self, transactional_id: str) -> TransactionalProducer: ...
    def reader(self) -> TableReader: ...
    def partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        """Return the number of partitions by topic; a missing topic is left out."""
