"""
Delivery of what waits to one channel.

One batch is under way at a time, so that no older value overtakes a newer one.
What an answer means, by protocols.Verdict and errors:

    delivered               done
    refused                 dead letter at once: the same again would be refused again
    failed                  again after a backoff of its own, then dead letter
    unsent                  again at once, does not count
    BatchRefused            again in half the company, until the culprit stands alone: refused
    ChannelUnavailable      again after the channel had its rest, then dead letter; opens the circuit
      throttled             the same, but does not count: a channel may ask for patience for ever

In all cases a newer value of the SKU takes its place and starts afresh.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from connectors import metrics
from connectors.egress.dead_letters import CHANNEL_REFUSED, RETRIES_EXHAUSTED, DeadLetters
from connectors.egress.pace import Backoff, Circuit, TokenBucket
from connectors.egress.waiting import Waiting, WaitingRoom
from connectors.protocols import BatchRefused, ChannelUnavailable, ItemResult, Sink, Verdict

MAX_ATTEMPTS = 8  # With backoff and circuit about 2 minutes of a channel's trouble.
LONGEST_NAP_SECONDS = 60.0  # Nothing wakes the loop when a clock jumps; so it looks anew at times.

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How a channel wants to be served; rate_per_second counts requests, None is no limit."""

    channel_id: str
    batch_size: int = 100
    rate_per_second: float | None = None
    max_attempts: int = MAX_ATTEMPTS


