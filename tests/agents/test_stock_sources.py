"""Sources that fall silent: what channels may sell then, who is told, and what is written of it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import wire
from streams.domain.events import GoodsReceived, SaleRecorded
from streams.domain.policy import ChannelPolicy, LocationSources, StockPolicySet
from streams.engine.memory_log import MemoryRecord
from streams.engine.partitioner import partition_for
from tests.agents.stockroom import PARTITIONS, Harvest, Stockroom
from tests.domain.shop import NOW, SKU, make

TOPIC = "stock-sources"
LIMIT_SECONDS = 60
LATER = NOW + LIMIT_SECONDS * 1_000  # Not one millisecond too long.
MINDS = (ChannelPolicy("web", maximum_staleness_seconds=LIMIT_SECONDS),)
SPEAKS = (LocationSources("store", ("till-1",)),)


def policy(event_id: str = "p-1", **fields: Any) -> StockPolicySet:
    """A policy for every SKU: web takes a silence of a minute amiss, till-1 speaks for the store."""
    return StockPolicySet(event_id, "erp", "*", NOW, **{"channels": MINDS, "sources": SPEAKS, **fields})


def goods(room: Stockroom, now: int = NOW, **fields: Any) -> Harvest:
    """Seven units received in the store, said by its till."""
    return room.take(make(GoodsReceived, **{"quantity": 7, "inbound_id": None, **fields}), now=now)


def sale(event_id: str) -> SaleRecorded:
    """One unit sold by the till of the store."""
    return make(SaleRecorded, event_id=event_id)


def heartbeat(room: Stockroom, heard_at: int, source_id: str = "till-1") -> None:
    """A sign of life that comes by the global topic."""
    value = wire.encode("SourceHeard", {"source_id": source_id, "heard_at": heard_at, "heard_by": "test"})
    room.agent.take_global(MemoryRecord((TOPIC, 0, 0), source_id.encode(), value, None, NOW))


def settle(room: Stockroom, now: int) -> Harvest:
    """Everything that ticks at a time come to."""
    found = room.tick(now)
    while room.agent.pending:
        found += room.tick(now)
    return found


def watching(now: int = NOW, **fields: Any) -> Stockroom:
    """A room with seven units of the store, whose till was heard at now; web minds its silence."""
    room = Stockroom()
    room.take(policy(**fields))
    goods(room, now)
    settle(room, now)
    return room


def test_silence_empties_the_location_for_the_channel_that_minds() -> None:
    """At the limit it still sells, a moment later not; the till's word brings all back at once."""
    room = watching()
    assert settle(room, LATER) == []
    gone = settle(room, LATER + 1_000)
    assert gone.told() == {("web", SKU): 0}
    assert gone.movements() == []
    back = room.take(sale("s"), now=LATER + 2_000)
    assert back.told() == {("pos", SKU): 6, ("web", SKU): 6}


def test_silence_of_a_store_never_hides_the_warehouse() -> None:
    """It is judged by location, and only where sources are named."""
    room = watching()
    goods(room, event_id="w", source_id="wms", location_id="warehouse", quantity=20)
    assert settle(room, LATER + 1_000).told() == {("web", SKU): 20}


def test_only_skus_of_the_location_are_looked_at_again() -> None:
    """A SKU that lies elsewhere is left alone."""
    room = watching()
    goods(room, event_id="w", sku="SKU-2", source_id="wms", location_id="warehouse")
    room.tick(LATER + 1_000)
    assert {key for _, key in room.agent._stale} <= {SKU.encode()}
    assert settle(room, LATER + 2_000).told() == {}


def test_people_are_told_once_of_a_silence_and_of_its_end() -> None:
    """With the source's name, and an id that names the silence by when it began."""
    room = watching()
    (alert,) = settle(room, LATER + 1_000).alerts()
    assert (alert["kind"], alert["sku"], alert["references"]) == ("STALE_SOURCE", "*", ["till-1"])
    assert (alert["alert_id"], alert["occurred_at"]) == (f"STALE_SOURCE:till-1:{NOW}", NOW)
    assert settle(room, LATER + 2_000).alerts() == []
    assert room.monitor.silent == 1
    (over,) = room.take(sale("s"), now=LATER + 3_000).alerts()
    assert over["alert_id"] == f"STALE_SOURCE_RESOLVED:till-1:{NOW}"
    assert room.monitor.silent == 0
    (again,) = settle(room, 2 * LATER).alerts()
    assert again["alert_id"] == f"STALE_SOURCE:till-1:{LATER + 3_000}"
    assert room.monitor.alerts_by_kind == {"STALE_SOURCE": 2, "STALE_SOURCE_RESOLVED": 1}


def test_the_end_of_a_silence_is_told_by_who_takes_over() -> None:
    """And a silence that people know of is told by nobody again; its echoes are no news either."""
    room = watching()
    settle(room, LATER + 1_000)
    heir = Stockroom(room.all)
    assert settle(heir, LATER + 2_000).alerts() == []
    assert heir.level(SKU)["availability"][1]["available_to_sell"] == 0  # type: ignore[index] # It is known.
    heartbeat(heir, LATER + 3_000)
    harvest = settle(heir, LATER + 3_000)
    assert [alert["kind"] for alert in harvest.alerts()] == ["STALE_SOURCE_RESOLVED"]
    assert harvest.told() == {("web", SKU): 7}
    heir.hear_globals(Harvest(heir.all))
    assert settle(heir, LATER + 3_500).alerts() == []


