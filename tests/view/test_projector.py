"""The projector on a real Kafka and a real Redis, whatever happens to either."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import Producer

from deploy.embedded.stack import EmbeddedStack
from streams.settings import Settings
from streams.view import layout
from streams.view.build import Stopped, build
from streams.view.connection import awaitable, connect
from streams.view.projector import Projector
from streams.view.reader import ViewNotServedError
from streams.view.source import open_source
from streams.view.store import ViewStore
from tests.view.conftest import (
    DEADLINE_SECONDS,
    View,
    Writer,
    availability,
    eventually,
    level,
    running_projector,
)

pytestmark = pytest.mark.kafka


async def test_levels_and_availability_are_shown(settings: Settings, writer: Writer, view: View) -> None:
    """A SKU's level and its availability in each channel appear together under the SKU."""
    writer.levels(("shown", level("shown", 3, 12)))
    writer.write("availability-web", ("shown", availability("shown", "web", 3, 11)))
    async with running_projector(settings):
        await view.shows("shown", 12)

        async def told() -> bool:
            return "web" in (await view.ask("shown")).availability

        await eventually(told, "availability of the web channel")
        found = await view.ask("shown")
        assert found.availability["web"]["available_to_sell"] == 11
        assert "pos" not in found.availability


async def test_older_version_never_replaces_a_newer_one(
    settings: Settings, writer: Writer, view: View
) -> None:
    """A record with a lower version is ignored, in the same batch and in a later one."""
    writer.levels(("aged", level("aged", 5, 50)), ("aged", level("aged", 4, 40)))
    async with running_projector(settings):
        await view.shows("aged", 50)
        writer.levels(("aged", level("aged", 3, 30)), ("aged-end", level("aged-end", 1, 1)))
        writer.levels(*((f"aged-{number}", level(f"aged-{number}", 1, 1)) for number in range(20)))
        for number in range(20):
            await view.shows(f"aged-{number}", 1)
        assert await view.on_hand("aged") == 50


async def test_tombstone_removes_a_sku_until_it_begins_anew(
    settings: Settings, writer: Writer, view: View
) -> None:
    """After a tombstone a SKU is unknown, and version 1 counts again."""
    writer.levels(("gone", level("gone", 9, 90)))
    async with running_projector(settings):
        await view.shows("gone", 90)
        writer.levels(("gone", None))
        await view.shows("gone", None)
        writer.levels(("gone", level("gone", 1, 10)))
        await view.shows("gone", 10)


async def test_aborted_transaction_is_never_shown(settings: Settings, writer: Writer, view: View) -> None:
    """Records of an aborted transaction stay invisible, those of a committed one after it appear."""
    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "transactional.id": "view-test",
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(DEADLINE_SECONDS)
    async with running_projector(settings):
        producer.begin_transaction()
        producer.produce("stock-levels", key=b"torn", value=level("torn", 7, 70))
        producer.flush(DEADLINE_SECONDS)
        producer.abort_transaction(DEADLINE_SECONDS)
        producer.begin_transaction()
        producer.produce("stock-levels", key=b"torn", value=level("torn", 6, 60))
        producer.commit_transaction(DEADLINE_SECONDS)
        await view.shows("torn", 60)


async def test_undecodable_record_does_not_stop_the_view(
    settings: Settings, writer: Writer, view: View
) -> None:
    """A damaged record is left out and what follows it is shown."""
    writer.levels(("odd", b"\x00\x00\x00\x00\x0e\xff"), ("odd", b"junk"), ("odd", level("odd", 2, 5)))
    async with running_projector(settings):
        await view.shows("odd", 5)


async def test_emptied_redis_is_rebuilt_without_being_asked(
    settings: Settings, writer: Writer, view: View
) -> None:
    """FLUSHALL while nothing comes in is noticed, and everything is there again."""
    writer.levels(("flushed", level("flushed", 1, 7)))
    async with running_projector(settings):
        await view.shows("flushed", 7)
        redis = connect(settings.redis_url)
        await redis.flushall()
        await redis.aclose()
        await view.shows("flushed", 7)


async def test_redis_killed_and_restarted_empty_catches_up(
    settings: Settings, writer: Writer, view: View, own_stack: EmbeddedStack
) -> None:
    """What was written while Redis was away, and all from before, is shown once it is back."""
    writer.levels(("outage", level("outage", 1, 1)))
    async with running_projector(settings) as projector:
        await view.shows("outage", 1)
        own_stack.redis.kill()
        try:
            writer.levels(("outage-late", level("outage-late", 1, 2)))

            async def noticed() -> bool:
                return not projector.ready

            await eventually(noticed, "the projector says that it is not ready")
        finally:
            await asyncio.to_thread(own_stack.redis.start)
        await view.shows("outage", 1)
        await view.shows("outage-late", 2)


