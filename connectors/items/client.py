"""The catalogue at the edge: reads the items in force whole, and keeps up with them."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.items.identifiers import Identifiers, Meaning, item_of
from connectors.protocols import ConnectorError
from schemas import wire
from streams.topology import ITEMS_IN_FORCE

ANSWER_SECONDS = 10.0  # A broker that says nothing for this long is not there.
CATCH_UP_SECONDS = 120.0  # A million items take about 20 s.
REFRESH_SECONDS = 1.0  # How old an answer may be; a source asks at every event.
POLL_RECORDS = 10_000
LOG_CRITICAL = 2  # syslog's number: what matters is raised, one sentence for people.


class CatalogueUnavailable(ConnectorError):
    """The catalogue can't be read; the message is one sentence for people."""


class Catalogue:
    """
    The items in force, as identifiers.

    A context: entering it returns once all that was in force by then is known. `resolve` and `units_of` don't wait:
    they take in what has come since, at most once a second. For any number of threads.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        strict: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identifiers = Identifiers(strict=strict)
        self._bootstrap_servers = bootstrap_servers
        self._clock = clock
        self._next_refresh = 0.0
        self._lock = threading.Lock()
        self._behind: set[int] = set()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "onhand-catalogue",  # Named because it must be; nothing is committed to it.
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "log_level": LOG_CRITICAL,
            }
        )

    def __enter__(self) -> Self:
        """Read all items. Raises CatalogueUnavailable when there is no broker, or no topic of items."""
        try:
            self._catch_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def _catch_up(self) -> None:
        name = ITEMS_IN_FORCE.name
        try:
            topic = self._consumer.list_topics(name, timeout=ANSWER_SECONDS).topics[name]
        except KafkaException as error:
            raise CatalogueUnavailable(
                f"No Kafka broker answers at {self._bootstrap_servers}; start one with `onhand up`,"
                " or name yours with --bootstrap-servers."
            ) from error
        if topic.error is not None:
            raise CatalogueUnavailable(
                f"Kafka at {self._bootstrap_servers} has no topic {name}; make all topics with `onhand topics`."
            )
        self._behind = set(topic.partitions)
        self._consumer.assign([TopicPartition(name, number, 0) for number in topic.partitions])
        deadline = self._clock() + CATCH_UP_SECONDS
        while self._behind:
            self._poll(0.1)
            if self._clock() > deadline:
                raise CatalogueUnavailable(f"Topic {name} was not read within {CATCH_UP_SECONDS:.0f} s.")

    def resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return an event's value with its SKU and units, see Identifiers. Raises Unresolved."""
        with self._lock:
            self._refresh()
            return self.identifiers.resolve(value)

    def units_of(self, identifier: str) -> Meaning:
        """Return what an identifier stands for, see Identifiers. Raises Unresolved."""
        with self._lock:
            self._refresh()
            return self.identifiers.units_of(identifier)

    def _refresh(self) -> None:
        if self._clock() >= self._next_refresh:
            self._next_refresh = self._clock() + REFRESH_SECONDS
            self._poll(0.0)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _poll(self, timeout_seconds: float) -> None:
        for message in self._consumer.consume(POLL_RECORDS, timeout_seconds):
            self._take(message)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            value = message.value()
            if value is not None:
                self.identifiers.put(item_of(wire.decode(value)[1]))
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so.
            self._behind.discard(message.partition() or 0)
        elif error.fatal() or not error.retriable():
            raise CatalogueUnavailable(f"The catalogue can't be read: {error.str()}.")
