"""What a channel was told last: the latest value of each SKU, read from its topic."""

from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from connectors.egress.readback import SnapshotFailed
from connectors.egress.reader import POLL_MAX_RECORDS, POLL_MILLISECONDS, availability_of
from connectors.egress.waiting import Stored, Waiting
from schemas import wire
from streams.topology import availability_topic


class TopicSnapshot:
    """Reads partitions of `availability-<channel>` from their beginning to where they end now."""

    def __init__(self, bootstrap_servers: str, channel_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = availability_topic(channel_id).name

    async def __call__(self, partitions: Collection[int]) -> dict[str, Waiting]:
        """Return the latest value of each SKU; what can't be read was a dead letter before. Raises SnapshotFailed."""
        found: dict[str, Waiting] = {}
        wanted = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        if not wanted:
            return found
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
            consumer.assign(wanted)
            await consumer.seek_to_beginning(*wanted)
            ends = await consumer.end_offsets(wanted)
            while [one for one in wanted if await consumer.position(one) < ends[one]]:
                fetched = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=POLL_MAX_RECORDS)
                for records in fetched.values():
                    for record in records:
                        _take(found, record)
        except KafkaError as error:
            raise SnapshotFailed(f"{type(error).__name__}: {error}") from error
        finally:
            await consumer.stop()
        return found


def _take(found: dict[str, Waiting], record: ConsumerRecord) -> None:
    """Let a record replace what was found of its SKU."""
    if record.value is None:
        found.pop((record.key or b"").decode("utf-8", "replace"), None)
        return
    try:
        update = availability_of(record.value)
    except wire.UndecodableRecord:
        return
    stored = Stored(
        record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers)
    )
    found[update.sku] = Waiting(update, stored)
