"""What each channel may sell (semantics 9) and when it is told (semantics 11)."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.availability import available_to_sell, told, with_safety_stock
from streams.domain.policy import ChannelPlan, Plan, plain_plan
from streams.domain.stock import ChannelLevel, Level, Stock
from tests.domain.plans import CHANNELS, levels, plans, stocks
from tests.domain.shop import SKU


def plan_of(*channels: ChannelPlan, network_safety: int = 0) -> Plan:
    """A plan with these channels."""
    return Plan(channels, network_safety, plain=False)


def sells(locations: tuple[Level, ...], plan: Plan) -> dict[str, int]:
    """Units by channel."""
    return dict(available_to_sell(locations, plan))


def physical(locations: tuple[Level, ...], location_ids: frozenset[str] | None = None) -> int:
    """Units that can be promised at some locations, a deficit counting as nothing."""
    wanted = [level for level in locations if location_ids is None or level.location_id in location_ids]
    return sum(max(0, level.available) for level in wanted)


def test_more_promised_than_there_is_sells_nothing() -> None:
    """The example of semantics 9: on_hand 4, safety 2, reserved 3 gives 0, not -1."""
    locations = (Level("store", on_hand=4, safety_stock=2, reserved=3),)
    assert sells(locations, plain_plan(["web"])) == {"web": 0}


def test_without_policies_every_channel_sells_everything() -> None:
    """What is unsellable, reserved or held is taken off; what is incoming never counts."""
    locations = (Level("store", 10, 1, 2, 3, 0, 50), Level("warehouse", 5))
    assert sells(locations, plain_plan(CHANNELS)) == dict.fromkeys(CHANNELS, 9)


@pytest.mark.parametrize(
    ("rules", "units"),
    [
        (ChannelPlan("web"), 17),
        (ChannelPlan("web", frozenset({"store"})), 7),
        (ChannelPlan("web", frozenset()), 0),
        (ChannelPlan("web", share_basis_points=5_000), 8),
        (ChannelPlan("web", share_basis_points=0), 0),
        (ChannelPlan("web", buffer=5), 12),
        (ChannelPlan("web", buffer=50), 0),
        (ChannelPlan("web", cap=3), 3),
        (ChannelPlan("web", cap=0), 0),
        (ChannelPlan("web", ring_fence=4), 17),
        (ChannelPlan("web", share_basis_points=5_000, buffer=2, cap=9, ring_fence=4), 8),
        (ChannelPlan("web", share_basis_points=5_000, buffer=2, cap=6, ring_fence=4), 6),
        (ChannelPlan("web", share_basis_points=0, ring_fence=4), 4),
        (ChannelPlan("web", ring_fence=99), 17),
    ],
)
def test_each_rule_of_a_channel(rules: ChannelPlan, units: int) -> None:
    """min(cap, max(0, floor(pool x share) - buffer) + ring-fence), with 7 units here and 10 there."""
    assert sells((Level("store", 7), Level("warehouse", 10)), plan_of(rules)) == {"web": units}


def test_network_safety_is_kept_from_every_pool() -> None:
    """It comes off before the share is taken, and leaves ring-fences alone."""
    plan = plan_of(ChannelPlan("pos"), ChannelPlan("web", None, 5_000, ring_fence=2), network_safety=4)
    assert sells((Level("store", 20),), plan) == {"pos": 14, "web": 9}


def test_a_ring_fence_is_kept_from_the_others() -> None:
    """Units fenced for one channel are sold by that one only."""
    plan = plan_of(ChannelPlan("pos"), ChannelPlan("web", ring_fence=6))
    assert sells((Level("store", 10),), plan) == {"pos": 4, "web": 10}


def test_short_ring_fences_shrink_by_priority() -> None:
    """Priority 0 keeps its units first; of equal ones the first by name."""
    plan = plan_of(
        ChannelPlan("a", ring_fence=5, priority=1),
        ChannelPlan("b", ring_fence=5, priority=0),
        ChannelPlan("c", ring_fence=5, priority=1),
    )
    assert sells((Level("store", 8),), plan) == {"a": 3, "b": 5, "c": 0}


def test_a_ring_fence_holds_only_what_its_channel_can_reach() -> None:
    """A fence over the store's stock can't be filled from the warehouse."""
    plan = plan_of(ChannelPlan("web", frozenset({"store"}), ring_fence=5))
    assert sells((Level("store", 2), Level("warehouse", 9)), plan) == {"web": 2}


@given(levels(), plans())
def test_no_channel_is_ever_told_less_than_zero(locations: tuple[Level, ...], plan: Plan) -> None:
    """Nor more than its cap, nor more than is there at the locations that it sells from."""
    units = sells(locations, plan)
    assert list(units) == [channel.channel_id for channel in plan.channels]
    for channel in plan.channels:
        told_units = units[channel.channel_id]
        assert 0 <= told_units <= physical(locations, channel.location_ids)
        assert channel.cap is None or told_units <= channel.cap


@given(levels(), plans())
def test_a_deficit_never_hides_other_stock(locations: tuple[Level, ...], plan: Plan) -> None:
    """A location below zero counts as one with nothing, however deep the deficit."""
    emptied = tuple(
        level if level.available > 0 else Level(level.location_id, on_hand=-1_000) for level in locations
    )
    without = tuple(level for level in locations if level.available > 0)
    for plan_used in (plan, plain_plan(CHANNELS)):
        assert sells(locations, plan_used) == sells(emptied, plan_used) == sells(without, plan_used)


@given(levels(), plans())
def test_ring_fences_never_exceed_what_is_there(locations: tuple[Level, ...], plan: Plan) -> None:
    """With nothing but their fences to sell, all channels together are told no more than there is."""
    fenced_only = plan._replace(
        channels=tuple(channel._replace(share_basis_points=0, cap=None) for channel in plan.channels)
    )
    assert sum(sells(locations, fenced_only).values()) <= physical(locations)


@given(levels(), st.tuples(*(st.integers(0, 3_333) for _ in CHANNELS)), plans())
def test_shares_of_a_whole_never_sell_a_unit_twice(
    locations: tuple[Level, ...], shares: tuple[int, ...], plan: Plan
) -> None:
    """Channels that divide all locations among them are told no more than there is, fences included."""
    divided = plan._replace(
        channels=tuple(
            channel._replace(location_ids=None, share_basis_points=share)
            for channel, share in zip(plan.channels, shares, strict=True)
        )
    )
    assert sum(sells(locations, divided).values()) <= physical(locations)


@given(levels(), plans())
def test_formula_holds_when_ring_fences_fit(locations: tuple[Level, ...], plan: Plan) -> None:
    """Semantics 9 word by word, for channels that sell from everywhere."""
    plan = plan._replace(channels=tuple(channel._replace(location_ids=None) for channel in plan.channels))
    fences = sum(channel.ring_fence for channel in plan.channels)
    if fences > physical(locations):
        return
    pool = max(0, physical(locations) - fences - plan.network_safety)
    for channel in plan.channels:
        units = max(0, pool * channel.share_basis_points // 10_000 - channel.buffer) + channel.ring_fence
        assert sells(locations, plan)[channel.channel_id] == min(
            units, 10**9 if channel.cap is None else channel.cap
        )


@given(stocks(), plans())
def test_safety_stock_is_the_plans(stock: Stock, plan: Plan) -> None:
    """By location, else by *, else none; stock that has it already stays the same object."""
    changed = with_safety_stock(stock, plan)
    rules = plan.safety_stock or {}
    for before, after in zip(stock.locations, changed.locations, strict=True):
        kept_back = rules.get(before.location_id, rules.get("*", 0))
        assert after == before._replace(safety_stock=kept_back)
    assert changed._replace(locations=()) == stock._replace(locations=())
    assert with_safety_stock(changed, plan) is changed


@given(stocks(), plans(), levels(), plans())
def test_channels_are_told_of_changes_only(
    stock: Stock, plan: Plan, later: tuple[Level, ...], later_plan: Plan
) -> None:
    """News are exactly the channels whose units differ, under the new version; told twice is told once."""
    known, _ = told(stock, plan)
    stock = stock._replace(version=stock.version + 1, availability=known, locations=later)
    now, news = told(stock, later_plan)
    units = sells(later, later_plan)
    assert {level.channel_id: level.available_to_sell for level in now} == units
    changed = {level.channel_id for level in known if level.available_to_sell != units[level.channel_id]}
    assert {level.channel_id for level in news} == changed
    for level in now:
        assert level.version == (stock.version if level.channel_id in changed else stock.version - 1)
    assert told(stock._replace(availability=now), later_plan) == (now, ())


def test_a_channel_that_is_new_is_told_at_once() -> None:
    """Even of zero units; the others hear nothing."""
    stock = Stock(SKU, 4, (Level("store", -1),), (ChannelLevel("pos", 0, 2),))
    assert told(stock, plain_plan(["pos", "web"])) == (
        (ChannelLevel("pos", 0, 2), ChannelLevel("web", 0, 4)),
        (ChannelLevel("web", 0, 4),),
    )


@given(stocks(), plans())
def test_availability_changes_none_of_its_inputs(stock: Stock, plan: Plan) -> None:
    """Stock and plan are as they were, the plan's dictionary included."""
    copies = copy.deepcopy((stock, plan))
    with_safety_stock(stock, plan)
    assert told(stock, plan) == told(stock, plan)
    assert (stock, plan) == copies
