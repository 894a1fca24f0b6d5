"""Policies: the newest wins whoever comes last, and channels are told in bounded steps."""

from __future__ import annotations

import pytest

from streams.agents import stock as stock_module
from streams.domain.catalogue import ItemDescribed
from streams.domain.events import GoodsReceived, OrderPlaced, SaleRecorded
from streams.domain.policy import ChannelPolicy, LocationPolicy, StockPolicySet
from tests.agents.stockroom import Harvest, Stockroom
from tests.domain.shop import NOW, SKU, make

IN_FORCE = "stock-policies-in-force"


def policy(
    event_id: str,
    sku: str = SKU,
    occurred_at: int = NOW,
    channels: tuple[ChannelPolicy, ...] = (),
    safety_stock: int | None = None,
) -> StockPolicySet:
    """A policy document, perhaps with safety stock everywhere."""
    locations = () if safety_stock is None else (LocationPolicy("*", safety_stock),)
    return StockPolicySet(event_id, "erp", sku, occurred_at, None, channels, locations)


def cap(units: int) -> tuple[ChannelPolicy, ...]:
    """At most so many units for every channel."""
    return (ChannelPolicy("*", cap=units),)


def stocked(room: Stockroom, *skus: str, units: int = 10) -> Stockroom:
    """The room with so many units of each SKU."""
    room.take(*(make(GoodsReceived, event_id=sku, sku=sku, quantity=units, inbound_id=None) for sku in skus))
    return room


def settle(room: Stockroom) -> list[Harvest]:
    """Ticks until nothing waits to be re-evaluated."""
    harvests = []
    while room.agent.pending:
        harvests.append(room.tick())
    return harvests


@pytest.mark.parametrize("key", [SKU, "*"])
def test_policy_is_published_and_then_told(key: str) -> None:
    """Accepted as it came, then every channel that it changes hears of it under a new version."""
    room = stocked(Stockroom(), SKU)
    record = room.record_of(policy("p-1", key, channels=cap(3)))
    harvest = room.take(record)
    (accepted,) = harvest.of(IN_FORCE)
    assert (accepted.key, accepted.value) == (key.encode(), record.value())
    assert harvest.told() == {}
    (told,) = settle(room)
    assert told.told() == {("pos", SKU): 3, ("web", SKU): 3}
    level = room.level(SKU)
    assert level is not None
    assert level["version"] == 2
    assert {one["version"] for one in level["availability"]} == {2}
    assert told.movements() == []


def test_policy_that_changes_nothing_for_a_sku_emits_nothing_of_it() -> None:
    """Re-evaluated, but neither version nor channels move; the same document again is a duplicate."""
    room = stocked(Stockroom(), SKU, "SKU-2")
    ample = policy("p-1", "*", channels=cap(99))
    room.take(ample)
    assert settle(room) == [[]]
    harvest = room.take(ample)
    assert harvest == []
    assert not room.agent.pending
    assert room.monitor.outcomes["stock-policies", "DUPLICATE"] == 1


def test_older_policy_never_replaces_a_newer_one() -> None:
    """In one batch, in the next before the global topic has come round, and after."""
    older, newer = policy("p-1", occurred_at=NOW - 1, channels=cap(3)), policy("p-2", channels=cap(7))
    for batches in ([[newer, older]], [[newer], [older]], [[older], [newer]], [[older, newer]]):
        room = stocked(Stockroom(), SKU)
        harvests = [room.take(*batch) for batch in batches]
        assert (
            harvests[-1].of(IN_FORCE) == []
            or harvests[-1].of(IN_FORCE)[-1].value == room.record_of(newer).value()
        )
        settle(room)
        for harvest in reversed(harvests):
            room.hear_globals(harvest)
        settle(room)
        level = room.level(SKU)
        assert level is not None
        assert [one["available_to_sell"] for one in level["availability"]] == [7, 7]


def test_superseded_policy_is_counted_and_goes_nowhere() -> None:
    """It has had its answer; no dead letter, no record."""
    room = Stockroom()
    room.take(policy("p-2"))
    assert room.take(policy("p-1", occurred_at=NOW - 1)).of(IN_FORCE) == []
    assert room.monitor.outcomes["stock-policies", "SUPERSEDED"] == 1


