"""What can be told of encoded values without decoding them agrees with decoding them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.agents import stock_codec as codec
from streams.domain.stock import ChannelLevel, Level, Stock

NAMES = st.sampled_from(
    ["app", "pos", "web", "a", "\x06web", "app\x00"]
)  # Locations may be spelled like channels.
FIGURES = st.one_of(st.integers(0, 3), st.integers(-(10**9), 10**9))
TIMES = st.integers(0, 10**14)
LEVELS = st.builds(Level, NAMES, *[FIGURES] * 7)
CHANNELS = st.sets(st.sampled_from(["app", "pos", "web"]))


@given(
    st.lists(LEVELS, max_size=4), CHANNELS, CHANNELS, st.lists(FIGURES, min_size=6, max_size=6), TIMES, TIMES
)
def test_levels_that_tell_all_channels_are_recognised(
    levels: list[Level],
    told: set[str],
    asked: set[str],
    figures: list[int],
    occurred_at: int,
    updated_at: int,
) -> None:
    """Whatever the figures, and whatever locations are called."""
    availability = tuple(
        ChannelLevel(name, figures[2 * number], figures[2 * number + 1])
        for number, name in enumerate(sorted(told))
    )
    stock = Stock("SKU", 1, tuple(levels), availability, occurred_at, updated_at)
    expected = told == asked or not asked
    assert codec.tells_all(sorted(asked))(codec.encode_level(b"SKU", stock)) == expected
