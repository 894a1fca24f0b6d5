"""One channel's delivery as a whole: reader, waiting room, delivery, dead letters, and a clean end."""

import asyncio

import structlog

from connectors import metrics
from connectors.egress.dead_letters import KafkaDeadLetters
from connectors.egress.delivery import Delivery, DeliveryOptions
from connectors.egress.reader import Reader
from connectors.egress.waiting import WaitingRoom
from connectors.protocols import Sink

DRAIN_SECONDS = 10.0  # What waits may still be delivered for this long after a stop; supervisors wait longer.
CLOSE_SECONDS = 5.0  # A client that waits for a dead broker is given up on: it only costs a second delivery.

log = structlog.get_logger(__name__)


class Egress:
    """
    Delivers `availability-<channel>` to a sink until told to stop; owns the sink.

    At least once, the latest value of each SKU, never an older after a newer one. What is not delivered when it
    stops stays uncommitted and is delivered after the next start.
    """

    def __init__(self, bootstrap_servers: str, group_id: str, options: DeliveryOptions, sink: Sink) -> None:
        channel_id = options.channel_id
        # All begin at zero: of a counter that appears with its first value, Prometheus never sees that one.
        for outcome in metrics.OUTCOMES:
            metrics.DELIVERIES.labels(channel_id, outcome)
        superseded = metrics.DELIVERIES.labels(channel_id, "superseded")
        self._sink = sink
        self._room = WaitingRoom(on_superseded=superseded.inc)
        self._dead_letters = KafkaDeadLetters(bootstrap_servers, channel_id)
        self._delivery = Delivery(options, self._room, sink, self._dead_letters)
        self._reader = Reader(
            bootstrap_servers, group_id, channel_id, self._room, self._delivery, self._dead_letters
        )

    @property
    def ready(self) -> bool:
        """True once the backlog has been read and delivery goes on."""
        return self._delivery.gate.is_set()

    async def run(self, stop: asyncio.Event) -> None:
        """
        Deliver until stop is set, then drain for up to DRAIN_SECONDS.

        Raises KafkaError when no broker answers at the start.
        """
        try:
            await self._reader.start()
            await self._run(stop)
        finally:
            await self._sink.close()
            await self._dead_letters.close()

    async def _run(self, stop: asyncio.Event) -> None:
        reading = asyncio.create_task(self._reader.run(), name="reading")
        delivering = asyncio.create_task(self._delivery.run(), name="delivering")
        stopping = asyncio.create_task(stop.wait(), name="stopping")
        try:
            await asyncio.wait((reading, delivering, stopping), return_when=asyncio.FIRST_COMPLETED)
            self._reader.stop()
            self._delivery.finish()
            ended, _ = await asyncio.wait((reading, delivering), timeout=DRAIN_SECONDS)
            for task in ended:
                task.result()  # What ended by a bug ends the process with its trace.
            log.info("drained", channel=self._delivery.channel_id, left=len(self._room))
        finally:
            stopping.cancel()
            reading.cancel()
            delivering.cancel()
            await asyncio.gather(reading, delivering, stopping, return_exceptions=True)
            await self._close_reader()

    async def _close_reader(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._reader.close()
        except TimeoutError:
            log.warning(
                "positions may not be committed: Kafka does not answer", channel=self._delivery.channel_id
            )