def test_aborted_policy_is_not_in_force() -> None:
    """The transaction took it back, so nobody may act on it; sent again it applies."""
    room = stocked(Stockroom(), SKU)
    document = policy("p-1", channels=cap(3))
    room.take(document, commits=False)
    assert not room.agent.pending
    assert len(room.take(document).of(IN_FORCE)) == 1


def test_policy_change_is_worked_off_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy for all of many SKUs never holds up events: so many at a time, events in between, none left out."""
    monkeypatch.setattr(stock_module, "SKUS_REEVALUATED", 10)
    skus = [f"SKU-{number}" for number in range(35)]
    room = stocked(Stockroom(), *skus)
    told = room.take(policy("p-1", "*", channels=cap(3))).told()
    while room.agent.pending:
        step = room.take(make(SaleRecorded, event_id=f"sale-{len(told)}", sku="SKU-0"))
        assert len(step.movements()) == 1
        skus_told = {sku for _, sku in step.told()}
        assert len(skus_told - {"SKU-0"}) <= 10
        told |= step.told()
    assert told == {(channel, sku): 3 for channel in ("pos", "web") for sku in skus}


def test_aborted_step_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SKU is forgotten when the transaction that should tell of it fails."""
    room = stocked(Stockroom(), SKU)
    room.take(policy("p-1", channels=cap(3)))
    room.take(commits=False)
    assert room.agent.pending
    assert room.tick().told() == {("pos", SKU): 3, ("web", SKU): 3}


def test_safety_stock_counts_for_orders_and_channels() -> None:
    """What is kept back is promised to nobody, from the first unit at a location on, whatever the batches."""
    for same_batch in (True, False):
        room = Stockroom()
        room.take(policy("p-1", "*", safety_stock=4))
        goods = make(GoodsReceived, quantity=6, inbound_id=None)
        order = make(OrderPlaced, event_id="2", quantity=3)
        rows = room.take(goods, order).movements() if same_batch else room.take(goods).movements()
        if not same_batch:
            rows += room.take(order).movements()
        assert [(row["outcome"], row["available_after"]) for row in rows] == [("APPLIED", 2), ("REJECTED", 2)]
        level = room.level(SKU)
        assert level is not None
        assert level["locations"][0]["safety_stock"] == 4
        assert [one["available_to_sell"] for one in level["availability"]] == [2, 2]


def test_re_evaluation_writes_nothing_when_decoded_values_were_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stock that was decoded twice is equal, not the same object: that is no change."""
    monkeypatch.setattr("streams.engine.table.DECODED_VALUES_KEPT", 2)
    room = stocked(Stockroom(), *(f"SKU-{number}" for number in range(20)))
    room.take(policy("p-1", "*", channels=cap(99)))
    assert settle(room) == [[]]


def test_channel_that_is_added_is_told_of_every_sku() -> None:
    """After a restart with one more channel it alone is told, also of SKUs that never move again."""
    room = stocked(Stockroom(), SKU, "SKU-2")
    room.take(make(GoodsReceived, event_id="3", sku="SKU-3", location_id="app", inbound_id=None))
    same = Stockroom(room.all)
    assert not same.agent.pending, "nothing has changed"
    more = Stockroom(room.all, channels=("app", "pos", "web"))
    told = {item for harvest in settle(more) for item in harvest.told()}
    assert told == {("app", SKU), ("app", "SKU-2"), ("app", "SKU-3")}
    level = more.level(SKU)
    assert level is not None
    assert [(one["channel_id"], one["version"]) for one in level["availability"]] == [
        ("app", 2),
        ("pos", 1),
        ("web", 1),
    ]
    assert not Stockroom(more.all, channels=("app", "pos", "web")).agent.pending


def test_policies_come_back_with_a_restart() -> None:
    """And what changed while nobody owned the partition is told by the new owner."""
    room = stocked(Stockroom(), SKU)
    room.take(policy("p-1", channels=cap(3)))
    again = Stockroom(room.all)
    assert again.agent.pending
    assert again.tick().told() == {("pos", SKU): 3, ("web", SKU): 3}
    assert Stockroom(again.all).tick() == []


def test_only_the_owner_tells_the_channels() -> None:
    """A policy for a SKU of somebody else's partition makes no work here."""
    room = stocked(Stockroom(), SKU)
    for partition in range(4):
        room.agent.revoked(partition)
    room.hear_globals(Harvest(room.take(policy("p-1", "*", channels=cap(3)))))
    assert not room.agent.pending


