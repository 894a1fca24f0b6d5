"""A shop that sells gift sets of mugs and spoons: a stockroom whose own messages come round."""

from __future__ import annotations

from collections.abc import Sequence

from schemas import wire
from streams import topology
from streams.domain.catalogue import BundleComponent, ItemDescribed
from streams.domain.events import GoodsReceived
from streams.engine.memory_log import MemoryRecord
from tests.agents.stockroom import Emitted, Harvest, Input, Stockroom, as_record
from tests.domain.shop import NOW, make

SET, MUG, SPOON = "GIFT-SET", "MUG", "SPOON"
COMPONENT_LEVELS = topology.COMPONENT_LEVELS.name
INPUTS = {topic.name for topic in (*topology.INPUTS, *topology.INTERNAL_INPUTS)}
ANSWERS = topology.BUNDLE_ANSWERS.name
CONTENTS = (BundleComponent(MUG, 1), BundleComponent(SPOON, 2))


def bundle(
    *components: BundleComponent, number: int = 1, sku: str = SET, at: int = NOW - 1_000
) -> ItemDescribed:
    """A description of what a bundle consists of; a higher number is newer."""
    return ItemDescribed(f"d-{sku}-{number}", "pim", sku, at + number, components=components)


def received(sku: str, units: int, event_id: str = "") -> GoodsReceived:
    """Goods that came in."""
    return make(
        GoodsReceived, sku=sku, quantity=units, event_id=event_id or f"in-{sku}-{units}", inbound_id=None
    )


class Shop:
    """A stockroom whose own messages come round: what it writes to inputs, and to global topics, it reads."""

    def __init__(self, room: Stockroom | None = None) -> None:
        self.room = room or Stockroom()
        self.waiting: list[Emitted] = []

    def take(self, *inputs: Input | MemoryRecord, commits: bool = True) -> Harvest:
        """One batch; what it committed is heard at once, and what it sent to inputs waits for `settle`."""
        harvest = self.room.take(*inputs, commits=commits)
        if commits:
            self.room.hear_globals(harvest)
            self.waiting += [record for record in harvest if record.topic in INPUTS]
        return harvest

    def settle(self) -> list[Harvest]:
        """Batches and ticks until there is nothing left to do."""
        harvests = []
        while self.waiting or self.room.agent.pending:
            records, self.waiting = self.waiting, []
            harvests.append(self.take(*map(as_record, records)))
        return harvests

    def told(self, sku: str) -> dict[str, int]:
        """What each channel was told last of a SKU."""
        found = [one.fields() for one in self.room.all if one.topic.startswith("availability-")]
        return {one["channel_id"]: one["available_to_sell"] for one in found if one["sku"] == sku}

    def on_hand(self, sku: str, location_id: str = "store") -> int:
        """What lies at a location."""
        level = self.room.level(sku) or {"locations": []}
        return sum(one["on_hand"] for one in level["locations"] if one["location_id"] == location_id)


def open_shop(mugs: int = 5, spoons: int = 7) -> Shop:
    """A shop with components and the bundle of them, all told."""
    shop = Shop()
    shop.take(received(MUG, mugs), received(SPOON, spoons), bundle(*CONTENTS))
    shop.settle()
    return shop


def parts_of(harvest: Sequence[Emitted]) -> list[tuple[str, str, int]]:
    """Record, SKU and quantity of what was written to the inputs."""
    found = [wire.decode(one.value or b"") for one in harvest if one.topic in INPUTS and one.topic != ANSWERS]
    return [(name, value["sku"], value["quantity"]) for name, value in found]
