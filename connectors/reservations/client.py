"""
Asking the stock agent over Kafka: requests out, answers in, many at a time over one connection.

Answers are told apart by the identity of their request, and read from where they ended before the first request
was sent, so that none can be missed. What stays unanswered is asked again, byte for byte: the same identity and
content get the original answer again (semantics 2).
"""

import asyncio
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from connectors.publish import cloudevents_headers
from connectors.reservations.errors import Unanswered, Unreachable
from connectors.reservations.translate import Answer, answer_of
from schemas import wire
from streams.domain.hold_requests import Request
from streams.topology import EVENT_TOPICS, RESERVATION_RESULTS, STOCK_RESERVATIONS

RESULTS = RESERVATION_RESULTS.name
ASK_AGAIN_SECONDS = (
    2.0  # Far beyond what an answer takes; doubled each time, so that a backlog doesn't grow by it.
)
POLL_MILLISECONDS = 60_000  # Nothing but records ends a poll, and closing cancels it.
CLOSE_SECONDS = 5.0  # A client that waits for a dead broker is given up on.

log = structlog.get_logger(__name__)


class ReservationClient:
    """
    Requests under way, and who waits for their answers. Make it with `open`, and `close` it.

    For one event loop, any number of tasks.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._waiting: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True
        )
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )

    @classmethod
    async def open(cls, bootstrap_servers: str) -> Self:
        """Connect, and read answers from now on. Raises Unreachable."""
        client = cls(bootstrap_servers)
        try:
            await client._start()
        except KafkaError as error:
            await client.close()
            raise Unreachable(
                f"Kafka at {bootstrap_servers} does not answer: start it with `onhand up`, or check the address."
            ) from error
        except BaseException:
            await client.close()
            raise
        return client

    async def ask(self, request: Request, timeout_seconds: float) -> Answer:
        """
        Return the stock agent's answer to a request, granted or not.

        Raises Unanswered when none has come in time, and Unreachable when answers can't be read any more.
        """
        identity = request.source_id, request.event_id
        answered = asyncio.get_running_loop().create_future()
        self._waiting[identity] = answered
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._asked(request, answered)
        except TimeoutError:
            raise Unanswered(request.sku, request.hold_id, timeout_seconds) from None
        finally:
            del self._waiting[identity]

    async def tell(self, record: str, value: dict[str, Any]) -> None:
        """Send a request without waiting, neither for its answer nor until it is stored."""
        try:
            stored = await self._send(record, value)
        except KafkaError as error:
            if not error.retriable:
                raise Unreachable(f"Kafka refuses {record}: {error}.") from error
            log.warning("not sent", record=record, error=str(error))
        else:
            stored.add_done_callback(_note_failure)

    async def store(self, record: str, value: dict[str, Any]) -> None:
        """Send an event, and wait until it is stored. Raises Unreachable."""
        try:
            await (await self._send(record, value))
        except KafkaError as error:
            raise Unreachable(f"Kafka did not store {record} {value['event_id']}: {error}.") from error

    async def close(self) -> None:
        """Release connections; who still waits is told that nobody reads any more."""
        if self._reading is not None:
            self._reading.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._consumer.stop()
                await self._producer.stop()
        except TimeoutError:
            log.warning("closed without Kafka's answer", bootstrap_servers=self._bootstrap_servers)

    async def _start(self) -> None:
        await self._consumer.start()
        await self._producer.start()
        missing = {RESULTS, STOCK_RESERVATIONS.name} - await self._consumer.topics()
        if missing:
            named = ", ".join(sorted(missing))
            raise Unreachable(
                f"Kafka at {self._bootstrap_servers} has no topic {named}; make all topics with `onhand topics`."
            )
        numbers = await self._producer.partitions_for(RESULTS)
        partitions = [TopicPartition(RESULTS, number) for number in sorted(numbers)]
        self._consumer.assign(partitions)
        # Now, not when the first poll gets round to it: an answer may be there before.
        for partition, end in (await self._consumer.end_offsets(partitions)).items():
            self._consumer.seek(partition, end)
        self._reading = asyncio.create_task(self._read(), name="reservation results")
        self._reading.add_done_callback(self._disappoint)

    async def _send(self, record: str, value: dict[str, Any]) -> asyncio.Future[Any]:
        """Queue a record; the future ends when it is stored."""
        key, body = value["sku"].encode(), wire.encode(record, value)
        headers = cloudevents_headers(record, value)
        queued: asyncio.Future[Any] = await self._producer.send(
            EVENT_TOPICS[record].name, body, key, headers=headers
        )
        return queued

    async def _asked(self, request: Request, answered: asyncio.Future[Answer]) -> Answer:
        """Send a request until it is answered."""
        record, value = type(request).__name__, request._asdict()
        pause_seconds = ASK_AGAIN_SECONDS
        while True:
            if self._reading is None or self._reading.done():
                raise Unreachable("Answers are not read any more.")
            await self.tell(record, value)
            done, _ = await asyncio.wait((answered,), timeout=pause_seconds)
            if done:
                return answered.result()
            pause_seconds *= 2

    async def _read(self) -> None:
        while True:
            fetched = await self._consumer.getmany(timeout_ms=POLL_MILLISECONDS)
            for records in fetched.values():
                for record in records:
                    self._take(record)

    def _take(self, record: ConsumerRecord) -> None:
        """Give an answer to who waits for it; most answers are for others."""
        try:
            answer = answer_of(record.value)
        except wire.UndecodableRecord as error:
            log.warning(
                "unreadable answer", partition=record.partition, offset=record.offset, error=str(error)
            )
            return
        answered = self._waiting.get(answer.identity)
        if answered is not None and not answered.done():
            answered.set_result(answer)

    def _disappoint(self, reading: asyncio.Task[None]) -> None:
        """Tell all who wait that no answer can come any more."""
        error = None if reading.cancelled() else reading.exception()
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(Unreachable(f"Answers can't be read any more: {error or 'closed'}."))


def _note_failure(stored: asyncio.Future[Any]) -> None:
    """Look at what became of a record, so that nobody warns of an error that was not looked at."""
    if not stored.cancelled() and (error := stored.exception()) is not None:
        log.warning("not stored", error=str(error))
