"""Storing records before a channel is answered: all of them acknowledged by Kafka in time, or NotStored."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from connectors.ingress.outgoing import Outgoing
from streams.topology import MAXIMUM_ORIGINAL_BYTES

STORE_SECONDS = 3.0  # Shopify waits 5 s for an answer, and its request has been on the way before.
LOOK_SECONDS = 1.0  # How often the cluster is looked at, for /ready.
ANSWER_SECONDS = 3.0  # A cluster that takes longer to say what topics it has is not there.
CLOSE_SECONDS = 5.0  # Beyond, what is not stored has been answered with 503 and comes again.
REQUEST_MAX_BYTES = MAXIMUM_ORIGINAL_BYTES

log = structlog.get_logger(__name__)


class NotStored(Exception):
    """Kafka has not acknowledged all records in time; some may be stored, and storing them again is harmless."""


class Storage:
    """
    One idempotent producer for all requests, acks=all: many requests are on the way at once.

    aiokafka never gives up on a record that it has begun to send, which keeps the order of a partition; a request
    waits STORE_SECONDS for all of its own. A producer that has failed for good is replaced.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None
        self._watch: asyncio.Task[None] | None = None
        self._healthy = False
        self._failed_for_good = False

    @property
    def healthy(self) -> bool:
        """True while the cluster answers."""
        return self._healthy

    async def start(self) -> None:
        """Connect. Raises KafkaError when no broker answers."""
        await self._connect()
        self._healthy = True
        self._watch = asyncio.create_task(self._look())

    async def store(self, records: Sequence[Outgoing]) -> None:
        """Return when all records are acknowledged. Raises NotStored."""
        producer = self._producer
        if producer is None:
            raise NotStored("there is no connection")
        try:
            async with asyncio.timeout(STORE_SECONDS):
                stored = [
                    await producer.send(record.topic, record.value, record.key, headers=record.headers)
                    for record in records
                ]
                await asyncio.gather(*stored)
        except TimeoutError:
            self._healthy = False
            raise NotStored(f"not acknowledged within {STORE_SECONDS:g} s") from None
        except KafkaError as error:
            self._healthy = False
            self._failed_for_good = self._failed_for_good or not error.retriable
            raise NotStored(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Store what is on the way, and disconnect."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await self._disconnect()

    async def _look(self) -> None:
        """Keep `healthy` true to the cluster, and replace a producer that is of no use any more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if self._producer is None or self._failed_for_good:
                        await self._replace()
                    assert self._producer is not None
                    await self._producer.client.fetch_all_metadata()
            except (KafkaError, TimeoutError, OSError) as error:
                if self._healthy:
                    log.warning("Kafka does not answer", error=str(error) or type(error).__name__)
                self._healthy = False
            else:
                if not self._healthy:
                    log.info("Kafka answers")
                self._healthy = True

    async def _replace(self) -> None:
        await self._disconnect()
        await self._connect()
        self._failed_for_good = False

    async def _connect(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            max_request_size=REQUEST_MAX_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await producer.stop()
