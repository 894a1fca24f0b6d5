"""The simulation can fail: with any rule of the design broken, it says so within some hundred seeds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.simulation.counting import CountingScenario
from tests.simulation.feed_mutations import FEED_MUTATIONS
from tests.simulation.feeds import FeedScenario
from tests.simulation.mutations import MUTATIONS, STOCK_MUTATIONS
from tests.simulation.stock import StockScenario
from tests.simulation.world import Scenario, SimulationFailed, simulate

MOST_SEEDS = (
    3_000  # The rarest needs about 250 on average; this many makes a miss a matter of e to the minus 12.
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the engine's log out of it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(600)  # Found within seconds; only a miss takes minutes.
@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_rule_is_found(name: str) -> None:
    """Some seed fails under the mutation, keeps every rule without it, and says how to be replayed."""
    seed, failure = first_failure(name, CountingScenario)
    assert f"replay: python -m tests.simulation counting --seed {seed}" in failure
    simulate(CountingScenario(), seed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [
        "restore_to_last_stable_offset",
        "no_rewind_after_abort",
        "offsets_not_in_the_transaction",
        "pending_offsets_ignored",
        *STOCK_MUTATIONS,
    ],
)
def test_broken_rule_is_found_in_stock(name: str) -> None:
    """Verification of real stock notices too, with a few rules as a sample: its schedules take longer."""
    seed, failure = first_failure(name, StockScenario)
    assert f"replay: python -m tests.simulation stock --seed {seed}" in failure
    simulate(StockScenario(), seed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FEED_MUTATIONS)
def test_broken_rule_is_found_in_feeds(name: str) -> None:
    """What keeps a feed right through aborts, takeovers and late deltas."""
    seed, failure = first_failure(name, FeedScenario)
    assert f"replay: python -m tests.simulation feeds --seed {seed}" in failure
    simulate(FeedScenario(), seed)


def first_failure(name: str, scenario: Callable[[], Scenario]) -> tuple[int, str]:
    """Return the first seed that fails under a mutation, and what it says."""
    with (MUTATIONS | STOCK_MUTATIONS | FEED_MUTATIONS)[name]():
        for seed in range(MOST_SEEDS):
            try:
                simulate(scenario(), seed)
            except SimulationFailed as failure:
                return seed, str(failure)
    raise AssertionError(f"{MOST_SEEDS} seeds have not found {name}")
