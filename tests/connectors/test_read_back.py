"""Reading back: drift at a channel is found, told apart from what is only on its way, and repaired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress

import pytest
from prometheus_client import REGISTRY

from connectors.egress.readback import ReadBack, ReadBackOptions
from connectors.egress.waiting import Stored, Waiting
from connectors.protocols import ReadableSink
from connectors.square.client import SquareApi
from connectors.square.connector import square_sink
from connectors.translation import Account
from tests.connectors.contract import CHANNEL, DEADLINE_SECONDS, Sending, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.server import Request
from tests.connectors.simulators.square import LOCATION, TOKEN, SquareSimulator

OPTIONS = ReadBackOptions(every_seconds=0.05, confirm_seconds=0.02, page_skus=2)
SKUS = ("a", "b", "c", "d", "e")


@pytest.fixture
async def channel() -> AsyncIterator[SquareSimulator]:
    """A channel of five SKUs that shows other figures than ours."""
    async with serving(SquareSimulator(dict.fromkeys(SKUS, 500))) as simulator:
        yield simulator


@pytest.fixture
async def sink(channel: SquareSimulator) -> AsyncIterator[ReadableSink]:
    """A sink of it."""
    sink = square_sink(Account("till", "till"), SquareApi(channel.url, TOKEN, LOCATION))
    yield sink
    await sink.close()


class Reading:
    """A delivery that reads back, what was told last kept as the topic would."""

    def __init__(self, sink: ReadableSink) -> None:
        self.sending = Sending(sink, attempts=1)
        self.told: dict[str, Waiting] = {}
        self.partitions: set[int] = {0}
        self.read_back = ReadBack(
            OPTIONS,
            sink,
            self.sending.room,
            self.sending.delivery,
            self.snapshot,
            lambda: self.partitions,
        )

    async def snapshot(self, partitions: Collection[int]) -> dict[str, Waiting]:
        """Return what the topic has."""
        return {sku: told for sku, told in self.told.items() if told.stored.partition in partitions}

    async def tell(self, **quantities: int) -> None:
        """Deliver figures, each with a version above the last."""
        for sku, quantity in quantities.items():
            version = self.told[sku].update.version + 1 if sku in self.told else 1
            update = availability(sku, version, quantity)
            self.told[sku] = Waiting(
                update, Stored(f"availability-{CHANNEL}", 0, version, sku.encode(), b"v")
            )
            self.sending.put(update)
        await self.sending.until_done()

    async def repaired(self) -> None:
        """Read back once, and deliver what that found."""
        await self.read_back.round()
        async with asyncio.timeout(DEADLINE_SECONDS):
            running = asyncio.create_task(self.sending.delivery.run())
            while len(self.sending.room) or not self.sending.delivery._idle.is_set():  # noqa: ASYNC110 - as until_done
                await asyncio.sleep(0.002)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def metric(name: str, **labels: str) -> float:
    """Return a metric of the channel."""
    return REGISTRY.get_sample_value(name, {"channel": CHANNEL, **labels}) or 0.0


async def test_what_someone_changed_at_the_channel_is_told_again(
    channel: SquareSimulator, sink: ReadableSink
) -> None:
    """Only that, and it is counted."""
    reading = Reading(sink)
    await reading.tell(a=1, b=2, c=3, d=4, e=5)
    channel.figures |= {"b": 7, "e": 0}
    before, equal = metric("onhand_drift_repairs_total"), metric("onhand_read_back_total", result="equal")
    await reading.repaired()
    assert channel.figures == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
    assert sorted(channel.taken[5:]) == [("b", 2), ("e", 5)]
    assert metric("onhand_drift_skus") == 2
    assert metric("onhand_drift_repairs_total") == before + 2
    assert metric("onhand_read_back_total", result="equal") == equal + 3
    await reading.repaired()
    assert metric("onhand_drift_skus") == 0
    assert len(channel.taken) == 7


async def test_a_sale_that_is_on_its_way_is_no_drift(channel: SquareSimulator, sink: ReadableSink) -> None:
    """The channel has sold one, and we hear of it after the first look."""
    reading = Reading(sink)
    await reading.tell(a=5)
    channel.sell("a", 1)
    heard = availability("a", 2, 4)
    loop = asyncio.get_running_loop()

    def hear(request: Request) -> None:
        if is_question(request):
            loop.call_later(OPTIONS.confirm_seconds / 2, reading.sending.put, heard)

    channel.after_answer = hear
    await reading.repaired()
    assert channel.taken == [("a", 5), ("a", 4)]
    assert metric("onhand_drift_skus") == 0


async def test_a_figure_that_moves_between_two_looks_is_no_drift_yet(
    channel: SquareSimulator, sink: ReadableSink
) -> None:
    """The channel goes on selling: the next round decides."""
    reading = Reading(sink)
    await reading.tell(a=5)
    channel.sell("a", 1)
    channel.after_answer = lambda request: channel.sell("a", 1) if is_question(request) else None
    await reading.repaired()
    assert channel.figures["a"] == 2, "two looks"
    assert channel.taken == [("a", 5)]


def is_question(request: Request) -> bool:
    """Tell whether a request asks for counts."""
    return request.path.endswith("/batch-retrieve")


async def test_a_value_that_waits_is_not_compared(channel: SquareSimulator, sink: ReadableSink) -> None:
    """What was told last is no longer what the channel is to show."""
    reading = Reading(sink)
    await reading.tell(a=5)
    channel.figures["a"] = 9
    reading.sending.put(availability("a", 2, 3))
    before = len(channel.requests)
    await reading.read_back.round()
    assert len(channel.requests) == before
    assert metric("onhand_drift_skus") == 0


async def test_what_was_given_up_is_left_alone(channel: SquareSimulator, sink: ReadableSink) -> None:
    """One dead letter is enough; the next newer value starts afresh."""
    reading = Reading(sink)
    await reading.tell(a=5)
    channel.bad_skus = {"a"}
    await reading.tell(a=6)
    assert len(reading.sending.dead_letters.letters) == 1
    await reading.repaired()
    assert len(reading.sending.dead_letters.letters) == 1


async def test_after_a_restart_nothing_was_forgotten(channel: SquareSimulator, sink: ReadableSink) -> None:
    """What was told last comes from the topic, also what another process delivered."""
    first = Reading(sink)
    await first.tell(a=5, b=6)
    channel.figures["a"] = 9
    second = Reading(sink)
    second.told = first.told
    await second.repaired()
    assert (channel.figures["a"], channel.figures["b"]) == (5, 6)


async def test_partitions_that_are_gone_are_not_repaired(
    channel: SquareSimulator, sink: ReadableSink
) -> None:
    """Another process owns them now, and may have delivered something newer."""
    reading = Reading(sink)
    await reading.tell(a=5)
    channel.figures["a"] = 9
    told = await reading.snapshot({0})
    reading.partitions = set()
    assert not reading.read_back._repair(told["a"])


async def test_a_channel_that_does_not_answer_ends_the_round(
    channel: SquareSimulator, sink: ReadableSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one begins anew; nothing is repaired on a guess."""
    monkeypatch.setattr("connectors.egress.readback.RETRY_SECONDS", 0.0)
    reading = Reading(sink)
    await reading.tell(a=5)
    channel.figures["a"] = 9
    monkeypatch.setattr(channel, "answer", channel_down)
    await reading.repaired()
    assert channel.figures["a"] == 9
    assert len(channel.taken) == 1


def channel_down(_request: object) -> object:
    """Fail as a bug of the channel."""
    raise RuntimeError("the channel is down")
