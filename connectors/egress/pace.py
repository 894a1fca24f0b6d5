"""How often a channel may be asked, and how long it is left alone when it fails."""

import random
import re
from collections.abc import Callable

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/([smh]))?")

BACKOFF_BASE_SECONDS = 0.5  # The first retry comes after half of this on average.
BACKOFF_LONGEST_SECONDS = 60.0  # A channel that is back should not wait longer than people would notice.
CIRCUIT_FAILURES = 5  # So many failures in a row are no hiccup.
CIRCUIT_OPEN_SECONDS = 30.0  # Then one item asks this often whether the channel is back.

Clock = Callable[[], float]
"""Monotonic seconds."""


def parse_rate(text: str) -> float:
    """Return requests per second of a rate such as 10, 10/s, 600/m or 10/h. Raises ValueError."""
    match = _RATE.fullmatch(text.strip())
    rate = float(match[1]) / UNIT_SECONDS[match[2] or "s"] if match else 0.0
    if rate <= 0:
        raise ValueError(f"{text!r} is no rate; write it as 10/s, 600/m or 10/h")
    return rate


class TokenBucket:
    """
    A budget of requests: tokens come at a rate per second, up to a capacity, and each request takes one.

    With the capacity of 1 requests are spaced evenly, which no channel's own way of counting can object to.
    """

    def __init__(self, rate_per_second: float | None, clock: Clock, capacity: float = 1.0) -> None:
        self._rate = rate_per_second
        self._capacity = capacity
        self._clock = clock
        self._tokens = capacity
        self._counted_at = clock()

    def wait_seconds(self) -> float:
        """Return how long it takes until a token is there; 0 when one is, or when there is no limit."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        """Take a token; wait_seconds() has said that it is there."""
        self._tokens -= 1.0


class Backoff:
    """
    Waits between tries: exponential with full jitter.

    Full jitter (any time from 0 to the exponential bound, AWS Architecture Blog, 2015) spreads clients that
    failed together better than any other kind.
    """

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def seconds(self, attempts: int) -> float:
        """Return how long to wait after so many attempts, from 1."""
        doublings = min(
            attempts - 1, 32
        )  # Beyond, the bound has long been reached, and floats would overflow.
        return self._source.uniform(0.0, min(BACKOFF_LONGEST_SECONDS, BACKOFF_BASE_SECONDS * 2.0**doublings))


class Circuit:
    """
    Whether a channel is asked at all: closed, open after failures in a row, then one probe at a time.

    Before it opens, each failure is followed by a backoff; a success closes it at once.
    """

    def __init__(
        self,
        clock: Clock,
        backoff: Backoff,
        failures: int = CIRCUIT_FAILURES,
        open_seconds: float = CIRCUIT_OPEN_SECONDS,
    ) -> None:
        self._clock = clock
        self._backoff = backoff
        self._limit = failures
        self._open_seconds = open_seconds
        self._failures = 0
        self._throttles = 0
        self._closed_until = 0.0

    @property
    def open(self) -> bool:
        """True while the channel counts as down; what is sent then is a probe."""
        return self._failures >= self._limit

    def wait_seconds(self) -> float:
        """Return how long the channel is to be left alone."""
        return max(0.0, self._closed_until - self._clock())

    def succeeded(self) -> None:
        """Note that the channel has worked."""
        self._failures = self._throttles = 0

    def failed(self, retry_after_seconds: float | None = None) -> None:
        """Note a failure of the channel as a whole, and how long it wants to be left alone, if it said so."""
        self._failures += 1
        rest = self._open_seconds if self.open else self._backoff.seconds(self._failures)
        self._rest(max(rest, retry_after_seconds or 0.0))

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        """Note that the channel asks for patience, which is no failure."""
        self._throttles += 1
        self._rest(
            self._backoff.seconds(self._throttles) if retry_after_seconds is None else retry_after_seconds
        )

    def _rest(self, seconds: float) -> None:
        self._closed_until = self._clock() + seconds
