"""One dead letter: its name, what was wrong with it, and how it looks when it is replayed."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from streams.agents.dead_letters import (
    ERROR_MESSAGE,
    ERROR_REASON,
    REPLAY_OF,
    header_text,
    own_headers,
    without_retry_headers,
)
from streams.engine.errors import EngineError
from streams.engine.log import Partition, Record
from streams.engine.partitioner import partition_for
from streams.topology import CHANNEL_ORDERS, INPUTS, dead_letter_topic

SOURCE_OF = {dead_letter_topic(topic).name: topic.name for topic in (*INPUTS, CHANNEL_ORDERS)}
"""The input topic of each dead-letter topic."""

UNKNOWN_REASON = (
    "UNKNOWN"  # Of a record that somebody else wrote to a dead-letter topic, without our headers.
)


class InvalidLetterId(EngineError):
    """A text that names no dead letter; the message says how one looks."""


class LetterId(NamedTuple):
    """Where a dead letter stands, which is its name: topic:partition:offset."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id that text stands for. Raises InvalidLetterId."""
        topic, _, rest = text.partition(":")
        partition, _, offset = rest.partition(":")
        if topic not in SOURCE_OF:
            raise InvalidLetterId(
                f"'{text}' names no dead letter: it should be TOPIC:PARTITION:OFFSET with a topic of "
                f"{', '.join(SOURCE_OF)}."
            )
        if not all(number.isascii() and number.isdecimal() for number in (partition, offset)):
            raise InvalidLetterId(
                f"'{text}' names no dead letter: partition and offset of TOPIC:PARTITION:OFFSET are numbers."
            )
        return cls(topic, int(partition), int(offset))

    @property
    def topic_partition(self) -> Partition:
        """The partition that the letter is in."""
        return self.topic, self.partition

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as read; given_up_at is UTC milliseconds, 0 when the record has no time."""

    letter_id: LetterId
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    given_up_at: int

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return the dead letter that a record of a dead-letter topic is."""
        kind, milliseconds = record.timestamp()
        return cls(
            LetterId(record.topic(), record.partition(), record.offset()),
            record.key(),
            record.value(),
            tuple(record.headers() or ()),
            milliseconds if kind else 0,
        )

    @property
    def reason(self) -> str:
        """Why it was given up, one of streams.domain.errors.Reason."""
        return header_text(self.headers, ERROR_REASON) or UNKNOWN_REASON

    @property
    def message(self) -> str:
        """The reason as a sentence."""
        return header_text(self.headers, ERROR_MESSAGE)

    @property
    def source_topic(self) -> str:
        """The input topic that it came from and goes back to."""
        return SOURCE_OF[self.letter_id.topic]

    @property
    def size_bytes(self) -> int:
        """About how much room it takes."""
        return len(self.key or b"") + len(self.value or b"") + sum(len(v or b"") for _, v in self.headers)

    def replay_headers(self) -> list[tuple[str, bytes]]:
        """Return its own headers, without any of its failure or retries, and which letter it replays."""
        kept = without_retry_headers(own_headers(self.headers))
        return [
            *(header for header in kept if header[0] != REPLAY_OF),
            (REPLAY_OF, str(self.letter_id).encode()),
        ]

    def replay_partition(self, partitions: int) -> int:
        """Return where it goes in an input topic of that many partitions: by its key, if that is usable."""
        if self.key and _is_text(self.key):
            return partition_for(self.key, partitions)
        return self.letter_id.partition % partitions


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True
