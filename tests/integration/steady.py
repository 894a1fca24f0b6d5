"""A steady load of honest events, and what they come to, counted beside it."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaError, Producer

from schemas import wire
from tests.integration.shop_files import Expected

EVENTS_PER_SECOND = 1_000
SKUS_TOTAL = 300
LOCATIONS = ("dc-leeds", "store-london")
CHANNELS = ("pos", "web", "marketplace")
RESENT_SHARE = 0.03  # Real sources send some events twice; these must count once.
REMEMBERED_EVENTS = 2_000  # What is sent again is up to two seconds old.
SLICE_SECONDS = 0.02
FLUSH_SECONDS = 90.0
KINDS: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    ("SaleRecorded", "stock-sales", -1, {}),
    ("GoodsReceived", "stock-receipts", 1, {"inbound_id": None}),
    ("ReturnReceived", "stock-returns", 1, {"disposition": "SELLABLE"}),
)
"""Record, topic, what its quantity does to on_hand, and the fields that only it has."""


class SteadyShop:
    """
    Sends about 1,000 events a second from a thread until it is left, however the broker fares.

    `expected` is what they come to; its events_total leaves out what was sent twice (`resent_total`).
    """

    def __init__(self, bootstrap_servers: str, seed: int) -> None:
        self.expected = Expected()
        self.resent_total = 0
        self._random = random.Random(seed)
        self._recent: deque[tuple[str, bytes, bytes]] = deque(maxlen=REMEMBERED_EVENTS)
        self._failures: list[str] = []
        self._stop = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 1_000,
                "delivery.report.only.error": True,
                "on_delivery": lambda error, _message: self._failures.append(str(error)),
                "error_cb": self._on_error,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, name="steady-shop", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending; fails if any event did not get into the log."""
        self._stop.set()
        self._thread.join()
        left = self._producer.flush(FLUSH_SECONDS)
        assert (left, self._failures) == (0, [])

    @property
    def sent_total(self) -> int:
        """How many records were sent, those sent twice counted twice."""
        return self.expected.events_total + self.resent_total

    def _run(self) -> None:
        started = time.monotonic()
        for made, (topic, key, value) in enumerate(self._events(), 1):
            self._producer.produce(topic, value, key)
            while made > (time.monotonic() - started) * EVENTS_PER_SECOND:
                self._producer.poll(SLICE_SECONDS)
            if self._stop.is_set():
                return

    def _events(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield records without end; each is counted before it is sent."""
        while True:
            if self._recent and self._random.random() < RESENT_SHARE:
                self.resent_total += 1
                yield self._random.choice(self._recent)
                continue
            record = self._event()
            self._recent.append(record)
            yield record

    def _event(self) -> tuple[str, bytes, bytes]:
        draw = self._random
        name, topic, sign, extra = draw.choice(KINDS)
        value: dict[str, Any] = {
            "event_id": f"steady-{self.expected.events_total}",
            "source_id": "steady-shop",
            "sku": f"SKU-{int(SKUS_TOTAL * draw.random() ** 2)}",
            "location_id": draw.choice(LOCATIONS),
            "channel_id": draw.choice(CHANNELS),
            "quantity": draw.randint(1, 9),
            "occurred_at": int(time.time() * 1_000),
            **extra,
        }
        self.expected.move(value["sku"], value["location_id"], sign * value["quantity"])
        return topic, value["sku"].encode(), wire.encode(name, value)

    def _on_error(self, error: KafkaError) -> None:
        """Note a fatal error; that the broker is away for a while is what these tests are about."""
        if error.fatal():
            self._failures.append(error.str())
