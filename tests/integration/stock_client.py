"""A client as a channel might have one: Confluent's own parts, and nothing known but two addresses."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.integration.shop_files import CHANNELS, Expected

READ_AT_ONCE = 10_000
READ_WAIT_SECONDS = 0.2
READ_SECONDS = 60.0  # A topic that stands still for so long, before its end, is one that can't be read.
REQUEST_SECONDS = 30.0

Value = dict[str, Any]


class StockClient:
    """
    Reads topics, committed records only, and decodes them by the registry.

    It remembers what it has read: asked again, it reads on from there, as a client would that stays connected.
    """

    def __init__(self, bootstrap_servers: str, schema_registry_url: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._registry = SchemaRegistryClient({"url": schema_registry_url})
        self._decode = AvroDeserializer(self._registry)
        self._positions: dict[tuple[str, int], int] = {}
        self._latest: dict[str, dict[str, Value]] = {}
        self._outcomes: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._registry.__exit__(kind, value, trace)  # type: ignore[no-untyped-call]

    def values(self, topic: str) -> Iterator[Value]:
        """Yield each value not read yet, in order within each partition, up to where the topic ends now."""
        context = SerializationContext(topic, MessageField.VALUE)
        for data in self._read(topic):
            yield self._decode(data, context)

    def latest(self, topic: str) -> dict[str, Value]:
        """Return each SKU's last value, having checked that versions only rise."""
        found = self._latest.setdefault(topic, {})
        for value in self.values(topic):
            before = found.get(value["sku"])
            assert before is None or value["version"] > before["version"], (topic, before, value)
            found[value["sku"]] = value
        return dict(found)

    def on_hand(self) -> dict[str, dict[str, int]]:
        """Return stock by SKU and location, as the table has it."""
        return {
            sku: {place["location_id"]: place["on_hand"] for place in level["locations"]}
            for sku, level in self.latest("stock-levels").items()
        }

    def available_to_sell(self, channel_id: str) -> dict[str, int]:
        """Return what a channel was told last, by SKU."""
        latest = self.latest(f"availability-{channel_id}")
        assert {value["channel_id"] for value in latest.values()} <= {channel_id}
        return {sku: value["available_to_sell"] for sku, value in latest.items()}

    def outcomes(self) -> Counter[str]:
        """Return how many rows of the ledger have each outcome."""
        self._outcomes.update(value["outcome"] for value in self.values("stock-movements"))
        return Counter(self._outcomes)

    def _read(self, topic: str) -> Iterator[bytes]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "stock-client",  # Required, and never committed to.
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            there = consumer.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions
            read_on = [
                TopicPartition(topic, number, self._positions.get((topic, number), OFFSET_BEGINNING))
                for number in there
            ]
            consumer.assign(read_on)
            yield from self._up_to_the_ends(consumer, topic, set(there))
        finally:
            consumer.close()

    def _up_to_the_ends(self, consumer: Consumer, topic: str, unread: set[int]) -> Iterator[bytes]:
        moved_at = time.monotonic()
        while unread:
            messages: list[Any] = consumer.consume(READ_AT_ONCE, READ_WAIT_SECONDS)
            moved_at = time.monotonic() if messages else moved_at
            assert time.monotonic() - moved_at < READ_SECONDS, f"{topic} stands still before its end"
            for message in messages:
                error = message.error()
                if error is None:
                    yield message.value()
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, f"{topic} cannot be read: {error}"
                    unread.discard(message.partition())
                    self._positions[topic, message.partition()] = message.offset()


def check_against(client: StockClient, expected: Expected) -> None:
    """Check each SKU at each location, and what each channel may sell, against an independent count."""
    assert client.on_hand() == expected.on_hand
    wanted = expected.available_to_sell()
    for channel_id in CHANNELS:
        assert client.available_to_sell(channel_id) == wanted, channel_id
