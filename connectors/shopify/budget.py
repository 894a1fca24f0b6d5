"""Shopify's budget: each query costs points, which come back at a rate, up to a bucketful."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

POINTS_MAXIMUM = 1_000.0  # What the smallest plans have; the first answer says what this shop's has.
POINTS_PER_SECOND = 50.0


class Cost(NamedTuple):
    """What an answer says of costs: what was asked for, what is left, the bucket's size, and points a second."""

    requested: float
    available: float
    maximum: float
    restored_per_second: float


def cost_of(body: Mapping[str, Any]) -> Cost | None:
    """Return the cost that stands in an answer's extensions; None if it does not say it."""
    try:
        cost = body["extensions"]["cost"]
        throttle = cost["throttleStatus"]
        return Cost(
            float(cost["requestedQueryCost"]),
            float(throttle["currentlyAvailable"]),
            float(throttle["maximumAvailable"]),
            max(1.0, float(throttle["restoreRate"])),
        )
    except (KeyError, TypeError, ValueError):
        return None


class PointBudget:
    """
    Points that are left, as the channel's latest answer said, and what has come back since.

    What a query will cost is what the like of it cost last; the first of its kind is sent on trust, and throttled if
    that was wrong. Times are monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._points = self._maximum = POINTS_MAXIMUM
        self._per_second = POINTS_PER_SECOND
        self._counted_at = clock()
        self._costs: dict[str, float] = {}

    def wait_seconds(self, operation: str) -> float:
        """Return how long it takes until a query can be afforded; one that costs more than a bucketful goes at full."""
        cost = min(self._costs.get(operation, 0.0), self._maximum)
        return max(0.0, (cost - self._now()) / self._per_second)

    def learn(self, operation: str, cost: Cost) -> None:
        """Take over what an answer says."""
        self._costs[operation] = cost.requested
        self._maximum, self._per_second = cost.maximum, cost.restored_per_second
        self._points, self._counted_at = min(cost.available, cost.maximum), self._clock()

    def _now(self) -> float:
        return min(self._maximum, self._points + (self._clock() - self._counted_at) * self._per_second)
