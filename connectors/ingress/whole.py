"""Reading a topic from its beginning, or from a time, up to where it ends now."""

import asyncio
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, ConsumerRecord

START_SECONDS = 30.0  # A cluster that takes longer to say what it has is not there.
READ_MILLISECONDS = 200


async def whole_topic(bootstrap_servers: str, topic: str, since: int = 0) -> AsyncIterator[ConsumerRecord]:
    """
    Yield every record of a topic that was written at or after since, UTC milliseconds, in order by partition.

    Raises KafkaError, and TimeoutError when no broker answers.
    """
    # Without a group it is given every partition of its topic at the start.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    try:
        async with asyncio.timeout(START_SECONDS):
            await consumer.start()
            partitions = sorted(consumer.assignment())
            assert partitions, "the topic has been made before"
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.offsets_for_times(dict.fromkeys(partitions, since))
        for partition, begin in begins.items():
            consumer.seek(partition, ends[partition] if begin is None else begin.offset)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=READ_MILLISECONDS)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()
