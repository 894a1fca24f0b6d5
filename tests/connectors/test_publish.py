"""Publishing: topics, partitions and headers on a real broker, and what it says when there is none."""

import time
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from connectors.protocols import SourceEvent
from connectors.publish import Publisher, PublishError, cloudevents_headers, rfc3339
from schemas import wire
from streams.engine.partitioner import partition_for
from streams.settings import Settings

DEADLINE_SECONDS = 20.0


def sale(number: int, sku: str) -> SourceEvent:
    """Return a sale with an id of its own."""
    value: dict[str, Any] = {
        "event_id": f"publish-{number}",
        "source_id": "test-publish",
        "sku": sku,
        "location_id": "store-london",
        "channel_id": "pos",
        "quantity": 1,
        "occurred_at": 1_291_191_960_000 + number,
    }
    return SourceEvent("SaleRecorded", value, str(number))


def test_headers_are_cloudevents_in_binary_mode() -> None:
    """Any CloudEvents consumer can read who says what, without Avro."""
    event = sale(7, "85123A")
    assert dict(cloudevents_headers(event.record, event.value)) == {
        "ce_specversion": b"1.0",
        "ce_id": b"publish-7",
        "ce_source": b"test-publish",
        "ce_type": b"onhand.SaleRecorded",
        "ce_time": b"2010-12-01T08:26:00.007Z",
        "content-type": b"application/avro",
    }
    assert rfc3339(1_291_191_960_000) == b"2010-12-01T08:26:00.000Z"


def test_no_broker_is_one_sentence() -> None:
    """It names the address and what to do."""
    with pytest.raises(PublishError, match=r"No Kafka broker answers at 127\.0\.0\.1:1; start one"):
        Publisher("127.0.0.1:1").require_topics(["SaleRecorded"])


@pytest.mark.kafka
def test_events_land_on_the_partition_of_their_sku(cluster: Settings) -> None:
    """The contract of design D4, and value, key and headers as they were given."""
    publisher = Publisher(cluster.bootstrap_servers)
    publisher.require_topics(["SaleRecorded"])
    sent = {f"publish-{number}": sale(number, f"publish-sku-{number}-ä") for number in range(200)}
    for event in sent.values():
        publisher.publish(event)
    publisher.flush()

    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": "test-publish"})
    consumer.assign(
        [TopicPartition("stock-sales", number, OFFSET_BEGINNING) for number in range(cluster.partitions)]
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while sent and time.monotonic() < deadline:
        for message in consumer.consume(500, 0.2):
            headers = dict(message.headers() or ())
            if headers.get("ce_source") != b"test-publish":
                continue
            identity = headers["ce_id"]
            assert isinstance(identity, bytes)
            event = sent.pop(identity.decode())
            key, value = message.key(), message.value()
            assert key is not None
            assert value is not None
            assert wire.decode(value) == ("SaleRecorded", event.value)
            assert key.decode() == event.value["sku"]
            assert message.partition() == partition_for(key, cluster.partitions)
    consumer.close()
    assert not sent


@pytest.mark.kafka
def test_a_missing_topic_is_one_sentence(fresh_stack: Any) -> None:
    """Before the first event, not after a time-out for each."""
    with pytest.raises(PublishError, match="has no topic stock-sales; make all topics"):
        Publisher(fresh_stack.bootstrap_servers).require_topics(["SaleRecorded"])
