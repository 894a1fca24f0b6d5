"""What the silence of sources means for channels (semantics 9)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.availability import available_to_sell
from streams.domain.freshness import exceeded, heard_plan
from streams.domain.policy import ChannelPlan, Plan, SourcesPlan
from streams.domain.stock import Level
from tests.domain.shop import LOCATIONS, NOW

SHELVES = tuple(Level(name, units) for name, units in zip(LOCATIONS, (1, 10, 100), strict=True))
SOURCES = {"store": SourcesPlan(frozenset({"till", "erp"})), "*": SourcesPlan(frozenset({"wms"}))}


def sells(silences: dict[str, int], *channels: ChannelPlan) -> list[int]:
    """Units by channel, with one in the store, ten in the warehouse and a hundred in the yard."""
    plan = Plan(channels, plain=False, sources=SOURCES)
    return [units for _, units in available_to_sell(SHELVES, heard_plan(plan, SHELVES, silences))]


def test_a_limit_is_exceeded_only_beyond_it() -> None:
    """The longest of several that are; a source that was never heard exceeds all."""
    assert exceeded(NOW - 60_000, NOW, (60, 90)) == 0
    assert exceeded(NOW - 60_001, NOW, (60, 90)) == 60
    assert exceeded(NOW - 90_001, NOW, (60, 90)) == 90
    assert exceeded(0, NOW, (60, 90)) == 90
    assert exceeded(0, NOW, ()) == 0


def test_a_silent_location_counts_as_empty_for_those_who_mind() -> None:
    """The store's till is silent: its unit is gone for the strict channel, and the warehouse's are not hidden."""
    strict, patient, careless = (
        ChannelPlan("a", maximum_staleness_seconds=60),
        ChannelPlan("b", maximum_staleness_seconds=90),
        ChannelPlan("c"),
    )
    assert sells({"till": 60}, strict, patient, careless) == [110, 111, 111]
    assert sells({"till": 90}, strict, patient, careless) == [110, 110, 111]
    assert sells({}, strict, patient, careless) == [111, 111, 111]


def test_every_source_of_a_location_must_be_heard() -> None:
    """Of two that speak for the store one is silent; who speaks for every other location speaks for both."""
    channel = ChannelPlan("a", maximum_staleness_seconds=60)
    assert sells({"erp": 60}, channel) == [110]
    assert sells({"wms": 60}, channel) == [1]
    assert sells({"till": 60, "wms": 60}, channel) == [0]
    assert sells({"somebody": 60}, channel) == [111]


def test_silence_narrows_where_a_channel_sells() -> None:
    """It never lets a channel sell from where it does not, nor from everywhere when nothing is left."""
    here = ChannelPlan("a", frozenset({"store"}), maximum_staleness_seconds=60)
    nowhere = ChannelPlan("b", frozenset(), maximum_staleness_seconds=60)
    assert sells({"till": 60}, here, nowhere) == [0, 0]
    assert sells({"wms": 60}, here, nowhere) == [1, 0]


def test_a_ring_fence_holds_nothing_of_a_silent_location() -> None:
    """Its channel can't sell there; the others keep what it leaves."""
    fenced = ChannelPlan("a", ring_fence=200, maximum_staleness_seconds=60)
    assert sells({"wms": 60}, fenced, ChannelPlan("b")) == [1, 110]


@given(st.dictionaries(st.sampled_from(["till", "erp", "wms", "else"]), st.sampled_from([30, 60, 90])))
def test_silence_never_lets_a_channel_sell_more(silences: dict[str, int]) -> None:
    """Without ring-fences, which move units between channels, it only takes away."""
    channels = tuple(ChannelPlan(name, None, 5_000, 3, maximum_staleness_seconds=60) for name in "ab")
    for units, all_heard in zip(sells(silences, *channels), sells({}, *channels), strict=True):
        assert units <= all_heard
