"""The holds of one SKU, read out of the stock agent's table."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from schemas import wire
from streams.agents.hold_codec import sku_of_hold
from streams.domain.holds import ACTIVE, EXPIRED
from streams.engine.partitioner import partition_for
from streams.topology import HOLDS
from streams.verify.reading import KafkaReader, ReadError

Hold = dict[str, Any]
"""The fields of a Hold, and `state` as it is now."""


class Held(NamedTuple):
    """What is known of a SKU's holds at one moment (UTC milliseconds)."""

    sku: str
    at: int
    holds: list[Hold]

    @property
    def active(self) -> list[Hold]:
        """Those that hold units."""
        return [hold for hold in self.holds if hold["state"] == ACTIVE]


def read_holds(bootstrap_servers: str, sku: str) -> Held:
    """
    Return a SKU's holds, in the order in which they end or ended. Raises ReadError.

    The table's topic is read, of the SKU's partition only: what is committed now, whoever works on it.
    """
    reader = KafkaReader(bootstrap_servers, [HOLDS.name])
    try:
        partitions = reader.partitions(HOLDS.name)
        if not partitions:
            raise ReadError(f"There is no topic {HOLDS.name} yet; create all with `onhand topics`.")
        reader.snapshot()
        values = _latest(reader, sku.encode(), partitions)
    finally:
        reader.close()
    now = time.time_ns() // 1_000_000
    holds = [_as_of(wire.decode(value)[1], now) for value in values]
    return Held(sku, now, sorted(holds, key=lambda hold: (hold["expires_at"], hold["hold_id"])))


def _latest(reader: KafkaReader, sku: bytes, partitions: int) -> Iterator[bytes]:
    """Yield the latest value of each hold of a SKU that has not been forgotten."""
    found: dict[bytes, bytes | None] = {}
    for record in reader.read([(HOLDS.name, partition_for(sku, partitions))]):
        key = record.key() or b""
        if sku_of_hold(key) == sku:
            found[key] = record.value()
    return (value for value in found.values() if value is not None)


def _as_of(hold: Hold, now: int) -> Hold:
    """Return a hold as it stands now: expiry is a matter of time, whether it was announced or not."""
    if hold["state"] == ACTIVE and hold["expires_at"] <= now:
        return {**hold, "state": EXPIRED}
    return hold
