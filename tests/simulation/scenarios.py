"""The scenarios by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.counting import CountingScenario
from tests.simulation.feeds import FeedScenario
from tests.simulation.stock import StockScenario
from tests.simulation.world import Scenario

SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "counting": CountingScenario,
    "feeds": FeedScenario,
    "stock": StockScenario,
}
