"""Confluent's own client, which knows nothing of Onhand but two addresses, reads and writes every topic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    SchemaRegistryError,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import schemas
from deploy.embedded.process import start_child
from deploy.embedded.stack import EmbeddedStack
from schemas import wire
from streams.engine.topic_plan import TopicWish
from streams.engine.topics import create_missing
from streams.settings import Settings
from streams.topology import Topic, all_topics
from tests.schemas.conftest import RegistryProcess, registry_command
from tests.schemas.samples import example

TOPICS = [topic for topic in all_topics(Settings().channels) if topic.records]  # Not bodies as they came.
PARTITIONS = 2
ARRIVAL_SECONDS = 30.0  # It takes about a second; CI runs much beside it.

each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
each_topic_and_record = pytest.mark.parametrize(
    ("topic", "record"),
    [
        pytest.param(topic.name, record, id=f"{topic.name}-{record}")
        for topic in TOPICS
        for record in topic.records
    ],
)


@pytest.fixture(scope="module")
def bootstrap_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Kafka of this module's own: what is produced here must be no other test's event."""
    with EmbeddedStack(tmp_path_factory.mktemp("kafka"), redis=False) as stack:
        wishes = [TopicWish(topic.name, PARTITIONS, 1, topic.config()) for topic in TOPICS]
        create_missing(stack.bootstrap_servers, wishes)
        yield stack.bootstrap_servers


@pytest.fixture(scope="module")
def shared_registry_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of one registry for all of these tests."""
    child = start_child("registry", registry_command(), tmp_path_factory.mktemp("registry") / "log")
    yield RegistryProcess(child).url
    child.kill()


@pytest.fixture(scope="module")
def client(shared_registry_url: str) -> Iterator[SchemaRegistryClient]:
    """Confluent's registry client, told nothing but the URL."""
    with SchemaRegistryClient({"url": shared_registry_url}) as client:
        yield client


@pytest.fixture(scope="module")
def messages(bootstrap_servers: str) -> dict[str, list[Message[Any, Any]]]:
    """Every record's example by topic, written as Onhand writes and read back from a real Kafka."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random"})
    for topic in TOPICS:
        for record in topic.records:
            producer.produce(topic.name, wire.encode(record, example(schemas.latest(record))), key=record)
    assert producer.flush(ARRIVAL_SECONDS) == 0
    return read_all(bootstrap_servers, sum(len(topic.records) for topic in TOPICS))


def read_all(bootstrap_servers: str, expected_total: int) -> dict[str, list[Message[Any, Any]]]:
    """Return the messages of all topics, by topic; fails when they don't arrive in time."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "stock-client"})
    partitions = [(topic.name, number) for topic in TOPICS for number in range(PARTITIONS)]
    consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for name, number in partitions])
    try:
        messages = consumer.consume(expected_total, ARRIVAL_SECONDS)
    finally:
        consumer.close()
    assert len(messages) == expected_total
    by_topic: dict[str, list[Message[Any, Any]]] = {}
    for message in messages:
        assert message.error() is None
        by_topic.setdefault(str(message.topic()), []).append(message)
    return by_topic


@pytest.mark.kafka
@each_topic
def test_stock_client_decodes_every_record_of_the_topic(
    messages: dict[str, list[Message[Any, Any]]], client: SchemaRegistryClient, topic: Topic
) -> None:
    """What Onhand writes, a stock client reads as it was meant."""
    decode = AvroDeserializer(client)
    context = SerializationContext(topic.name, MessageField.VALUE)
    read = {
        (message.key() or b"").decode(): in_milliseconds(decode(message.value(), context))
        for message in messages[topic.name]
    }
    assert read == {record: example(schemas.latest(record)) for record in topic.records}


def in_milliseconds(value: Any) -> Any:
    """Return a decoded value with its datetimes as the milliseconds that they stand for."""
    if isinstance(value, dict):
        return {name: in_milliseconds(part) for name, part in value.items()}
    if isinstance(value, list):
        return [in_milliseconds(part) for part in value]
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


@each_topic
def test_latest_version_serialiser_writes_the_main_record(client: SchemaRegistryClient, topic: Topic) -> None:
    """A stock producer that registers nothing and takes the latest schema writes what Onhand reads."""
    serialise = AvroSerializer(client, conf={"auto.register.schemas": False, "use.latest.version": True})
    main = topic.records[0]
    data = serialise(example(schemas.latest(main)), SerializationContext(topic.name, MessageField.VALUE))
    assert wire.decode(data) == (main, example(schemas.latest(main)))


@pytest.mark.parametrize("strategy", [topic_record_subject_name_strategy, record_subject_name_strategy])
@each_topic_and_record
def test_serialiser_by_record_writes_every_record(
    client: SchemaRegistryClient, topic: str, record: str, strategy: Any
) -> None:
    """With a naming strategy by record, a stock producer writes any record of a topic."""
    configuration = {
        "auto.register.schemas": False,
        "use.latest.version": True,
        "subject.name.strategy": strategy,
    }
    serialise = AvroSerializer(client, schemas.latest(record).text, conf=configuration)
    data = serialise(example(schemas.latest(record)), SerializationContext(topic, MessageField.VALUE))
    assert wire.decode(data) == (record, example(schemas.latest(record)))


@each_topic_and_record
def test_serialiser_that_registers_gets_the_fixed_id(
    client: SchemaRegistryClient, topic: str, record: str
) -> None:
    """Confluent's default, to register what it writes, works too as long as the schema is ours."""
    serialise = AvroSerializer(client, schemas.latest(record).text)
    data = serialise(example(schemas.latest(record)), SerializationContext(topic, MessageField.VALUE))
    assert wire.schema_id_of(data) == schemas.schema_id(record)


def test_client_finds_what_it_looks_for(client: SchemaRegistryClient) -> None:
    """The reading calls of Confluent's client understand the answers."""
    ours = Schema(schemas.latest("SaleRecorded").text, "AVRO")
    assert client.get_versions("stock-sales-value") == [1, 2, 3, 4, 5]
    assert client.get_latest_version("stock-sales-value").schema_id == schemas.schema_id("SaleRecorded")
    assert client.get_version("stock-sales-value", 2).schema_id == schemas.schema_id("OrderPlaced")
    assert client.lookup_schema("stock-sales-value", ours).version == 5
    assert "stock-sales-value" in client.get_subjects(subject_prefix="stock-")
    assert "stock-sales-value" in client.get_subjects_by_schema_id(schemas.schema_id("SaleRecorded"))
    assert client.get_schema_types() == ["AVRO"]
    assert client.get_compatibility("onhand.SaleRecorded") == "FULL_TRANSITIVE"
    assert client.get_global_mode() == "READONLY"
    assert client.test_compatibility("onhand.SaleRecorded", ours)


def test_client_is_told_what_is_wrong(client: SchemaRegistryClient) -> None:
    """Errors arrive in the client as errors of the registry, with their codes."""
    with pytest.raises(SchemaRegistryError) as missing:
        client.get_latest_version("nothing")
    assert missing.value.error_code == 40401
    with pytest.raises(SchemaRegistryError) as unknown:
        client.get_schema(4711)
    assert unknown.value.error_code == 40403
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema(
            "stock-sales-value", Schema('{"type": "record", "name": "a", "fields": []}', "AVRO")
        )
    assert (refused.value.http_status_code, refused.value.error_code) == (422, 42205)
    with pytest.raises(SchemaRegistryError) as kept:
        client.delete_subject("stock-sales-value")
    assert kept.value.error_code == 42205
