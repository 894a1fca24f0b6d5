"""The log on a real Kafka keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.embedded.stack import EmbeddedStack
from streams.engine.kafka_log import KafkaLog
from streams.engine.log import GroupConsumer, Log, TableReader, TransactionalProducer
from tests.engine.log_contract import LogContract

ADMIN_SECONDS = 20.0
_numbers = count(1)


class ClosingLog(KafkaLog):
    """A log that keeps its clients, to close them after the test."""

    def __init__(self, bootstrap_servers: str, clients: list[Any]) -> None:
        super().__init__(bootstrap_servers)
        self._clients = clients

    def consumer(self, group_id: str, instance_id: str) -> Any:
        """Return a consumer that is closed after the test."""
        return self._kept(super().consumer(group_id, instance_id))

    def producer(self, transactional_id: str) -> Any:
        """Return a producer that is closed after the test."""
        return self._kept(super().producer(transactional_id))

    def reader(self) -> Any:
        """Return a reader that is closed after the test."""
        return self._kept(super().reader())

    def _kept(self, client: GroupConsumer | TransactionalProducer | TableReader) -> Any:
        self._clients.append(client)
        return client


class KafkaBed:
    """The shared broker; see log_contract.Bed. Topics have names of their own."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._clients: list[Any] = []
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})

    def topic(self, partitions: int) -> str:
        """Create a topic of a new name."""
        name = f"contract-{next(_numbers)}"
        self._admin.create_topics([NewTopic(name, partitions, 1)])[name].result(ADMIN_SECONDS)
        return name

    def log(self) -> Log:
        """Return the cluster as a process of its own sees it."""
        return ClosingLog(self._bootstrap_servers, self._clients)

    def append(self, topic: str, partition: int, value: bytes) -> None:
        """Write a record outside any transaction."""
        self._producer.produce(topic, value, b"key", partition)
        assert self._producer.flush(ADMIN_SECONDS) == 0

    def close(self) -> None:
        """Close all clients."""
        for client in self._clients:
            client.close()


@pytest.mark.kafka
class TestKafkaLog(LogContract):
    """The real thing."""

    @pytest.fixture
    def bed(self, stack: EmbeddedStack) -> Iterator[KafkaBed]:
        """Return the shared broker."""
        bed = KafkaBed(stack.bootstrap_servers)
        yield bed
        bed.close()
