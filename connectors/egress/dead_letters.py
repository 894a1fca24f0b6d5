"""Dead letters of a channel: values that it could not be given, original bytes and headers kept."""

from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from connectors.egress.waiting import Stored
from streams.topology import egress_dead_letter_topic

UNDECODABLE = "UNDECODABLE"
CHANNEL_REFUSED = "CHANNEL_REFUSED"
RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"

ERROR_PREFIX = "__streams.errors."  # Kafka Streams' dead-letter headers (KIP-1034), as in every dead letter.
MESSAGE_MAX_CHARACTERS = 1_000  # What a channel answers may be a whole page of HTML.
RETRY_LONGEST_SECONDS = 10.0  # Until Kafka takes it, nothing else goes on; a broker is back within this.

log = structlog.get_logger(__name__)


class DeadLetters(Protocol):
    """Where values go that were given up."""

    async def add(self, stored: Stored, reason: str, message: str) -> None:
        """Keep a value, its reason and a sentence; returns once it is safe."""


class KafkaDeadLetters:
    """Writes dead letters to `availability-<channel>-dlq`: idempotent, acks=all, until Kafka has taken it."""

    def __init__(self, bootstrap_servers: str, channel_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = egress_dead_letter_topic(channel_id).name
        self._producer: AIOKafkaProducer | None = None

    async def add(self, stored: Stored, reason: str, message: str) -> None:
        """Write one dead letter, and return when it is stored. Raises KafkaError where waiting won't help."""
        headers = dead_letter_headers(stored, reason, message)
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_random_exponential(max=RETRY_LONGEST_SECONDS),
            before_sleep=lambda state: log.warning("dead letter must wait", attempt=state.attempt_number),
        ):
            with attempt:
                producer = await self._started()
                await producer.send_and_wait(self._topic, stored.value, stored.key, headers=headers)
        log.warning("dead letter", topic=self._topic, reason=reason, message=message, offset=stored.offset)

    async def close(self) -> None:
        """Release the connection."""
        if self._producer is not None:
            await self._producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        """Return the producer; most runs never need one."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap_servers, acks="all", enable_idempotence=True
            )
            try:
                await producer.start()
            except KafkaError:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer


def _is_passing(error: BaseException) -> bool:
    """Return True for what is over once the broker is back."""
    return isinstance(error, KafkaError) and bool(error.retriable)


def dead_letter_headers(stored: Stored, reason: str, message: str) -> list[tuple[str, bytes]]:
    """Return a dead letter's headers: its own, and why and where it was given up."""
    own = [header for header in stored.headers if not header[0].startswith(ERROR_PREFIX)]
    told = {
        "exception": reason,
        "message": message[:MESSAGE_MAX_CHARACTERS],
        "stacktrace": "",
        "topic": stored.topic,
        "partition": str(stored.partition),
        "offset": str(stored.offset),
    }
    return own + [(ERROR_PREFIX + name, text.encode("utf-8", "replace")) for name, text in told.items()]
