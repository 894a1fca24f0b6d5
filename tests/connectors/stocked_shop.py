"""A shop on a real Kafka for tests of holds: goods come in, and what became of them is read back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from connectors.protocols import SourceEvent
from connectors.publish import Publisher
from deploy.embedded.stack import EmbeddedStack
from schemas import wire
from streams.settings import Settings
from streams.verify.reading import KafkaReader
from tests.conftest import settings_for
from tests.integration.running import Positions
from tests.processes import OnhandProcess

DRAINED_SECONDS = 60.0

Value = dict[str, Any]


@contextmanager
def open_shop(directory: Path) -> Iterator[StockedShop]:
    """A shop with a Kafka of its own and one worker, for a module's tests; each takes SKUs of its own."""
    with EmbeddedStack(directory) as stack:
        settings = settings_for(stack)
        worker = OnhandProcess("worker", settings, directory)
        try:
            worker.wait_ready()
            yield StockedShop(settings)
        finally:
            worker.kill()


class StockedShop:
    """Receives goods through the running workers, and reads figures, ledger and results as they are committed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._publisher = Publisher(settings.bootstrap_servers)

    def receive(self, quantity: int, sku: str | None = None, location_id: str = "store") -> str:
        """Receive units and wait until they are on hand; return the SKU, a new one unless it is named."""
        sku = sku or f"SKU-{uuid4().hex[:12]}"
        self.send("GoodsReceived", sku, location_id=location_id, quantity=quantity)
        self.wait_applied()
        return sku

    def send(self, record: str, sku: str, **fields: Any) -> str:
        """Publish an event of a SKU that happens now, and return its id."""
        event_id = uuid4().hex
        happened = {"event_id": event_id, "source_id": "test", "occurred_at": int(time.time() * 1_000)}
        self._publisher.publish(SourceEvent(record, {**happened, "sku": sku, **fields}, ""))
        self._publisher.flush()
        return event_id

    def wait_applied(self) -> None:
        """Wait until the workers have applied all events."""
        with Positions(self.settings.bootstrap_servers) as positions:
            positions.wait_drained(DRAINED_SECONDS)

    def values(self, topic: str, sku: str) -> list[Value]:
        """All committed values of a SKU on a topic, in order."""
        reader = KafkaReader(self.settings.bootstrap_servers, [topic])
        try:
            reader.snapshot()
            partitions = [(topic, number) for number in range(reader.partitions(topic))]
            found = [record.value() for record in reader.read(partitions) if record.key() == sku.encode()]
        finally:
            reader.close()
        return [wire.decode(value)[1] for value in found if value is not None]

    def rows(self, sku: str) -> list[Value]:
        """The ledger of a SKU."""
        return self.values("stock-movements", sku)

    def figures(self, sku: str) -> dict[str, tuple[int, int, int]]:
        """on_hand, reserved and held by location."""
        level = self.values("stock-levels", sku)[-1]
        return {
            one["location_id"]: (one["on_hand"], one["reserved"], one["held"]) for one in level["locations"]
        }