def test_an_aborted_alert_is_raised_again_with_the_same_id() -> None:
    """Nothing is taken for told until it has committed."""
    room = watching()
    (lost,) = room.take(now=LATER + 1_000, commits=False).alerts()
    (alert,) = settle(room, LATER + 1_500).alerts()
    assert alert["alert_id"] == lost["alert_id"]


def test_only_the_owner_of_a_sources_partition_tells_people() -> None:
    """The others know it as well, and stay silent."""
    room = watching()
    room.agent.revoked(partition_for(b"till-1", PARTITIONS))
    assert [one for one in settle(room, LATER + 1_000) if one.topic == "stock-alerts"] == []


def test_who_has_just_started_listens_first() -> None:
    """Its own standstill is no source's silence: the backlog comes in before anything is judged."""
    room = watching()
    heir = Stockroom(room.all)
    assert settle(heir, LATER + 1_000) == []
    assert heir.take(sale("s"), now=LATER + 2_000).told() == {("pos", SKU): 6, ("web", SKU): 6}
    assert settle(heir, LATER + 7_000).told() == {}


def test_a_source_that_was_never_heard_is_silent() -> None:
    """A policy that names it makes channels that mind wait for its first word; id and time say: never."""
    room = Stockroom()
    goods(room, source_id="erp")
    room.take(policy())
    assert settle(room, NOW + 1_000) == [], "who has just heard of it listens first"
    harvest = settle(room, NOW + 10_000)
    assert harvest.told() == {("web", SKU): 0}
    assert [alert["alert_id"] for alert in harvest.alerts()] == ["STALE_SOURCE:till-1:0"]


def test_a_source_heard_before_a_policy_named_it_is_known() -> None:
    """The first policy about it finds out at once when it was heard; then it is written down."""
    room = Stockroom()
    goods(room)
    (heard,) = room.take(policy(), now=NOW + 1_000).of(TOPIC) + settle(room, NOW + 1_500).of(TOPIC)
    assert heard.fields() == {"source_id": "till-1", "heard_at": NOW, "heard_by": "worker-0"}
    assert heard.partition == partition_for(b"till-1", PARTITIONS)
    assert settle(room, NOW + 10_000).told() == {}


def test_what_was_heard_is_written_every_few_seconds_at_most() -> None:
    """However many events there are; an aborted word is written with the next."""
    room = watching()
    for number in range(1, 50):
        assert room.take(sale(str(number)), now=NOW + number * 100).of(TOPIC) == []
    assert len(room.take(sale("x"), now=NOW + 5_200, commits=False).of(TOPIC)) == 1
    (heard,) = room.take(sale("y"), now=NOW + 5_500).of(TOPIC)
    assert heard.fields()["heard_at"] == NOW + 5_500
    assert settle(room, NOW + 20_000).of(TOPIC) == [], "nothing new was heard"


def test_a_source_that_no_policy_names_costs_nothing() -> None:
    """Not a record, however long it is silent."""
    room = Stockroom()
    room.take(policy(sources=()))
    assert goods(room).of(TOPIC) == []
    assert settle(room, 2 * LATER) == []


def test_silence_without_a_limit_is_only_written_down() -> None:
    """No channel minds, so nobody is told; when it was heard can still be looked up."""
    room = watching(channels=())
    assert len([one for one in room.all if one.topic == TOPIC]) == 1
    assert settle(room, 2 * LATER) == []


def test_a_limit_that_is_taken_back_ends_the_silence() -> None:
    """Nobody minds any more: people hear that it is over, channels sell again."""
    room = watching()
    settle(room, LATER + 1_000)
    room.take(policy("p-2", channels=()), now=LATER + 2_000)
    harvest = settle(room, LATER + 2_500)
    assert [alert["kind"] for alert in harvest.alerts()] == ["STALE_SOURCE_RESOLVED"]
    assert harvest.told() == {("web", SKU): 7}


def test_a_source_that_is_named_no_more_is_let_go_of() -> None:
    """The last policy that named any is replaced: its silence ends, and nothing more is written of it."""
    room = watching()
    settle(room, LATER + 1_000)
    room.take(policy("p-2", channels=(), sources=()), now=LATER + 2_000)
    assert settle(room, LATER + 2_500).told() == {("web", SKU): 7}
    assert room.take(sale("s"), now=LATER + 20_000).of(TOPIC) == []


def test_a_clock_that_runs_ahead_keeps_nobody_alive() -> None:
    """A sign of life from the future is none."""
    room = watching()
    heartbeat(room, NOW + 365 * 86_400_000)
    assert settle(room, LATER + 1_000).told() == {("web", SKU): 0}


@pytest.mark.parametrize("value", [b"", b"rubbish", b"\x00\x00\x00\x00\x01"])
def test_what_is_no_sign_of_life_is_left_alone(value: bytes) -> None:
    """Anybody may write to a topic; a worker must not end for it."""
    room = watching()
    for key in (b"till-1", b"till-1\x1fsilence", b"\xff\x1fsilence", None):
        room.agent.take_global(MemoryRecord((TOPIC, 0, 0), key, value, None, NOW))
    assert settle(room, LATER) == []


def test_silence_is_not_back_in_stock() -> None:
    """Goods were there all along."""
    room = watching(channels=(ChannelPolicy("*", maximum_staleness_seconds=LIMIT_SECONDS),))
    assert settle(room, LATER + 1_000).told() == {("pos", SKU): 0, ("web", SKU): 0}
    heartbeat(room, LATER + 2_000)
    harvest = settle(room, LATER + 2_000)
    assert harvest.told() == {("pos", SKU): 7, ("web", SKU): 7}
    assert "BACK_IN_STOCK" not in {alert["kind"] for alert in harvest.alerts()}
