"""Budgets, backoff and the circuit, on a clock of the test's own."""

import random

import pytest

from connectors.egress.pace import BACKOFF_LONGEST_SECONDS, Backoff, Circuit, TokenBucket, parse_rate


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Longest(random.Random):
    """Jitter that always takes the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        """Return the longest wait."""
        return b


@pytest.mark.parametrize(
    ("text", "per_second"), [("10", 10), ("10/s", 10), ("600/m", 10), ("36/h", 0.01), (" 0.5/s", 0.5)]
)
def test_rates_are_read_as_people_write_them(text: str, per_second: float) -> None:
    """Per second, minute or hour."""
    assert parse_rate(text) == pytest.approx(per_second)


@pytest.mark.parametrize("text", ["", "fast", "0", "0/s", "-1/s", "10/d", "10 per s", "nan", "1e9/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match="write it as 10/s"):
        parse_rate(text)


def test_a_budget_is_never_exceeded_in_any_second() -> None:
    """Ten a second, whenever one looks: also after a long silence."""
    clock = Clock()
    bucket = TokenBucket(10.0, clock)
    sent: list[float] = []
    clock.now += 3_600.0
    while len(sent) < 100:
        wait = bucket.wait_seconds()
        clock.now += wait
        if wait == 0.0:
            bucket.take()
            sent.append(clock.now)
    assert all(later - earlier >= 0.999 for earlier, later in zip(sent, sent[10:], strict=False))
    assert sent[-1] - sent[0] == pytest.approx(9.9, abs=0.01)


def test_no_rate_is_no_wait() -> None:
    """Without a budget every request may go at once."""
    bucket = TokenBucket(None, Clock())
    for _ in range(100):
        assert bucket.wait_seconds() == 0.0
        bucket.take()


def test_backoff_doubles_with_full_jitter_up_to_a_bound() -> None:
    """Any time from 0 to the bound, which doubles and ends."""
    assert [Backoff(Longest()).seconds(attempts) for attempts in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert Backoff(Longest()).seconds(10_000) == BACKOFF_LONGEST_SECONDS
    drawn = [Backoff(random.Random(seed)).seconds(4) for seed in range(200)]
    assert min(drawn) < 0.4
    assert max(drawn) > 3.6


def test_a_circuit_opens_after_failures_in_a_row_and_closes_at_a_success() -> None:
    """Until then each failure is followed by a backoff; open, by the long rest."""
    clock = Clock()
    circuit = Circuit(clock, Backoff(Longest()), failures=3, open_seconds=30.0)
    waits = []
    for _ in range(4):
        circuit.failed()
        waits.append((circuit.open, circuit.wait_seconds()))
        clock.now += circuit.wait_seconds()
    assert waits == [(False, 0.5), (False, 1.0), (True, 30.0), (True, 30.0)]
    circuit.succeeded()
    assert (circuit.open, circuit.wait_seconds()) == (False, 0.0)
    circuit.failed()
    assert circuit.wait_seconds() == 0.5


def test_the_channels_own_wish_counts_when_it_is_longer() -> None:
    """Retry-After with a failure; never shorter than our own backoff."""
    circuit = Circuit(Clock(), Backoff(Longest()))
    circuit.failed(7.0)
    assert circuit.wait_seconds() == 7.0
    circuit.failed(0.0)
    assert circuit.wait_seconds() == 1.0


def test_throttling_waits_as_asked_and_never_opens_the_circuit() -> None:
    """A channel that asks for patience is alive."""
    clock = Clock()
    circuit = Circuit(clock, Backoff(Longest()), failures=2)
    for _ in range(10):
        circuit.throttled(3.0)
        assert circuit.wait_seconds() == 3.0
        clock.now += 3.0
    assert not circuit.open
