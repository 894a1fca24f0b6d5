"""Records as the memory log stores and returns them."""

from streams.engine.log import Headers

CREATE_TIME = 1
"""Kafka's timestamp kind of a time that the writer set."""

NO_TRANSACTION = 0
"""Number of no transaction: the record was visible at once."""


class MemoryRecord:
    """
    One entry of a partition: data, or a transaction's marker (which no reader ever returns).

    It has the methods of confluent_kafka.Message that streams.engine.log.Record names.
    """

    __slots__ = (
        "_headers",
        "_key",
        "_offset",
        "_partition",
        "_timestamp",
        "_topic",
        "_value",
        "marker",
        "transaction",
    )

    def __init__(
        self,
        place: tuple[str, int, int],
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None,
        timestamp: int,
        transaction: int = NO_TRANSACTION,
        *,
        marker: bool = False,
    ) -> None:
        """Make the entry at place: topic, partition and offset; timestamp in milliseconds since 1970."""
        self._topic, self._partition, self._offset = place
        self._key = key
        self._value = value
        self._headers = headers
        self._timestamp = timestamp
        self.transaction = transaction
        self.marker = marker

    def topic(self) -> str:
        """Return the topic's name."""
        return self._topic

    def partition(self) -> int:
        """Return the partition's number."""
        return self._partition

    def offset(self) -> int:
        """Return the offset within the partition."""
        return self._offset

    def key(self) -> bytes | None:
        """Return the key as written."""
        return self._key

    def value(self) -> bytes | None:
        """Return the value as written; None is a tombstone."""
        return self._value

    def headers(self) -> Headers | None:
        """Return the headers as written; None when there are none, as confluent_kafka does."""
        return self._headers or None

    def timestamp(self) -> tuple[int, int]:
        """Return (kind, milliseconds since 1970)."""
        return CREATE_TIME, self._timestamp

    def __repr__(self) -> str:
        return f"{self._topic}[{self._partition}]@{self._offset} {self._key!r}"