def test_misplaced_policy_is_sent_on() -> None:
    """Like any other record: the owner of its key decides."""
    room = Stockroom()
    record = room.record_of(policy("p-1"))
    misplaced = room.record(record.topic(), record.key(), record.value(), None, (record.partition() + 1) % 4)
    (sent,) = room.take(misplaced)
    assert (sent.topic, sent.partition, sent.value) == ("stock-policies", record.partition(), record.value())


def test_policy_that_makes_no_sense_is_a_dead_letter() -> None:
    """With its reason; what was in force stays."""
    room = stocked(Stockroom(), SKU)
    bad = policy("p-1", channels=(ChannelPolicy("web", share_basis_points=10_001),))
    (letter,) = room.take(bad)
    assert (letter.topic, letter.header("__streams.errors.exception")) == (
        "stock-policies-dlq",
        "INVALID_POLICY",
    )
    assert not room.agent.pending


def shelved(room: Stockroom, version: int = 1, **categories: str) -> None:
    """Let the catalogue say which SKU is in which category."""
    room.take(
        *(
            ItemDescribed(f"{sku}-{version}", "pim", sku, NOW + version, category=category)
            for sku, category in categories.items()
        )
    )


def test_policy_of_a_category_is_told_of_its_skus_alone() -> None:
    """Hot: the narrower category and the SKU's own document before it, all other SKUs as they were."""
    room = Stockroom()
    shelved(room, a="shoes/trainers", b="shoes/boots", c="shoes/trainers", d="hats")
    stocked(room, "a", "b", "c", "d")
    room.take(policy("p-1", "c", channels=cap(1)))
    settle(room)
    room.take(policy("p-2", "*/shoes", channels=cap(5)))
    told = {item: units for harvest in settle(room) for item, units in harvest.told().items()}
    assert told == {(channel, sku): 5 for channel in ("pos", "web") for sku in ("a", "b")}
    room.take(policy("p-3", "*/shoes/trainers", channels=cap(3)))
    told = {item: units for harvest in settle(room) for item, units in harvest.told().items()}
    assert told == {(channel, "a"): 3 for channel in ("pos", "web")}


def test_sku_that_changes_its_category_comes_under_that_categorys_policy() -> None:
    """It alone is re-evaluated; a document of its own goes on from the new category."""
    room = Stockroom()
    shelved(room, a="hats", b="hats", c="hats")
    stocked(room, "a", "b", "c")
    room.take(policy("p-1", "*/shoes", channels=cap(5)), policy("p-2", "c", safety_stock=6))
    settle(room)
    shelved(room, 2, a="shoes", c="shoes")
    told = {item: units for harvest in settle(room) for item, units in harvest.told().items()}
    assert told == {(channel, "a"): 5 for channel in ("pos", "web")}, "c has four units left"
    room.take(policy("p-3", "*/shoes", occurred_at=NOW + 1, channels=cap(2)))
    told = {item: units for harvest in settle(room) for item, units in harvest.told().items()}
    assert told == {(channel, sku): 2 for channel in ("pos", "web") for sku in ("a", "c")}


def test_a_sku_may_not_be_called_like_a_policy() -> None:
    """Its documents would be taken for those of a category, or of all SKUs."""
    room = Stockroom()
    letters = [stocked_letter for sku in ("*", "*/shoes") for stocked_letter in room.take(goods_of(sku))]
    assert [letter.header("__streams.errors.exception") for letter in letters] == ["INVALID_SKU"] * 2


def goods_of(sku: str) -> GoodsReceived:
    """A receipt of a SKU."""
    return make(GoodsReceived, event_id=sku, sku=sku, inbound_id=None)
