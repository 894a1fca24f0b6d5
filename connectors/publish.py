"""
Publishing events to their topics, with librdkafka.

Design D8 has aiokafka at the edges, where rates are modest. A replay is the exception: months of sales at
full speed. librdkafka packs and sends batches in threads of its own, outside Python, so that the whole
replay of Online Retail runs at 49,000 events/s on two cores shared with the broker; and one way of
publishing is enough.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

import schemas
from connectors.protocols import ConnectorError, SourceEvent
from schemas import wire
from streams.topology import EVENT_TOPICS

CONTENT_TYPE = b"application/avro"
CLOUDEVENTS_VERSION = b"1.0"

QUEUE_MAX_RECORDS = 100_000  # librdkafka's queue; a full one makes publish() wait: about 2 s of full speed.
LINGER_MILLISECONDS = 5  # Fills batches at full speed, and is not felt at a shop's pace.
BACKPRESSURE_WAIT_SECONDS = 0.05
METADATA_TIMEOUT_SECONDS = 10.0  # A broker that says nothing for this long is not there.
DELIVERY_TIMEOUT_SECONDS = 120.0  # Outlives the restart of a broker.
SERVE_EVERY_EVENTS = 1_000  # Delivery errors are looked for this often.
TIME_CACHE_ENTRIES = 4_096
LOG_CRITICAL = (
    2  # syslog's number: librdkafka reports each try to reconnect otherwise, all over a progress bar.
)


class PublishError(ConnectorError):
    """An event did not reach its topic; the message is one sentence for people."""


class Publisher:
    """
    Publishes events, each to the topic of its record, keyed by SKU, with CloudEvents attributes as headers.

    Idempotent producer, acks=all: what flush() has waited for is stored once, and in order within a SKU and
    topic. publish() waits while the queue is full. A failed delivery is raised by a later call, never lost;
    what the broker has stored stays, and publishing the same ids again is harmless (semantics 2).
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._failures: list[str] = []
        self._unserved = 0
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",  # Design D4: as all other clients, never librdkafka's CRC32.
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": LINGER_MILLISECONDS,
                "queue.buffering.max.messages": QUEUE_MAX_RECORDS,
                "delivery.timeout.ms": int(DELIVERY_TIMEOUT_SECONDS * 1_000),
                "delivery.report.only.error": True,
                "on_delivery": self._on_failure,
                "error_cb": self._on_error,
                "log_level": LOG_CRITICAL,
            }
        )

    def require_topics(self, records: Iterable[str]) -> None:
        """Raise PublishError unless the cluster answers and has the topics of these records."""
        try:
            there = self._producer.list_topics(timeout=METADATA_TIMEOUT_SECONDS).topics
        except KafkaException as error:
            raise PublishError(
                f"No Kafka broker answers at {self._bootstrap_servers}; start one with `onhand up`,"
                " or name yours with --bootstrap-servers."
            ) from error
        missing = sorted({EVENT_TOPICS[record].name for record in records} - set(there))
        if missing:
            raise PublishError(
                f"Kafka at {self._bootstrap_servers} has no topic {', '.join(missing)};"
                " make all topics with `onhand topics`."
            )

    def publish(self, event: SourceEvent) -> None:
        """Queue one event. Raises PublishError, and schemas.wire.UnencodableValue for an unfit value."""
        record, value, _ = event
        topic, body = EVENT_TOPICS[record].name, wire.encode(record, value)
        key, headers = value["sku"].encode(), cloudevents_headers(record, value)
        while True:
            try:
                self._producer.produce(topic, body, key, headers=headers)
                break
            except BufferError:
                self._serve(BACKPRESSURE_WAIT_SECONDS)
            except KafkaException as error:
                raise PublishError(f"Event {value['event_id']} was refused: {_sentence(error)}.") from error
        self._unserved += 1
        if self._unserved >= SERVE_EVERY_EVENTS:
            self._serve(0)

    def wait(self, seconds: float) -> None:
        """Let time pass while deliveries go on. Raises PublishError."""
        self._serve(seconds)

    def flush(self) -> None:
        """Wait until all that was published is stored. Raises PublishError."""
        left = self._producer.flush(DELIVERY_TIMEOUT_SECONDS)
        self._raise_failure()
        if left:
            raise PublishError(f"{left} events were not stored within {DELIVERY_TIMEOUT_SECONDS:.0f} s.")

    def _serve(self, seconds: float) -> None:
        self._unserved = 0
        self._producer.poll(seconds)
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failures:
            raise PublishError(f"Kafka did not store {self._failures[0]}.")

    def _on_failure(self, error: KafkaError, message: Any) -> None:
        if not self._failures:  # The first says why; thousands may follow it.
            self._failures.append(f"a record of {message.topic()}: {error.str()}")

    def _on_error(self, error: KafkaError) -> None:
        """Note a fatal error: librdkafka sends nothing after one, so that it never breaks the order."""
        if error.fatal():
            self._failures.append(f"anything more: {error.str()}")


def cloudevents_headers(record: str, value: dict[str, Any]) -> list[tuple[str, str | bytes | None]]:
    """Return the CloudEvents attributes of an event (Kafka protocol binding, binary mode; design D6)."""
    return [
        ("ce_specversion", CLOUDEVENTS_VERSION),
        ("ce_id", value["event_id"].encode()),
        ("ce_source", value["source_id"].encode()),
        ("ce_type", schemas.full_name(record).encode()),
        ("ce_time", rfc3339(value["occurred_at"])),
        ("content-type", CONTENT_TYPE),
    ]


@lru_cache(TIME_CACHE_ENTRIES)
def rfc3339(milliseconds: int) -> bytes:
    """Return UTC milliseconds as an RFC 3339 time with milliseconds, such as 2010-12-01T08:26:00.000Z."""
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _sentence(error: KafkaException) -> str:
    cause = error.args[0] if error.args else error
    return cause.str() if isinstance(cause, KafkaError) else str(cause)
