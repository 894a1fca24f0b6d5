"""
Reading back: what the channel shows, compared with what it was told last, and told again where it differs.

A difference may be a sale on its way: the channel has taken it from its figure and we have not heard of it yet. So a
difference counts as drift only if it is still the same after a while, and nothing new was to be told of the SKU
meanwhile. What was told last is in the availability topic itself, which keeps the latest value of each SKU; so this
needs no memory of its own, and a restart forgets nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from connectors import metrics
from connectors.egress.delivery import Delivery
from connectors.egress.mapped import slices
from connectors.egress.waiting import Waiting, WaitingRoom
from connectors.protocols import ChannelUnavailable, Figure, ReadableSink

EVERY_SECONDS = 3_600.0  # A person's change at the channel lasts about as long at most.
FIRST_SECONDS = 60.0  # After a start, so that processes that are restarted often read back too.
CONFIRM_SECONDS = 60.0  # An order's webhook has long been heard of by then.
PAGE_SKUS = 100  # What every channel answers in one request.
READING_TRIES = 3  # Of one page; then the round ends, and the next begins anew.
RETRY_SECONDS = 10.0  # Between them, unless the channel says how long.

log = structlog.get_logger(__name__)

Told = Mapping[str, Waiting]
Snapshot = Callable[[Collection[int]], Awaitable[Told]]
"""Returns the latest value of each SKU of some partitions, ready to be sent again. Raises SnapshotFailed."""


class SnapshotFailed(Exception):
    """What was told last can't be read now; the next round tries again."""


@dataclass(frozen=True, slots=True)
class ReadBackOptions:
    """How often all SKUs are read back, and how long a difference must last to be drift."""

    every_seconds: float = EVERY_SECONDS
    confirm_seconds: float = CONFIRM_SECONDS
    page_skus: int = PAGE_SKUS


class ReadBack:
    """
    Compares and repairs, round after round, within the delivery's budget.

    assigned says which partitions are this process's own now. A repair is a delivery like others: retries, budget and
    dead letters are the delivery's. What was given up is left alone until there is a newer value. Memory: about 800
    bytes a SKU while a round lasts.
    """

    def __init__(
        self,
        options: ReadBackOptions,
        sink: ReadableSink,
        room: WaitingRoom,
        delivery: Delivery,
        snapshot: Snapshot,
        assigned: Callable[[], Collection[int]],
    ) -> None:
        self._options = options
        self._sink = sink
        self._room = room
        self._delivery = delivery
        self._snapshot = snapshot
        self._assigned = assigned

    async def run(self) -> None:
        """Read back until cancelled."""
        wait = min(FIRST_SECONDS, self._options.every_seconds)
        while True:
            await asyncio.sleep(wait)
            wait = self._options.every_seconds
            if self._delivery.gate.is_set():
                await self.round()

    async def round(self) -> None:
        """Read all SKUs once, the different ones twice, and repair; ends early if the channel does not answer."""
        channel_id = self._delivery.channel_id
        try:
            told = await self._snapshot(self._assigned())
            suspects = await self._different(told, count=True)
            if suspects:
                await asyncio.sleep(self._options.confirm_seconds)
            again = await self._different({sku: told[sku] for sku in suspects}, count=False)
        except (ChannelUnavailable, SnapshotFailed) as error:
            log.warning("reading back ended early", channel=channel_id, reason=str(error))
            return
        drifted = [sku for sku, shown in again.items() if shown == suspects[sku]]
        metrics.DRIFT.labels(channel_id).set(len(drifted))
        repaired = sum(self._repair(told[sku]) for sku in drifted)
        metrics.REPAIRS.labels(channel_id).inc(repaired)
        if drifted:
            log.warning("drift", channel=channel_id, skus=len(drifted), repaired=repaired, some=drifted[:5])

    async def _different(self, told: Told, *, count: bool) -> dict[str, Sequence[Figure]]:
        """Return what the channel shows of SKUs whose figure is another than ours. Raises ChannelUnavailable."""
        found: dict[str, Sequence[Figure]] = {}
        for page in slices(list(told), self._options.page_skus):
            settled = [sku for sku in page if self._room.is_settled(told[sku])]
            if not settled:
                continue
            shown = await self._read(settled)
            for sku in settled:
                result = self._result(told[sku], shown.get(sku, ()))
                if count:
                    metrics.READ_BACK.labels(self._delivery.channel_id, result).inc()
                if result == "different":
                    found[sku] = shown[sku]
        return found

    def _result(self, told: Waiting, shown: Sequence[Figure]) -> str:
        """Return what comparing says of one SKU; one with a newer value on its way is compared another time."""
        if not shown:
            return "missing"
        if not self._room.is_settled(told):
            return "moving"
        units = told.update.available_to_sell
        return "equal" if all(figure.shows(units) for figure in shown) else "different"

    async def _read(self, skus: Sequence[str]) -> Mapping[str, Sequence[Figure]]:
        """Read one page, in the delivery's turn. Raises ChannelUnavailable after some tries."""
        tries = 0
        while True:
            await self._delivery.turn()
            try:
                return await self._sink.read(skus)
            except ChannelUnavailable as error:
                tries += not error.throttled
                if tries >= READING_TRIES:
                    raise
                await asyncio.sleep(error.retry_after_seconds or RETRY_SECONDS)

    def _repair(self, told: Waiting) -> bool:
        """Let a value wait for delivery again, as told now, if it is still this process's to deliver."""
        if not self._delivery.gate.is_set() or told.stored.partition not in self._assigned():
            return False
        update = replace(told.update, emitted_at=int(time.time() * 1_000))
        done = self._room.again(Waiting(update, told.stored))
        self._delivery.notify()
        return done
