"""A little of everything that happens in a shop, for as long as a test looks on."""

from __future__ import annotations

import threading
import time
from itertools import count
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Producer

from schemas import wire
from streams.topology import EVENT_TOPICS

PAUSE_SECONDS = 0.05  # 20 rounds a second: enough for every rate, little for the machine.
FLUSH_SECONDS = 30.0
SKUS_TOTAL = 20


class Trickle:
    """
    Sends from a thread until it is left: sales, duplicates, poison, sales of unknown SKUs, sales beyond stock.

    `source_id` is what it calls itself.
    """

    source_id = "trickle"

    def __init__(self, bootstrap_servers: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random", "log_level": 0}
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trickle", daemon=True)

    def __enter__(self) -> Self:
        for number in range(SKUS_TOTAL):
            self._send("GoodsReceived", f"open-{number}", f"SKU-{number}", 5, inbound_id=None)
        self._producer.flush(FLUSH_SECONDS)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(FLUSH_SECONDS) == 0

    def _run(self) -> None:
        for number in count():
            self._round(number)
            self._producer.poll(0)
            if self._stop.wait(PAUSE_SECONDS):
                return

    def _round(self, number: int) -> None:
        occurred_at = int(time.time() * 1_000)
        for _ in range(2 if number % 5 == 0 else 1):  # Every fifth sale is sent twice.
            self._send("SaleRecorded", f"sale-{number}", f"SKU-{number % SKUS_TOTAL}", 1, occurred_at)
        if number % 4 == 0:  # So that channels hear of something, when all else is sold out.
            self._send("GoodsReceived", f"more-{number}", "BUSY", 1, occurred_at, inbound_id=None)
        if number % 10 == 0:
            self._producer.produce("stock-sales", b"\x00poison", b"SKU-1")
            self._send("SaleRecorded", f"unknown-{number}", f"NEW-{number}", 1, occurred_at)

    def _send(
        self, record: str, event_id: str, sku: str, quantity: int, occurred_at: int | None = None, **more: Any
    ) -> None:
        value = {
            "event_id": event_id,
            "source_id": self.source_id,
            "sku": sku,
            "location_id": "shop",
            "channel_id": "web",
            "quantity": quantity,
            "occurred_at": occurred_at or int(time.time() * 1_000),
            **more,
        }
        self._producer.produce(EVENT_TOPICS[record].name, wire.encode(record, value), sku.encode())
