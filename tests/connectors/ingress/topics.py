"""What is in Kafka beyond a mark: all topics, every record."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # documented, not listed.

from schemas import wire
from streams.settings import Settings
from streams.topology import all_topics
from tests.processes import wait_until

READ_SECONDS = 20.0

Mark = dict[tuple[str, int], int]


class Stored(NamedTuple):
    """One record."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, bytes]

    @property
    def decoded(self) -> tuple[str, dict[str, Any]]:
        """Its name and value."""
        return wire.decode(self.value)


class Topics:
    """Reads everything that was written since a mark."""

    def __init__(self, settings: Settings) -> None:
        names = [topic.name for topic in all_topics(settings.channels)]
        self._places = [(name, partition) for name in names for partition in range(settings.partitions)]
        self._admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 2})
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "ingress-tests",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "log_level": 2,
            }
        )

    @property
    def beginning(self) -> Mark:
        """The mark before everything, in a cluster of the test's own."""
        return dict.fromkeys(self._places, 0)

    def mark(self) -> Mark:
        """Where each partition ends now."""
        found: Mark = {}

        def answered() -> bool:
            try:
                found.update(self._ends())
            except KafkaException:  # Topics that were made a moment ago have no leader yet.
                return False
            return True

        wait_until(answered, READ_SECONDS, "every partition has a leader")
        return found

    def _ends(self) -> Mark:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(*place): latest for place in self._places}
        answers = self._admin.list_offsets(asked, request_timeout=READ_SECONDS)
        return {(one.topic, one.partition): answer.result().offset for one, answer in answers.items()}

    def since(self, mark: Mark) -> list[Stored]:
        """All records beyond a mark, by topic."""
        ends = self.mark()
        grown = [place for place in mark if ends[place] > mark[place]]
        self._consumer.assign([TopicPartition(*place, mark[place]) for place in grown])
        left, found, deadline = set(grown), [], time.monotonic() + READ_SECONDS
        while left:
            assert time.monotonic() < deadline, f"not read to their ends: {left}"
            for message in self._consumer.consume(1_000, 0.1):
                assert message.error() is None
                found.append(_stored(message))
            positions = self._consumer.position([TopicPartition(*place) for place in left])
            left -= {
                (one.topic, one.partition)
                for one in positions
                if one.offset >= ends[one.topic, one.partition]
            }
        return sorted(found, key=lambda one: one[:3])

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()


def _stored(message: Message) -> Stored:
    topic, key, value = message.topic(), message.key(), message.value()
    assert topic is not None
    assert isinstance(key, bytes)
    assert isinstance(value, bytes)
    headers = dict(message.headers() or [])
    return Stored(topic, key, value, headers)  # type: ignore[arg-type] # No value of ours is null or text.
