"""The read view's Kafka side: the topics that it shows, and a consumer of all their partitions."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.settings import Settings
from streams.topology import STOCK_LEVELS, availability_topic
from streams.view.store import Positions

FETCH_BYTES_PER_PARTITION = 1024 * 1024  # Kafka's default: some thousand records at a time.
METADATA_TIMEOUT_MS = 10_000  # A broker that is starting up answers within that; then we ask again.


class TopicsMissingError(Exception):
    """Topics that the view shows are not there (yet); the message names them."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open consumer and what it reads: every partition, whoever else reads them."""

    consumer: AIOKafkaConsumer
    partitions: tuple[TopicPartition, ...]
    cluster: str

    async def beginning(self) -> Positions:
        """Return the positions of a view that has read nothing yet."""
        offsets = await self.consumer.beginning_offsets(self.partitions)
        return Positions(self.cluster, {(part.topic, part.partition): at for part, at in offsets.items()})

    async def end(self) -> dict[TopicPartition, int]:
        """Return the present ends, up to which all transactions are closed."""
        ends: dict[TopicPartition, int] = await self.consumer.end_offsets(self.partitions)
        return ends

    async def fits(self, positions: Positions) -> bool:
        """Tell whether a view at these positions can go on from this cluster, these topics, their logs."""
        if positions.cluster != self.cluster:
            return False
        if set(positions.offsets) != {(part.topic, part.partition) for part in self.partitions}:
            return False
        first, ends = (await self.beginning()).offsets, await self.end()
        return all(
            first[part.topic, part.partition] <= positions.offsets[part.topic, part.partition] <= ends[part]
            for part in self.partitions
        )

    async def close(self) -> None:
        """Close the consumer."""
        await self.consumer.stop()


def view_topics(settings: Settings) -> list[str]:
    """Return the names of the topics that the view shows."""
    return [STOCK_LEVELS.name, *(availability_topic(channel).name for channel in settings.channels)]


async def open_source(settings: Settings, group_id: str | None) -> Source:
    """
    Connect to the cluster and take every partition of the view's topics, committed records only.

    group_id is for publishing how far the view is, not for sharing work. Raises TopicsMissingError, and
    aiokafka.errors.KafkaError when no broker answers.
    """
    topics = view_topics(settings)
    cluster, partitions = await _describe(settings.bootstrap_servers, topics)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=group_id,
        client_id="onhand-projector",
        enable_auto_commit=False,
        auto_offset_reset="none",  # A position outside the log means another log, never "start somewhere".
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES_PER_PARTITION,
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
    except BaseException:  # Whatever it is, a half-started client must not linger.
        await consumer.stop()
        raise
    return Source(consumer, tuple(partitions), cluster)


async def _describe(bootstrap_servers: str, topics: Sequence[str]) -> tuple[str, list[TopicPartition]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=METADATA_TIMEOUT_MS)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        described = {topic["topic"]: topic for topic in await admin.describe_topics(list(topics))}
    finally:
        await admin.close()
    missing = [name for name in topics if not described.get(name, {}).get("partitions")]
    if missing:
        raise TopicsMissingError(
            f"Topics {', '.join(missing)} do not exist: create them with `onhand topics`."
        )
    found = [
        TopicPartition(name, part["partition"]) for name in topics for part in described[name]["partitions"]
    ]
    return str(cluster["cluster_id"]), found