async def test_rolled_back_redis_is_brought_forward(settings: Settings, writer: Writer, view: View) -> None:
    """When Redis comes back with an older snapshot, the records since then are applied again."""
    writer.levels(("snapshot", level("snapshot", 1, 1)))
    async with running_projector(settings):
        await view.shows("snapshot", 1)
        redis = connect(settings.redis_url)
        generation = (await ViewStore(redis).state()).served
        assert generation is not None
        fields = {layout.position_field(("stock-levels", number)): "0" for number in range(2)}
        await awaitable(redis.hset(layout.positions_key(generation), mapping=fields))
        await redis.delete(layout.topic_key(generation, "stock-levels"))
        await redis.aclose()
        await view.shows("snapshot", 1)


async def test_projector_goes_on_where_the_last_one_ended(
    settings: Settings, writer: Writer, view: View
) -> None:
    """A restarted projector keeps the generation instead of building another."""
    async with running_projector(settings):
        await view.shows("resumed", None)
        await _until_ready(settings)
    before = await _served(settings)
    writer.levels(("resumed", level("resumed", 1, 3)))
    async with running_projector(settings):
        await view.shows("resumed", 3)
    assert await _served(settings) == before


async def test_two_projectors_do_no_harm(settings: Settings, writer: Writer, view: View) -> None:
    """Two projectors on one view take turns and lose nothing."""
    async with running_projector(settings), running_projector(settings):
        for round_number in range(1, 6):
            skus = [f"pair-{number}" for number in range(50)]
            writer.levels(*((sku, level(sku, round_number, round_number)) for sku in skus))
        for sku in skus:
            await view.shows(sku, 5)


async def test_rebuild_takes_the_place_of_the_served_view_in_one_step(
    settings: Settings, writer: Writer, view: View
) -> None:
    """While a rebuild is unfinished the old generation is served; afterwards only the new one is left."""
    writer.levels(("rebuilt", level("rebuilt", 1, 8)))
    async with running_projector(settings):
        await view.shows("rebuilt", 8)
        before = await _served(settings)
        await _rebuild(settings, stop_at_once=True)
        assert await _served(settings) == before
        assert await view.on_hand("rebuilt") == 8
        await _rebuild(settings, stop_at_once=False)
        after = await _served(settings)
        assert after != before
        assert await view.on_hand("rebuilt") == 8
        writer.levels(("rebuilt", level("rebuilt", 2, 9)))
        await view.shows("rebuilt", 9)
    redis = connect(settings.redis_url)
    keys = [key async for key in redis.scan_iter(match="onhand:view:*")]
    await redis.aclose()
    assert {key.split(":")[2] for key in keys} == {after}


async def test_half_built_view_is_not_served(settings: Settings, writer: Writer, view: View) -> None:
    """Without a complete generation readers are told so, and a projector then finishes the unfinished one."""
    writer.levels(("half", level("half", 1, 4)))
    redis = connect(settings.redis_url)
    await redis.flushall()
    await redis.aclose()
    with pytest.raises(ViewNotServedError, match="no read view"):
        await view.ask("half")
    await _rebuild(settings, stop_at_once=True)
    with pytest.raises(ViewNotServedError, match="being built"):
        await view.ask("half")
    async with running_projector(settings):
        await view.shows("half", 4)


async def test_view_of_another_cluster_is_not_gone_on_with(
    settings: Settings, writer: Writer, view: View
) -> None:
    """Positions of another Kafka cluster mean nothing here: the view is built anew."""
    writer.levels(("moved", level("moved", 1, 6)))
    async with running_projector(settings):
        await view.shows("moved", 6)
    before = await _served(settings)
    redis = connect(settings.redis_url)
    await awaitable(redis.hset(layout.positions_key(before), layout.CLUSTER_FIELD, "another"))
    await redis.aclose()
    async with running_projector(settings) as projector:

        async def ready() -> bool:
            return projector.ready

        await eventually(ready, "a view of this cluster")
    assert await _served(settings) != before
    assert await view.on_hand("moved") == 6


async def _served(settings: Settings) -> str:
    redis = connect(settings.redis_url)
    try:
        served = (await ViewStore(redis).state()).served
        assert served is not None
        return served
    finally:
        await redis.aclose()


async def _until_ready(settings: Settings) -> None:
    async def served() -> bool:
        redis = connect(settings.redis_url)
        try:
            return (await ViewStore(redis).state()).served is not None
        finally:
            await redis.aclose()

    await eventually(served, "a served view")


async def _rebuild(settings: Settings, *, stop_at_once: bool) -> None:
    redis = connect(settings.redis_url)
    source = await open_source(settings, None)
    try:
        await build(source, ViewStore(redis), stopping=lambda: stop_at_once)
    except Stopped:
        assert stop_at_once
    finally:
        await source.close()
        await redis.aclose()


async def test_projector_without_kafka_stops_when_told(settings: Settings) -> None:
    """With no broker to be found the projector waits, is not ready, and ends when asked to."""
    projector = Projector(settings.model_copy(update={"bootstrap_servers": "127.0.0.1:9"}))
    task = asyncio.create_task(projector.run())
    await asyncio.sleep(0)
    assert not projector.ready
    projector.stop()
    await asyncio.wait_for(task, DEADLINE_SECONDS)
