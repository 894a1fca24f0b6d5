"""
The Faust side: an app without Kafka of its own, and a channel that the engine's batches arrive on (design D1).

Faust gives agents, the worker and its shutdown. Its own consumer and tables must not carry stock: they commit
offsets before outputs are acknowledged. So the app boots without them, and a pump feeds the channel one batch
at a time: taken in a thread, applied by the agent in the event loop, committed in the same thread.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust
from faust.app.base import BootStrategy
from mode import Service

from streams.engine.batch import Batch
from streams.engine.engine import Engine

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25  # How long the pump waits for a first record; a shutdown waits no longer either.


class WithoutKafka(BootStrategy):
    """
    Boot without Faust's consumer, producer and tables.

    Otherwise Faust joins a second consumer group, whose 60 s session stalled every restart for up to 75 s.
    """

    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False


class StockApp(faust.App):
    """A Faust app whose agents read from channels only."""

    BootStrategy = WithoutKafka

    def _create_directories(self) -> None:
        """Make none: Faust's are for its own tables, and the working directory may be read-only."""


class Delivery:
    """A batch on its way through the agent; the pump waits until it is done or failed."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(self) -> None:
        """Say that the batch has been applied."""
        self._done.set_result(None)

    def failed(self, error: BaseException) -> None:
        """Say that the batch could not be applied."""
        self._done.set_exception(error)

    async def applied(self) -> None:
        """Wait until the batch has been applied; raises what failed."""
        await self._done


class Pump(Service):
    """
    Feeds a channel with the engine's batches and commits each when the agent is done with it.

    on_idle is called about every POLL_SECONDS in the pump's thread. on_failure is told what ended the pump.
    """

    def __init__(
        self,
        engine: Engine,
        channel: Any,
        on_idle: Callable[[], None],
        on_failure: Callable[[BaseException], None],
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._engine = engine
        self._channel = channel
        self._on_idle = on_idle
        self._on_failure = on_failure
        # One thread, so that rebalance callbacks always run where the batches are taken and committed.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    @Service.task
    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._engine.start)
            while not self.should_stop:
                batch = await loop.run_in_executor(self._thread, self._next_batch)
                if batch is not None:
                    await self._pass_on(batch)
                    await loop.run_in_executor(self._thread, self._engine.commit, batch)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the worker, which says it.
            self._on_failure(error)

    async def on_shutdown(self) -> None:
        """Leave the group, once the thread is done with what it does; the task above is cancelled by then."""
        # Not in the task: a second cancellation would take it out of the thread's queue again.
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.close)

    def _next_batch(self) -> Batch | None:
        self._on_idle()
        return self._engine.next_batch(POLL_SECONDS)

    async def _pass_on(self, batch: Batch) -> None:
        delivery = Delivery(batch)
        await self._channel.put(delivery)
        await delivery.applied()


def agent_of(apply: Callable[[Batch], None]) -> Any:
    """Return the Faust agent function that applies batches."""

    async def agent(deliveries: Any) -> None:
        async for delivery in deliveries:
            try:
                apply(delivery.batch)
            except BaseException as error:  # noqa: BLE001 - the pump ends the worker; Faust would only restart the agent.
                delivery.failed(error)
            else:
                delivery.done()

    return agent