class Delivery:
    """
    Sends what waits in a room to a sink, until told to finish.

    gate is set while delivery may go on: it is closed until a partition's backlog has been read, so that
    a value that was superseded long ago is never sent. Only dead_letters may raise; then nothing is lost,
    because no offset of an unfinished value is committed.
    """

    def __init__(
        self,
        options: DeliveryOptions,
        room: WaitingRoom,
        sink: Sink,
        dead_letters: DeadLetters,
        *,
        circuit: Circuit | None = None,
        source: random.Random | None = None,
    ) -> None:
        self._options = options
        self._room = room
        self._sink = sink
        self._dead_letters = dead_letters
        self._backoff = Backoff(source or random.Random())
        self._circuit = circuit or Circuit(time.monotonic, self._backoff)
        self._bucket = TokenBucket(options.rate_per_second, time.monotonic)
        if options.rate_per_second is not None:
            metrics.RATE_BUDGET.labels(options.channel_id).set(options.rate_per_second)
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._finishing = False
        self.gate = asyncio.Event()

    @property
    def channel_id(self) -> str:
        """The channel that is delivered to."""
        return self._options.channel_id

    def notify(self) -> None:
        """Wake the delivery: something was added to the room, or the gate was opened."""
        metrics.WAITING.labels(self._options.channel_id).set(len(self._room))
        self._changed.set()

    def finish(self) -> None:
        """Let run() return once nothing waits, or as soon as the channel fails."""
        self._finishing = True
        self.notify()

    async def settled(self) -> None:
        """Wait until no batch is under way; close the gate first."""
        await self._idle.wait()

    async def turn(self) -> None:
        """Wait until the channel may be asked for something besides a delivery, which counts against its budget."""
        wait = self._rest_seconds()
        while wait > 0:
            await asyncio.sleep(wait)
            wait = self._rest_seconds()
        self._bucket.take()

    async def run(self) -> None:
        """Deliver until finish(). A cancelled batch is not done: a restart delivers it again."""
        while True:
            self._changed.clear()
            wait = self._wait_seconds()
            if wait is None or wait > 0:
                if self._finishing and (wait is None or self._circuit.open):
                    return
                await self._nap(wait)
                continue
            self._idle.clear()
            try:
                await self._send()
            finally:
                self._idle.set()

    def _wait_seconds(self) -> float | None:
        """Return how long nothing can be sent: 0 for now, None for until something changes."""
        if not self.gate.is_set():
            return None
        due = self._room.next_due(time.monotonic())
        if due is None:
            return None
        return max(due, self._rest_seconds())

    def _rest_seconds(self) -> float:
        """Return how long the channel is not to be asked."""
        return max(self._circuit.wait_seconds(), self._bucket.wait_seconds())

    async def _nap(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(
                self._changed.wait(),
                LONGEST_NAP_SECONDS if seconds is None else min(seconds, LONGEST_NAP_SECONDS),
            )
        except TimeoutError:
            return

    async def _send(self) -> None:
        """Send one batch, taken only now so that it holds the latest values, and settle what comes back."""
        size = 1 if self._circuit.open else self._options.batch_size
        batch = self._room.take(size, time.monotonic())
        self._bucket.take()
        try:
            results = await self._sink.send([entry.update for entry in batch])
        except ChannelUnavailable as error:
            await self._unavailable(batch, error)
        except BatchRefused as error:
            await self._refused(batch, str(error))
        else:
            assert len(results) == len(batch), "a sink answers for each item"
            await self._answered(batch, results)
        self._show()

    async def _answered(self, batch: Sequence[Waiting], results: Sequence[ItemResult]) -> None:
        self._count_request("accepted")
        self._circuit.succeeded()
        unsent = []
        for entry, (verdict, reason) in zip(batch, results, strict=True):
            entry.company = self._options.batch_size
            if verdict is Verdict.DELIVERED:
                self._delivered(entry)
            elif verdict is Verdict.REFUSED:
                await self._give_up(entry, CHANNEL_REFUSED, reason)
            elif verdict is Verdict.FAILED:
                await self._failed(entry, reason)
            else:
                unsent.append(entry)
        self._room.put_back(unsent)

    async def _unavailable(self, batch: Sequence[Waiting], error: ChannelUnavailable) -> None:
        if error.throttled:
            self._count_request("throttled")
            self._circuit.throttled(error.retry_after_seconds)
            self._room.put_back(batch)
            return
        self._count_request("unavailable")
        self._circuit.failed(error.retry_after_seconds)
        log.warning("channel unavailable", channel=self._options.channel_id, reason=str(error))
        again = []
        for entry in batch:
            entry.attempts += 1
            if entry.attempts >= self._options.max_attempts:
                await self._give_up(entry, RETRIES_EXHAUSTED, str(error))
            else:
                again.append(entry)
        self._room.put_back(again)

    async def _refused(self, batch: Sequence[Waiting], reason: str) -> None:
        self._count_request("refused")
        self._circuit.succeeded()
        if len(batch) == 1:
            await self._give_up(batch[0], CHANNEL_REFUSED, reason)
            return
        for entry in batch:
            entry.company = max(1, len(batch) // 2)
        self._room.put_back(batch)

    async def _failed(self, entry: Waiting, reason: str) -> None:
        entry.attempts += 1
        if entry.attempts >= self._options.max_attempts:
            await self._give_up(entry, RETRIES_EXHAUSTED, reason)
        else:
            self._room.delay(entry, time.monotonic() + self._backoff.seconds(entry.attempts))

    def _delivered(self, entry: Waiting) -> None:
        self._room.done(entry)
        self._count("delivered")
        latency_seconds = max(0.0, time.time() - entry.update.emitted_at / 1_000)
        metrics.DELIVERY_LATENCY.labels(self._options.channel_id).observe(latency_seconds)

    async def _give_up(self, entry: Waiting, reason: str, message: str) -> None:
        """Make a dead letter of a value, unless a newer one makes it needless; either way it is done."""
        if not self._room.drop_if_superseded(entry):
            await self._dead_letters.add(entry.stored, reason, message)
            self._room.give_up(entry)
            self._count("dead_lettered")

    def _count(self, outcome: str) -> None:
        metrics.DELIVERIES.labels(self._options.channel_id, outcome).inc()

    def _count_request(self, result: str) -> None:
        metrics.REQUESTS.labels(self._options.channel_id, result).inc()

    def _show(self) -> None:
        metrics.WAITING.labels(self._options.channel_id).set(len(self._room))
        metrics.CIRCUIT_OPEN.labels(self._options.channel_id).set(self._circuit.open)
