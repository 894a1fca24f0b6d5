"""Figures of benchmark runs: what a backlog's throughput and an event's latency come to."""

from __future__ import annotations

import pytest

from bench.figures import spread
from bench.peers.load import Timed
from bench.peers.measures import latency, measured_span, percentiles
from bench.peers.usage import at


def timed(*entries: tuple[int, int, float]) -> Timed:
    """Return entries of (SKU, ordinal or version, milliseconds)."""
    found = Timed.empty()
    for entry in entries:
        found.add(*entry)
    return found


def test_throughput_counts_from_a_tenth_of_the_backlog_to_its_end() -> None:
    """90 of 100 events in 900 ms are 100 a second, however long the first ten took."""
    progress = [(0, 1), (5_000, 9), *((5_000 + 10 * number, 1) for number in range(1, 91))]
    span = measured_span(progress, 100)
    assert (span.events, span.started, span.ended) == (90, 5_000, 5_900)
    assert span.events_per_second == pytest.approx(100.0)


def test_throughput_does_not_count_what_the_clock_finds() -> None:
    """A batch that is there when the clock starts took its time before."""
    span = measured_span([(1_000, 500), (1_000, 300), (2_000, 200)], 1_000)
    assert span.events_per_second == pytest.approx(200.0)


def test_throughput_takes_records_in_the_order_of_their_times() -> None:
    """Partitions are read one after the other, not in the order in which they were written."""
    progress = [(1_500, 50), (2_000, 40), (1_000, 10)]
    assert measured_span(progress, 100) == measured_span(sorted(progress), 100) == (90, 1_000, 2_000)


def test_a_backlog_that_never_ends_has_no_throughput() -> None:
    """Lost events must not make an engine fast."""
    with pytest.raises(ValueError, match="9 of 10 events"):
        measured_span([(0, 1), (10, 8)], 10)


def test_an_event_is_visible_with_the_first_state_that_has_it() -> None:
    """A state that tells of three events at once ends the wait of each, counted from its own start."""
    sent = timed((7, 1, 100.0), (7, 2, 110.0), (7, 3, 120.0), (7, 4, 130.0))
    seen = timed((7, 3, 150.0), (7, 4, 170.0))
    found = latency(sent, seen)
    assert (found.maximum_ms, found.unseen) == (50.0, 0)
    assert found.p50_ms == pytest.approx(40.0)  # Of 50, 40, 30 and 40.


def test_a_state_of_another_sku_or_an_older_version_shows_nothing() -> None:
    """Only a state of the same SKU, with this event in it, counts."""
    sent = timed((1, 5, 0.0), (1, 6, 10.0), (2, 1, 20.0))
    seen = timed((3, 9, 30.0), (1, 4, 40.0), (1, 6, 60.0), (2, 1, 70.0))
    assert latency(sent, seen) == percentiles([60.0, 50.0, 50.0], unseen=0)


def test_a_version_that_goes_backwards_does_not_end_a_wait_twice() -> None:
    """After a replay an engine may tell of old versions again; the first telling counts."""
    sent = timed((1, 1, 0.0), (1, 2, 0.0))
    seen = timed((1, 2, 10.0), (1, 1, 90.0), (1, 2, 95.0))
    assert latency(sent, seen).maximum_ms == 10.0


def test_events_that_never_show_are_counted() -> None:
    """They have no latency, and must not vanish for that."""
    assert latency(timed((1, 1, 0.0), (1, 2, 0.0), (1, 3, 0.0)), timed((1, 2, 5.0))).unseen == 1


def test_a_window_leaves_out_the_lead_and_the_tail() -> None:
    """Seconds count from the first event."""
    sent = timed((1, 1, 1_000.0), (2, 1, 1_999.0), (3, 1, 2_000.0), (4, 1, 3_999.0), (5, 1, 4_000.0))
    assert list(sent.between(1.0, 3.0).numbers) == [3, 4]


def test_usage_between_two_samples_lies_on_a_line() -> None:
    """A span begins and ends between samples; outside of all of them nothing is known to have been used."""
    moments, values = [100.0, 200.0, 300.0], [1.0, 2.0, 4.0]
    assert [at(moments, values, moment) for moment in (50.0, 150.0, 200.0, 275.0, 400.0)] == [
        1.0,
        1.5,
        2.0,
        3.5,
        4.0,
    ]


def test_spread_is_median_minimum_and_maximum() -> None:
    """What every figure is given as."""
    assert spread([3.0, 1.0, 8.0]) == {"median": 3.0, "minimum": 1.0, "maximum": 8.0}
