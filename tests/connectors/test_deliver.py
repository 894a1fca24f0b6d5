"""Delivery from a real Kafka to a real HTTP server: the command, and what restarts and rebalances leave right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest

from connectors.egress.connector import Egress
from connectors.egress.delivery import DeliveryOptions
from connectors.egress.reader import Reader
from connectors.http_sink.connector import default_group_id
from connectors.protocols import Availability, ItemResult, Verdict
from streams.app import ensure_topics
from streams.settings import Settings
from tests.connectors.channel_server import ChannelServer
from tests.connectors.serving import serving
from tests.connectors.shop import Shop, Value, running, until
from tests.processes import OnhandProcess

pytestmark = pytest.mark.kafka

RunOnhand = Callable[..., OnhandProcess]


@pytest.fixture
def channel_settings(cluster: Settings) -> Settings:
    """Settings with one channel that nobody else uses, its topics there and empty."""
    settings = cluster.model_copy(update={"channels": (f"shop-{uuid4().hex[:8]}",)})
    ensure_topics(settings)
    return settings


async def test_the_command_delivers_what_a_channel_may_sell(
    channel_settings: Settings, run_onhand: RunOnhand
) -> None:
    """Latest values, through damage, tombstones and aborted transactions; and after a clean stop all is committed."""
    shop = await asyncio.to_thread(Shop, channel_settings)
    skus = [f"sku-{number}" for number in range(50)]
    shop.emit((sku, version) for version in (1, 2, 3) for sku in skus)
    shop.emit([(sku, 99) for sku in skus], abort=True)
    shop.emit_raw(b"damaged", b"\x00\x00\x00\x00\x10half")
    shop.emit_raw(b"gone", None)
    async with serving(ChannelServer(names_items_with=207)) as channel:
        channel.script = ["fail"]
        channel.bad_skus = {"sku-7"}
        arguments = ["http", "--channel", shop.channel_id, "--url", channel.url, "--batch-size", "20"]
        process = await asyncio.to_thread(run_onhand, "deliver", channel_settings, *arguments)
        await until(lambda: len(channel.accepted) == 49, f"49 deliveries\n{process.log}")
        assert process.is_ready()
        shop.emit([("sku-1", 4)])
        await until(lambda: ("sku-1", 4) in channel.accepted, "the next value")
        code = await asyncio.to_thread(process.stop)

    assert code == 0, process.log
    expected = {(sku, 3) for sku in skus if sku != "sku-7"} | {("sku-1", 4)}
    assert sorted(channel.accepted) == sorted(expected)
    assert channel.requests[0].items[0]["available_to_sell"] == 30
    letters = await asyncio.to_thread(shop.dead_letters, 2)
    assert letters.keys() == {b"damaged", b"sku-7"}
    value, headers = letters[b"damaged"]
    assert value == b"\x00\x00\x00\x00\x10half"
    assert headers["trace"] == b"kept"
    assert headers["__streams.errors.exception"] == b"UNDECODABLE"
    assert letters[b"sku-7"][1]["__streams.errors.exception"] == b"CHANNEL_REFUSED"
    assert letters[b"sku-7"][1]["__streams.errors.message"] == b"item status 404: unknown article"
    assert letters[b"sku-7"][1]["__streams.errors.topic"] == shop.topic.encode()
    assert shop.undelivered(default_group_id(shop.channel_id)) == 0


class Taker:
    """A sink that takes everything, maybe slowly, into a list that several share."""

    def __init__(self, taken: list[Value], seconds: float = 0.0) -> None:
        self.taken, self._seconds = taken, seconds

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Take a batch."""
        await asyncio.sleep(self._seconds)
        self.taken += [(update.sku, update.version) for update in batch]
        return [ItemResult(Verdict.DELIVERED)] * len(batch)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


def never_older_after_newer(taken: list[Value]) -> bool:
    """Tell whether the versions of each SKU only rise, repeats allowed."""
    newest: dict[str, int] = {}
    for sku, version in taken:
        if version < newest.get(sku, 0):
            return False
        newest[sku] = version
    return True


async def test_a_crash_before_the_commit_delivers_again_but_nothing_older(
    channel_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start reads the whole backlog first, so that values superseded before the crash stay unsent."""
    shop = await asyncio.to_thread(Shop, channel_settings)
    taken: list[Value] = []
    options = DeliveryOptions(shop.channel_id, batch_size=7)

    async def forget(self: Reader) -> None:
        """Commit nothing, as a crash would."""

    with monkeypatch.context() as crash:
        crash.setattr(Reader, "commit", forget)
        async with running(Egress(channel_settings.bootstrap_servers, "crash", options, Taker(taken))):
            for version in (1, 2, 3):
                shop.emit((f"sku-{number}", version) for number in range(30))
                expected = version * 30
                await until(lambda expected=expected: len(taken) == expected, f"version {version}")  # type: ignore[misc]  # Bound now.
    monkeypatch.setattr("connectors.egress.reader.POLL_MAX_RECORDS", 7)  # The backlog comes in many polls.
    async with running(Egress(channel_settings.bootstrap_servers, "crash", options, Taker(taken))):
        await until(lambda: len(taken) == 120, "the last values again")
        shop.emit([("sku-0", 4)])
        await until(lambda: taken[-1] == ("sku-0", 4), "the next value")
    assert {version for _, version in taken[90:120]} == {3}
    assert never_older_after_newer(taken)
    assert await asyncio.to_thread(shop.undelivered, "crash") == 0


async def test_members_that_come_and_go_lose_nothing_and_send_nothing_older(
    channel_settings: Settings,
) -> None:
    """Two deliveries share a channel while values keep coming; one leaves, the other takes over."""
    shop = await asyncio.to_thread(Shop, channel_settings)
    taken: list[Value] = []
    options = DeliveryOptions(shop.channel_id, batch_size=5)
    version = 0

    def emit_next() -> None:
        nonlocal version
        version += 1
        shop.emit((f"sku-{number}", version) for number in range(40))

    def all_there() -> bool:
        return {(f"sku-{number}", version) for number in range(40)} <= set(taken)

    def make(seconds: float) -> Egress:
        return Egress(channel_settings.bootstrap_servers, "share", options, Taker(taken, seconds))

    async with running(make(0.1)) as first:  # Slow, so that much still waits there when partitions move away.
        emit_next()
        await until(all_there, "everything by the first")
        async with running(make(0.0)) as second:
            for _ in range(40):
                emit_next()
                await asyncio.sleep(0.05)
            await until(lambda: first.ready and second.ready and all_there(), "everything by both")
        emit_next()
        await until(all_there, "everything by the first alone")
    assert never_older_after_newer(taken)
    assert await asyncio.to_thread(shop.undelivered, "share") == 0
