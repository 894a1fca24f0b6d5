"""Levels and plans at random, for the properties of availability."""

from __future__ import annotations

from hypothesis import strategies as st

from streams.domain.policy import ChannelPlan, Plan
from streams.domain.stock import Level, Stock
from tests.domain.shop import LOCATIONS, SKU

CHANNELS = ("marketplace", "pos", "web")
UNITS = st.integers(0, 60)


def levels() -> st.SearchStrategy[tuple[Level, ...]]:
    """Stock at some of the locations, each in order or in deep deficit."""
    figures = st.tuples(
        st.integers(-50, 100), st.integers(-5, 20), UNITS, st.integers(0, 5), st.just(0), UNITS
    )
    stocked = st.dictionaries(st.sampled_from(LOCATIONS), figures)
    return stocked.map(lambda found: tuple(sorted(Level(name, *numbers) for name, numbers in found.items())))


def channel_plans(channel_id: str) -> st.SearchStrategy[ChannelPlan]:
    """Any rules for one channel."""
    return st.builds(
        ChannelPlan,
        st.just(channel_id),
        st.none() | st.frozensets(st.sampled_from(LOCATIONS)),
        st.integers(0, 10_000),
        st.integers(0, 10),
        st.none() | UNITS,
        st.just(0) | st.integers(0, 80),
        st.integers(0, 2),
    )


def plans() -> st.SearchStrategy[Plan]:
    """Any rules for a SKU, safety stock included."""
    return st.builds(
        Plan,
        st.tuples(*map(channel_plans, CHANNELS)),
        st.integers(0, 10),
        st.none() | st.dictionaries(st.sampled_from([*LOCATIONS, "*"]), st.integers(0, 40)),
        st.just(False),
    )


def stocks() -> st.SearchStrategy[Stock]:
    """Any stock of which no channel has been told."""
    return st.builds(Stock, st.just(SKU), st.integers(1, 9), levels())
