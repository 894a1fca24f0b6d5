"""Verifying a world written by hand, and changing what is in it."""

from __future__ import annotations

from typing import Any

from schemas.wire import decode, encode
from streams.verify.partitioning import partition_of
from streams.verify.report import Report
from streams.verify.run import Verification
from tests.verify.world import PLAN, World


def verified(world: World) -> Report:
    """Verify a world without a view."""
    return Verification(PLAN, world, None, Report()).run()


def home(key: str) -> int:
    """Return the partition where a SKU belongs, or a key that begins with one."""
    return partition_of(key.partition("\x1f")[0].encode(), 2)


def alter(world: World, topic: str, sku: str, back: int = 1, **changes: Any) -> None:
    """Change fields of a SKU's last record (or one further back) in a topic."""
    records = [record for record in world.topics[topic, home(sku)] if record.key_bytes == sku.encode()]
    chosen = records[-back]
    assert chosen.value_bytes is not None
    name, value = decode(chosen.value_bytes)
    chosen.value_bytes = encode(name, value | changes)


def alter_location(world: World, sku: str, **changes: int) -> None:
    """Change figures of a SKU's last location in the table."""
    last = [record for record in world.topics[PLAN.levels, home(sku)] if record.key_bytes == sku.encode()][-1]
    assert last.value_bytes is not None
    _, value = decode(last.value_bytes)
    value["locations"][-1] |= changes
    last.value_bytes = encode("StockLevel", value)
