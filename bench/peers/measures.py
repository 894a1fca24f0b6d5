"""Figures of runs: throughput from append times, latency of every event, and what repeats come to."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from bench.peers.load import Timed

WARM_UP_SHARE = (
    0.1  # Of the backlog, before the clock starts: first fetches, and what a virtual machine compiles.
)


class Latency(NamedTuple):
    """Milliseconds from an event handed to its producer to a state that has it, and how many were never seen."""

    p50_ms: float
    p99_ms: float
    maximum_ms: float
    unseen: int


class Span(NamedTuple):
    """A part of a drained backlog: events, and the milliseconds since 1970 between which they were written."""

    events: int
    started: int
    ended: int

    @property
    def events_per_second(self) -> float:
        """Throughput."""
        return self.events / max(1, self.ended - self.started) * 1_000


def measured_span(progress: Sequence[tuple[int, int]], events: int) -> Span:
    """
    Return the part of a drained backlog whose time counts.

    progress gives (milliseconds, events) of each output record. The clock runs from when a tenth of the events is in
    the output topic to when all are, by the broker's own time. Raises ValueError when they never are.
    """
    ordered = sorted(progress)
    totals = list(accumulate(count for _, count in ordered))
    if not totals or totals[-1] < events:
        raise ValueError(f"{totals[-1] if totals else 0} of {events} events are in the output topic")
    warm = next(index for index, total in enumerate(totals) if total >= events * WARM_UP_SHARE)
    started = ordered[warm][0]
    # All that was appended in that millisecond was there when the clock started.
    while warm + 1 < len(ordered) and ordered[warm + 1][0] == started:
        warm += 1
    ended = next(moment for (moment, _), total in zip(ordered, totals, strict=True) if total >= events)
    return Span(events - totals[warm], started, ended)


def latency(sent: Timed, seen: Timed) -> Latency:
    """
    Return the latency of every event that was sent: to the first state of its SKU that has it.

    An engine may tell of several events of a SKU at once; each counts from its own start.
    """
    arrivals: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for number, version, moment in zip(*seen, strict=True):
        told = arrivals[number]
        if not told or version > told[-1][0]:
            told.append((version, moment))
    positions: dict[int, int] = defaultdict(int)
    found: list[float] = []
    for number, ordinal, moment in zip(*sent, strict=True):
        told, position = arrivals.get(number, []), positions[number]
        while position < len(told) and told[position][0] < ordinal:
            position += 1
        positions[number] = position
        if position < len(told):
            found.append(told[position][1] - moment)
    return percentiles(found, unseen=len(sent.moments) - len(found))


def percentiles(milliseconds: Sequence[float], unseen: int) -> Latency:
    """Return median, 99th percentile and maximum; raises ValueError when there is nothing to tell of."""
    if len(milliseconds) < 2:
        raise ValueError("no event became visible in time")
    parts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return Latency(parts[49], parts[98], max(milliseconds), unseen)
