"""Reading a channel's availability topic into a waiting room, and committing what has been delivered."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from connectors import metrics
from connectors.egress.dead_letters import UNDECODABLE, DeadLetters
from connectors.egress.delivery import Delivery
from connectors.egress.waiting import Stored, Waiting, WaitingRoom
from connectors.protocols import Availability
from schemas import wire
from streams.topology import availability_topic

POLL_MILLISECONDS = 200  # How long a stop or a new assignment may go unnoticed.
POLL_MAX_RECORDS = 5_000  # The event loop is not held up for more than about 50 ms by one poll.
COMMIT_EVERY_SECONDS = 1.0  # What a crash delivers again is about this much.
RECORD = "ChannelAvailability"

log = structlog.get_logger(__name__)


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types.
    """
    Member of a consumer group that fills a room and opens a delivery's gate.

    The gate stays closed until each partition has been read up to where it ended when it was assigned:
    what is delivered twice after a restart is then never older than what had been delivered before.
    Before partitions leave, the batch under way is waited for and what is done is committed.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group_id: str,
        channel_id: str,
        room: WaitingRoom,
        delivery: Delivery,
        dead_letters: DeadLetters,
    ) -> None:
        self._channel_id = channel_id
        self._topic = availability_topic(channel_id).name
        self._room = room
        self._delivery = delivery
        self._dead_letters = dead_letters
        self._ends: dict[TopicPartition, int] | None = None
        self._positions: dict[TopicPartition, int] = {}  # Up to here the room knows each partition.
        self._committed: dict[TopicPartition, int] = {}
        self._busy = asyncio.Lock()  # Held while records enter the room, and while partitions come and go.
        self._commit_at = 0.0
        self._stopping = False
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=group_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are this member's now."""
        return frozenset(partition.partition for partition in self._consumer.assignment())

    async def start(self) -> None:
        """Connect and join the group. Raises KafkaError when no broker answers."""
        try:
            await self._consumer.start()
        except KafkaError:
            await self._consumer.stop()
            raise
        self._consumer.subscribe([self._topic], listener=self)

    async def run(self) -> None:
        """Read until stop()."""
        while not self._stopping:
            fetched = await self._consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=POLL_MAX_RECORDS)
            if fetched:
                await self._take_all(fetched)
            await self._look_around()
            if time.monotonic() >= self._commit_at:
                await self.commit()

    def stop(self) -> None:
        """Let run() return after its current poll; never in the middle of one, which would lose records."""
        self._stopping = True

    async def close(self) -> None:
        """Commit what is done and leave the group."""
        await self.commit()
        await self._consumer.stop()

    async def commit(self) -> None:
        """Commit how far each partition is done. What can't be committed now is delivered again one day."""
        self._commit_at = time.monotonic() + COMMIT_EVERY_SECONDS
        new = {
            partition: offset
            for partition, position in self._positions.items()
            if self._committed.get(partition) != (offset := self._done(partition, position))
        }
        if not new:
            return
        try:
            await self._consumer.commit(new)
            self._committed.update(new)
        except (CommitFailedError, IllegalStateError):
            log.info("positions not committed: partitions are moving", channel=self._channel_id)
        except KafkaError as error:
            log.warning("positions not committed", channel=self._channel_id, error=str(error))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Bring the batch under way to its end, commit, and forget everything."""
        self._delivery.gate.clear()
        async with self._busy:
            await self._delivery.settled()
            if revoked:
                await self.commit()
            self._forget()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with an empty room, whatever was still read of the partitions that left."""
        async with self._busy:
            self._forget()
        log.info("partitions assigned", channel=self._channel_id, total=len(list(assigned)))

    def _forget(self) -> None:
        self._room.clear()
        self._positions.clear()
        self._committed.clear()
        self._ends = None

    async def _take_all(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        """Let what was fetched wait, unless its partition has left in the meantime."""
        async with self._busy:
            assigned = self._consumer.assignment()
            for partition, records in fetched.items():
                if partition in assigned:
                    for record in records:
                        await self._take(record)
                    self._positions[partition] = records[-1].offset + 1
        self._delivery.notify()

    async def _look_around(self) -> None:
        """Note positions, also past transaction markers, and open the gate once all backlogs are read."""
        try:
            assigned = self._consumer.assignment()
            positions = {partition: await self._consumer.position(partition) for partition in assigned}
            if self._ends is None and assigned:
                self._ends = await self._consumer.end_offsets(list(assigned))
        except (IllegalStateError, KafkaError):
            return  # The partitions are moving, or the broker is away; the next poll looks anew.
        if self._ends is None or assigned != self._consumer.assignment() or assigned != self._ends.keys():
            return
        self._positions = positions
        if all(positions[partition] >= end for partition, end in self._ends.items()):
            self._delivery.gate.set()
            self._delivery.notify()

    def _done(self, partition: TopicPartition, position: int) -> int:
        lowest = self._room.lowest(partition.partition)
        return position if lowest is None else lowest

    async def _take(self, record: ConsumerRecord) -> None:
        """Let a record's value wait; a tombstone says nothing, and what can't be read is a dead letter."""
        stored = Stored(
            record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers)
        )
        if record.value is None:
            metrics.DELIVERIES.labels(self._channel_id, "tombstone").inc()
            return
        try:
            update = availability_of(record.value)
        except wire.UndecodableRecord as error:
            await self._dead_letters.add(stored, UNDECODABLE, str(error))
            metrics.DELIVERIES.labels(self._channel_id, "dead_lettered").inc()
            return
        self._room.add(Waiting(update, stored))


def availability_of(data: bytes) -> Availability:
    """Return the availability that a record holds. Raises schemas.wire.UndecodableRecord."""
    name, value = wire.decode(data)
    if name != RECORD:
        raise wire.UndecodableRecord(f"{name} is no {RECORD}")
    return Availability(**value)
