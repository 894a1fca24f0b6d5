"""
The log on a real cluster, through librdkafka (design D1 to D4).

Settings that matter for correctness stand here with their reason; anything else can be added by configuration
(`extra`), for example TLS and SASL.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # documented, not listed.

from streams.engine.errors import (
    AbortableLogError,
    EngineError,
    FatalLogError,
    FencedError,
    RetriableLogError,
)
from streams.engine.log import AssignmentCallback, GroupMetadata, Headers, Partition, Record

logger = logging.getLogger(__name__)
kafka_logger = logging.getLogger("librdkafka")

REQUEST_SECONDS = 30.0  # How long one administrative request may take before it counts as failed.
TRANSACTION_CALL_SECONDS = (
    30.0  # A transactional call that takes longer is asked again, it goes on underneath.
)
START_SECONDS = 0.5  # A measurement must not hold up the work for longer.
FLUSH_SECONDS = 30.0  # Longer than any healthy broker takes for one batch.
LEADER_RETRIES, LEADER_RETRY_SECONDS = 10, 0.2  # New topics and moved leaders settle within a second or so.
QUEUED_RECORDS = 1_000_000  # A batch must fit into the producer's queue, tables and ledger included.
QUEUED_AHEAD_RECORDS = 2_000  # By partition: with 1,000, batches were small and an event cost a third more.
FETCHED_BYTES = 196_608  # By partition and fetch: some 2,500 events; a larger record comes all the same.
MAXIMUM_RECORD_BYTES = 2_097_152  # A dead letter is the event's own million bytes and the reason.
MAXIMUM_POLL_MILLISECONDS = 300_000  # A batch or restore slice takes far less; beyond it the member is stuck.
OPEN_WRITER_SECONDS = 1.0  # The record is there; a second look comes soon if a busy broker takes longer.

_FENCED = {
    KafkaError._FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.ILLEGAL_GENERATION,
}

Result = TypeVar("Result")


def _engine_error(error: KafkaError) -> EngineError:
    """Return the engine's error for librdkafka's; anything not plainly harmless is fatal (design D2)."""
    text = f"{error.name()}: {error.str()}"
    if error.code() in _FENCED:
        return FencedError(text)
    if error.fatal():
        return FatalLogError(text)
    if error.txn_requires_abort():
        return AbortableLogError(text)
    if error.retriable() or error.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}:
        return RetriableLogError(text)
    return FatalLogError(text)


def _call(action: Callable[..., Result], *arguments: Any) -> Result:
    """Call librdkafka, again while it says that the same call may go through later."""
    while True:
        try:
            return action(*arguments)
        except (KafkaException, SystemError) as exception:
            error = _engine_error(_kafka_error(exception))
            if not isinstance(error, RetriableLogError):
                raise error from exception
            logger.warning("Kafka does not answer, trying again: %s", error)


def _kafka_error(exception: KafkaException | SystemError) -> KafkaError:
    """
    Return librdkafka's error; any other exception goes on as it is.

    A fatal error is raised inside flush or poll, where the client then calls our logger with the exception still
    pending; Python makes a SystemError of that, with the real one as its cause.
    """
    found = exception if isinstance(exception, KafkaException) else exception.__cause__
    if not isinstance(found, KafkaException):
        raise exception
    error: KafkaError = found.args[0]
    return error


def _topic_partitions(partitions: Iterable[Partition]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, number in partitions]


class KafkaGroupConsumer:
    """See streams.engine.log.GroupConsumer."""

    def __init__(self, config: Mapping[str, Any], group_id: str, instance_id: str, session_ms: int) -> None:
        self._consumer = Consumer(
            {
                **config,
                "group.id": group_id,
                # A static member comes back within its session without a rebalance (KIP-345).
                "group.instance.id": instance_id,
                "session.timeout.ms": session_ms,
                "heartbeat.interval.ms": max(session_ms // 10, 100),
                "max.poll.interval.ms": MAXIMUM_POLL_MILLISECONDS,
                # Range gives equal partition numbers of all topics to the same member (design D4).
                "partition.assignment.strategy": "range",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                # All partitions share one queue: what is fetched ahead of a backlog, such as a full feed's, is what
                # a live event waits behind. So little is, and more is asked for as soon as there is room.
                "queued.min.messages": QUEUED_AHEAD_RECORDS,
                "fetch.message.max.bytes": FETCHED_BYTES,
                "fetch.queue.backoff.ms": 10,
                "fetch.error.backoff.ms": 50,
            },
            logger=kafka_logger,
        )
        self._paused: set[Partition] = set()
        self._starts: dict[Partition, int] = {}
        self._rebalances = 0

    def subscribe(
        self,
        topics: Sequence[str],
        on_assign: AssignmentCallback,
        on_revoke: AssignmentCallback,
        on_lost: AssignmentCallback,
    ) -> None:
        """Join the group for these topics; the callbacks run inside poll."""

        def plain(partitions: list[TopicPartition]) -> list[Partition]:
            return [(partition.topic, partition.partition) for partition in partitions]

        def assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._rebalances += 1
            self._paused.clear()
            self._starts.clear()
            consumer.assign(partitions)  # First, so that the callback can pause them.
            on_assign(plain(partitions))

        def revoke(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._rebalances += 1
            on_revoke(plain(partitions))

        def lose(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._rebalances += 1
            on_lost(plain(partitions))

        self._consumer.subscribe(list(topics), on_assign=assign, on_revoke=revoke, on_lost=lose)

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Wait for a first record, then take what is there; see GroupConsumer."""
        first: Any = _call(self._consumer.poll, timeout_seconds)
        if first is None:
            return ()
        messages: list[Any] = [first]
        if max_records > 1:
            rebalances = self._rebalances
            messages += self._consumer.consume(max_records - 1, 0)
            if rebalances != self._rebalances:
                self._start_over()
                return ()
        if any(message.error() for message in messages):
            messages = self._without_errors(messages)
        return self._without_paused(messages) if self._paused else messages

    def _start_over(self) -> None:
        """
        Go back to the committed offsets of the present assignment.

        A rebalance inside consume leaves messages of two assignments in hand; those of the earlier one must not
        be committed under the later one's generation, and none can be told from the other.
        """
        partitions = self._consumer.assignment()
        self._starts.clear()
        self._consumer.assign([TopicPartition(one.topic, one.partition) for one in partitions])
        self._consumer.pause(_topic_partitions(self._paused))

    def _without_paused(self, messages: list[Any]) -> list[Any]:
        """
        Put records of paused partitions back where they came from.

        Twice on a busy machine, after a kill, `onhand demo` saw events applied right behind an assignment, although
        the assign callback had paused their partitions: perhaps librdkafka pauses only partitions whose metadata it
        has. Whatever it is, correctness must not hang on when a pause takes effect.
        """
        early: dict[Partition, int] = {}
        for message in messages:
            partition = (message.topic(), message.partition())
            if partition in self._paused:
                early.setdefault(partition, message.offset())
        if not early:
            return messages
        logger.warning("consumer: records of paused partitions are put back: %s", sorted(early))
        self._consumer.pause(_topic_partitions(early))
        for partition, offset in early.items():
            self.seek(partition, offset)
        return [message for message in messages if (message.topic(), message.partition()) not in early]

    @staticmethod
    def _without_errors(messages: list[Any]) -> list[Any]:
        for message in messages:
            error = message.error()
            # A fatal error can arrive as a message; a worker that ignores it idles for ever (design D2).
            # It carries its own code then, and fatal() is false: found by the contract tests.
            if error is not None and (error.fatal() or error.code() in {*_FENCED, KafkaError._FATAL}):
                raise FatalLogError(f"{error.name()}: {error.str()}")
            if error is not None:
                logger.warning("consumer: %s", error.str())
        return [message for message in messages if message.error() is None]

    def group_metadata(self) -> GroupMetadata:
        """Return the membership of the present assignment."""
        metadata: GroupMetadata = self._consumer.consumer_group_metadata()
        return metadata

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Stop to deliver partitions until resume."""
        paused = list(partitions)
        self._paused.update(paused)
        self._consumer.pause(_topic_partitions(paused))

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Deliver paused partitions again."""
        resumed = list(partitions)
        self._paused.difference_update(resumed)
        self._consumer.resume(_topic_partitions(resumed))

    def seek(self, partition: Partition, offset: int) -> None:
        """Go on at an offset of an assigned partition."""
        _call(self._consumer.seek, TopicPartition(*partition, offset))

    def lag(self) -> dict[Partition, int]:
        """Return records not yet read by assigned partition, from what the client knows."""
        lags: dict[Partition, int] = {}
        positions = self._consumer.position(self._consumer.assignment())
        starts = self._starts_of([one for one in positions if one.offset < 0])
        for partition in positions:
            key = (partition.topic, partition.partition)
            low, high = self._consumer.get_watermark_offsets(partition, cached=True)
            position = partition.offset if partition.offset >= 0 else starts.get(key)
            if high >= 0 and position is not None:
                lags[key] = max(0, high - max(position, low, 0))
        return lags

    def _starts_of(self, partitions: Sequence[TopicPartition]) -> dict[Partition, int]:
        """
        Return where partitions begin that nothing was read of under this assignment, as far as that is known.

        Only a broker knows what an earlier run has committed, and is asked once an assignment: without it, all
        that a quiet partition ever held would count as not yet read after a restart.
        """
        unknown = [one for one in partitions if (one.topic, one.partition) not in self._starts]
        if unknown:
            try:
                found = self._consumer.committed(unknown, START_SECONDS)
            except KafkaException:
                found = []  # A lag that can't be known now is left out, and asked for again.
            self._starts |= {(one.topic, one.partition): max(one.offset, 0) for one in found if not one.error}
        return self._starts

    def close(self) -> None:
        """Stop to consume; a static member stays in its group until its session ends."""
        self._consumer.close()


