"""Keys go where every Kafka client with murmur2 puts them (design D4)."""

from __future__ import annotations

from collections import Counter

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.embedded.stack import EmbeddedStack
from streams.engine.partitioner import murmur2, partition_for

# From Apache Kafka's own UtilsTest.testMurmur2, which states them as signed integers.
KAFKA_VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
AWKWARD_KEYS = [
    b"x",
    b"xy",
    b"xyz",
    b"wxyz",
    b"\x80\xff\x80",
    b"\xff" * 9,
    "Käse-ß-日本-🧀".encode(),
    b"*",
    b" ",
]


@pytest.mark.parametrize("key", KAFKA_VECTORS)
def test_hash_is_kafkas(key: bytes) -> None:
    """Apache Kafka's own test vectors."""
    assert murmur2(key) == KAFKA_VECTORS[key] % 2**32


def test_every_partition_gets_its_share() -> None:
    """Keys that differ in a number only are spread evenly enough for workers to share the load."""
    shares = Counter(partition_for(b"SKU-%06d" % number, 8) for number in range(8_000))
    assert set(shares) == set(range(8))
    assert max(shares.values()) < 1.2 * min(shares.values())


@pytest.mark.kafka
def test_partition_is_the_one_that_librdkafka_chooses(stack: EmbeddedStack) -> None:
    """A producer with murmur2_random, on a real broker, for short, long and non-ASCII keys."""
    topic, partitions = "partitioner-test", 7
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": stack.bootstrap_servers, "partitioner": "murmur2_random"})
    chosen: dict[bytes | None, int | None] = {}
    keys = [*KAFKA_VECTORS, *AWKWARD_KEYS, *(b"SKU-%d" % (number**5) for number in range(500))]
    for key in keys:
        producer.produce(
            topic,
            b"",
            key,
            on_delivery=lambda _, message: chosen.update({message.key(): message.partition()}),
        )
    assert producer.flush(30) == 0
    assert chosen == {key: partition_for(key, partitions) for key in keys}
