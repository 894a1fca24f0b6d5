"""How far each account has been polled: one record an account in `channel-cursors`, the latest counts."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer

from connectors.ingress.outgoing import Outgoing, described
from schemas import wire
from streams.topology import CHANNEL_CURSORS

READ_SECONDS = 30.0  # A handful of records; a cluster that takes longer is not there.
READ_MILLISECONDS = 200
RECORD = CHANNEL_CURSORS.records[0]


def cursor_record(account_id: str, position: int, now: int) -> Outgoing:
    """Return the record that says: all that changed before position (UTC ms) is stored."""
    value = {"account_id": account_id, "position": position, "polled_at": now}
    return Outgoing(CHANNEL_CURSORS.name, account_id.encode(), wire.encode(RECORD, value), described(RECORD))


async def read_cursors(bootstrap_servers: str) -> Mapping[str, int]:
    """Return the position of each account that has one. Raises KafkaError and TimeoutError."""
    # Without a group it is given every partition of its topic at the start.
    consumer = AIOKafkaConsumer(
        CHANNEL_CURSORS.name, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest"
    )
    async with asyncio.timeout(READ_SECONDS):
        try:
            await consumer.start()
            return await _read(consumer)
        finally:
            await consumer.stop()


async def _read(consumer: AIOKafkaConsumer) -> dict[str, int]:
    partitions = sorted(consumer.assignment())
    assert partitions, "the topic has been made before"
    ends = await consumer.end_offsets(partitions)
    found: dict[str, int] = {}
    while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
        for records in (await consumer.getmany(timeout_ms=READ_MILLISECONDS)).values():
            for record in records:
                _, value = wire.decode(record.value)
                found[value["account_id"]] = value["position"]
    return found