class KafkaTransactionalProducer:
    """See streams.engine.log.TransactionalProducer."""

    def __init__(self, config: Mapping[str, Any], transactional_id: str, transaction_ms: int) -> None:
        self._producer = Producer(
            {
                **config,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": transaction_ms,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                # Commit flushes at once; until then records gather into large batches.
                "linger.ms": 5,
                "batch.size": 1_000_000,
                "message.max.bytes": MAXIMUM_RECORD_BYTES,
                "queue.buffering.max.messages": QUEUED_RECORDS,
                "queue.buffering.max.kbytes": 1_048_576,
            },
            logger=kafka_logger,
        )
        self._produce = self._producer.produce

    def init_transactions(self) -> None:
        """Claim the transactional id; see TransactionalProducer."""
        _call(self._producer.init_transactions, TRANSACTION_CALL_SECONDS)

    def begin(self) -> None:
        """Begin a transaction."""
        _call(self._producer.begin_transaction)

    def produce(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None:
        """Produce one record inside the transaction; it waits while the queue is full."""
        try:
            if headers is None:
                self._produce(topic, value, key, partition)
            else:
                self._produce(topic, value, key, partition, headers=list(headers))
        except BufferError:
            self._producer.poll(0.1)
            self.produce(topic, partition, key, value, headers)
        except KafkaException as exception:
            # A transaction that has failed already takes no more records; its commit will say why.
            if exception.args[0].code() != KafkaError._STATE:
                raise _engine_error(exception.args[0]) from exception

    def send_offsets(self, offsets: Mapping[Partition, int], group: GroupMetadata) -> None:
        """Send the records, then the group's offsets, with the transaction."""
        # Offsets that are accepted before the records are in the log would let a new owner restore without
        # them: it takes the high watermark, then waits for this transaction, whose records come in behind it.
        if _call(self._producer.flush, FLUSH_SECONDS):
            raise AbortableLogError(f"Kafka did not take the records within {FLUSH_SECONDS:.0f} s.")
        positions = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        _call(self._producer.send_offsets_to_transaction, positions, group, TRANSACTION_CALL_SECONDS)

    def commit(self) -> None:
        """Commit: records and offsets become visible together."""
        _call(self._producer.commit_transaction, TRANSACTION_CALL_SECONDS)

    def abort(self) -> None:
        """Abort: nothing of the transaction becomes visible."""
        _call(self._producer.abort_transaction, TRANSACTION_CALL_SECONDS)

    def close(self) -> None:
        """Drop what is not committed."""
        # Nothing to hand over: what is not committed must not become visible.
        self._producer.purge()


class KafkaTableReader:
    """See streams.engine.log.TableReader."""

    def __init__(self, config: Mapping[str, Any], admin: AdminClient) -> None:
        self._config = config
        self._admin = admin
        self._consumer = self._reading("read_committed")
        self._positions: dict[Partition, int] = {}

    def _reading(self, isolation_level: str) -> Consumer:
        return Consumer(
            {
                **self._config,
                "group.id": "onhand-table-readers",  # Required by librdkafka; nothing is ever committed to it.
                "isolation.level": isolation_level,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "queued.min.messages": 200_000,
                "fetch.message.max.bytes": 4_194_304,
            },
            logger=kafka_logger,
        )

    def end_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return high watermarks, uncommitted records included; raises RetriableLogError without an answer."""
        for _ in range(LEADER_RETRIES):
            try:
                return self._ends(partitions, IsolationLevel.READ_UNCOMMITTED)
            except RetriableLogError as error:
                logger.warning("no leader answers for a table's end, trying again: %s", error)
                time.sleep(LEADER_RETRY_SECONDS)
        return self._ends(partitions, IsolationLevel.READ_UNCOMMITTED)

    def _ends(self, partitions: Sequence[Partition], isolation: IsolationLevel) -> dict[Partition, int]:
        """Return high watermarks, or last stable offsets for committed readers; see end_offsets."""
        if not partitions:
            return {}
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        futures = self._admin.list_offsets(
            dict.fromkeys(_topic_partitions(partitions), latest),
            isolation_level=isolation,
            request_timeout=REQUEST_SECONDS,
        )
        try:
            found = {partition: future.result() for partition, future in futures.items()}
        except KafkaException as exception:
            raise RetriableLogError(str(exception.args[0])) from exception
        return {(partition.topic, partition.partition): result.offset for partition, result in found.items()}

    def start(self, partition: Partition, offset: int) -> None:
        """Begin to read a partition at an offset."""
        begin = TopicPartition(*partition, offset or OFFSET_BEGINNING)
        _call(self._consumer.incremental_assign, [begin])
        self._positions[partition] = offset

    def stop(self, partitions: Iterable[Partition]) -> None:
        """Read partitions no more."""
        stopped = [partition for partition in partitions if self._positions.pop(partition, None) is not None]
        if stopped:
            _call(self._consumer.incremental_unassign, _topic_partitions(stopped))

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Return committed records of the started partitions."""
        if not self._positions:
            return ()
        return self._take(self._consumer.consume(max_records, timeout_seconds))

    def _take(self, messages: list[Any]) -> list[Record]:
        """Keep the records and note how far each partition has been read."""
        records: list[Record] = []
        positions = self._positions
        for message in messages:
            partition = (message.topic(), message.partition())
            error = message.error()
            if error is None:
                records.append(message)
                positions[partition] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # An end that a committed reader has reached lies behind markers and aborted records.
                positions[partition] = max(positions.get(partition, 0), message.offset())
            elif error.fatal():
                raise FatalLogError(f"{error.name()}: {error.str()}")
            else:
                logger.warning("table reader: %s", error.str())
        return records

    def position(self, partition: Partition) -> int:
        """Return the offset up to which nothing committed is left unread."""
        return self._positions[partition]

    def open_writers(self, partition: Partition, offset: int) -> Sequence[Record]:
        """
        Return the first record of the open transaction that stands at an offset, if one does.

        Waits up to a second. Raises RetriableLogError without an answer.
        """
        stable = self._ends([partition], IsolationLevel.READ_COMMITTED)[partition]
        if stable > offset:
            # Nothing is in the way: a busy machine has not fetched what is there. Naming whoever wrote it
            # would fence a worker that lives, which ten kills under load did.
            return ()
        reader = self._reading("read_uncommitted")
        try:
            reader.assign([TopicPartition(*partition, stable)])
            messages: list[Any] = reader.consume(1, OPEN_WRITER_SECONDS)
            return [message for message in messages if message.error() is None]
        finally:
            reader.close()

    def close(self) -> None:
        """Stop to read."""
        self._consumer.close()


class KafkaLog:
    """A Kafka cluster. `extra` are librdkafka settings for every client, such as TLS and SASL."""

    def __init__(
        self,
        bootstrap_servers: str,
        session_timeout_ms: int = 6_000,
        transaction_timeout_ms: int = 10_000,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._config = {
            "bootstrap.servers": bootstrap_servers,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            "topic.metadata.refresh.interval.ms": 30_000,
            **(extra or {}),
        }
        self._session_ms = session_timeout_ms
        self._transaction_ms = transaction_timeout_ms
        self._admin = AdminClient(self._config, logger=kafka_logger)

    def consumer(self, group_id: str, instance_id: str) -> KafkaGroupConsumer:
        """Return a new member of a group."""
        return KafkaGroupConsumer(self._config, group_id, instance_id, self._session_ms)

    def producer(self, transactional_id: str) -> KafkaTransactionalProducer:
        """Return a new producer; init_transactions makes it the owner of its id."""
        return KafkaTransactionalProducer(self._config, transactional_id, self._transaction_ms)

    def reader(self) -> KafkaTableReader:
        """Return a new reader of table topics."""
        return KafkaTableReader(self._config, self._admin)

    def partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        """Return the number of partitions by topic, waiting for a broker to answer."""
        while True:
            try:
                found = self._admin.list_topics(timeout=REQUEST_SECONDS).topics
            except KafkaException as exception:
                logger.warning(
                    "waiting for Kafka at %s: %s", self._config["bootstrap.servers"], exception.args[0].str()
                )
                time.sleep(1.0)
                continue
            return {topic: len(found[topic].partitions) for topic in topics if topic in found}
