"""How far each account has been polled: one record an account in `channel-cursors`, the latest counts."""

from collections.abc import Mapping

from connectors.ingress.outgoing import Outgoing, described
from connectors.ingress.whole import whole_topic
from schemas import wire
from streams.topology import CHANNEL_CURSORS

RECORD = CHANNEL_CURSORS.records[0]


def cursor_record(account_id: str, position: int, now: int) -> Outgoing:
    """Return the record that says: all that changed before position (UTC ms) is stored."""
    value = {"account_id": account_id, "position": position, "polled_at": now}
    return Outgoing(CHANNEL_CURSORS.name, account_id.encode(), wire.encode(RECORD, value), described(RECORD))


async def read_cursors(bootstrap_servers: str) -> Mapping[str, int]:
    """Return the position of each account that has one. Raises KafkaError and TimeoutError."""
    found: dict[str, int] = {}
    async for record in whole_topic(bootstrap_servers, CHANNEL_CURSORS.name):
        _, value = wire.decode(record.value)
        found[value["account_id"]] = value["position"]
    return found
