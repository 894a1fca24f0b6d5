"""Checkouts as processes of their own, which ask for the same goods at the same time, or die with a full cart."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import NamedTuple, TypeAlias

from connectors.reservations.connector import Reservations
from connectors.reservations.errors import Refused
from streams.settings import Settings

ANSWER_SECONDS = 90.0  # A worker may die meanwhile, on a machine that is busy.
START_SECONDS = 90.0
AT_A_TIME = 5  # Of each checkout: so that it takes a while, in which something can happen.

_SPAWN = multiprocessing.get_context("spawn")


class Told(NamedTuple):
    """What one request was answered."""

    hold_id: str
    accepted: bool
    reason: str | None


Answers: TypeAlias = "Queue[list[Told]]"


class Rush:
    """So many processes that ask for one unit of a SKU so many times each, all ready before the first one asks."""

    def __init__(self, settings: Settings, sku: str, processes: int, holds_each: int) -> None:
        self._barrier: Barrier = _SPAWN.Barrier(processes + 1)
        self._answers: Answers = _SPAWN.Queue()
        self._processes = [
            _SPAWN.Process(
                target=_ask,
                args=(settings, sku, f"checkout-{number}", holds_each, self._barrier, self._answers),
            )
            for number in range(processes)
        ]

    def begin(self) -> None:
        """Let them all begin, once all are connected."""
        for process in self._processes:
            process.start()
        self._barrier.wait(START_SECONDS)

    def answers(self) -> list[Told]:
        """Return every answer, when all have theirs."""
        found = [told for _ in self._processes for told in self._answers.get(timeout=ANSWER_SECONDS * 2)]
        for process in self._processes:
            process.join()
        return found

    def end(self) -> None:
        """End what still runs, after a failure."""
        for process in self._processes:
            if process.is_alive():
                process.kill()


def _ask(
    settings: Settings, sku: str, owner: str, holds_total: int, barrier: Barrier, answers: Answers
) -> None:
    asyncio.run(_ask_all(settings, sku, owner, holds_total, barrier, answers))


async def _ask_all(
    settings: Settings, sku: str, owner: str, holds_total: int, barrier: Barrier, answers: Answers
) -> None:
    gate = asyncio.Semaphore(AT_A_TIME)
    async with Reservations(settings, owner=owner, timeout_seconds=ANSWER_SECONDS) as desk:

        async def ask(hold_id: str) -> Told:
            async with gate:
                try:
                    answer = await desk.hold(sku, 1, hold_id=hold_id)
                except Refused as refused:
                    answer = refused.answer
            return Told(answer.hold_id, answer.accepted, answer.reason)

        await asyncio.to_thread(barrier.wait, START_SECONDS)
        answers.put(await asyncio.gather(*(ask(f"{owner}/{number}") for number in range(holds_total))))


@contextmanager
def careless_checkout(
    settings: Settings, skus: Sequence[str], expires_in_seconds: float
) -> Iterator[BaseProcess]:
    """A process that holds a unit of each SKU as one cart, and then does nothing any more."""
    process = _SPAWN.Process(target=_hold_cart, args=(settings, list(skus), expires_in_seconds))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _hold_cart(settings: Settings, skus: list[str], expires_in_seconds: float) -> None:
    async def hold() -> None:
        async with Reservations(settings, owner="careless", timeout_seconds=ANSWER_SECONDS) as desk:
            await desk.hold_cart([(sku, 1) for sku in skus], expires_in_seconds=expires_in_seconds)
            await asyncio.Event().wait()

    asyncio.run(hold())
