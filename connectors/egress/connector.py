"""One channel's delivery as a whole: reader, waiting room, delivery, dead letters, and a clean end."""

import asyncio

import structlog

from connectors import metrics
from connectors.egress.dead_letters import KafkaDeadLetters
from connectors.egress.delivery import Delivery, DeliveryOptions
from connectors.egress.readback import ReadBack, ReadBackOptions
from connectors.egress.reader import Reader
from connectors.egress.snapshot import TopicSnapshot
from connectors.egress.waiting import WaitingRoom
from connectors.protocols import ReadableSink, Sink

DRAIN_SECONDS = 10.0  # What waits may still be delivered for this long after a stop; supervisors wait longer.
CLOSE_SECONDS = 5.0  # A client that waits for a dead broker is given up on: it only costs a second delivery.

log = structlog.get_logger(__name__)


class Egress:
    """
    Delivers `availability-<channel>` to a sink until told to stop; owns the sink.

    At least once, the latest value of each SKU, never an older after a newer one. What is not delivered when it
    stops stays uncommitted and is delivered after the next start. reads is the sink again if its channel can be
    asked what it shows: then that is read back and repaired.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group_id: str,
        options: DeliveryOptions,
        sink: Sink,
        reads: ReadableSink | None = None,
        read_back: ReadBackOptions | None = None,
    ) -> None:
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
        self._read_back = None
        if reads is not None:
            self._read_back = self._reading_back(bootstrap_servers, reads, read_back or ReadBackOptions())

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
        comparing = asyncio.create_task(self._compare(), name="comparing")
        try:
            running = (reading, delivering, stopping, comparing)
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            self._reader.stop()
            self._delivery.finish()
            ended, _ = await asyncio.wait((reading, delivering), timeout=DRAIN_SECONDS)
            for task in ended:
                task.result()  # What ended by a bug ends the process with its trace.
            if comparing.done():
                comparing.result()
            log.info("drained", channel=self._delivery.channel_id, left=len(self._room))
        finally:
            stopping.cancel()
            reading.cancel()
            delivering.cancel()
            comparing.cancel()
            await asyncio.gather(reading, delivering, stopping, comparing, return_exceptions=True)
            await self._close_reader()

    def _reading_back(self, bootstrap_servers: str, sink: ReadableSink, options: ReadBackOptions) -> ReadBack:
        channel_id = self._delivery.channel_id
        for result in metrics.READ_BACK_RESULTS:
            metrics.READ_BACK.labels(channel_id, result)
        metrics.DRIFT.labels(channel_id).set(0)
        metrics.REPAIRS.labels(channel_id)
        snapshot = TopicSnapshot(bootstrap_servers, channel_id)
        return ReadBack(options, sink, self._room, self._delivery, snapshot, lambda: self._reader.assigned)

    async def _compare(self) -> None:
        """Read back until cancelled, if the channel can be read."""
        if self._read_back is None:
            await asyncio.Event().wait()
        else:
            await self._read_back.run()

    async def _close_reader(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._reader.close()
        except TimeoutError:
            log.warning(
                "positions may not be committed: Kafka does not answer", channel=self._delivery.channel_id
            )
