"""
One run of one engine: it drains a backlog, then its latency is measured at each rate, then all of it is checked.

The same process does all of it, so that what a virtual machine compiles is compiled when latency is measured.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers.check import Verdict, compare
from bench.peers.cluster import APPEND_TIMES, Cluster
from bench.peers.engines import Engine
from bench.peers.load import Generator, Reader
from bench.peers.measures import Latency, latency, measured_span
from bench.peers.outputs import Outputs, recompute
from bench.peers.peer import Peer, Place
from bench.peers.usage import Usage

FIRST_LOOK_SECONDS = 0.2
START_SECONDS = 60.0  # Until an engine has joined its group, on a busy machine.
SLOWEST_EVENTS_PER_SECOND = 500.0  # An engine that is slower has failed.
SETTLE_SECONDS = (
    30.0  # From the last event sent to its state: commit intervals of 5 s and what has queued up.
)
HEADROOM = 1.1  # At a rate that an engine can hardly drain, its latency only tells how long the load has run.
LEAD_SECONDS = 1.0  # The reader has found its leaders by then, and the start of its process is over.
TAIL_SECONDS = 0.5  # So that no event waits for a batch that nothing fills any more.
LEAD_SECONDS = 1.0  # The reader has found its leaders by then, and the start of its process is over.
TAIL_SECONDS = 0.5  # So that no event waits for a batch that nothing fills any more.
RESTART_RATE, RESTART_SECONDS = 200.0, 1.0  # A trickle that shows when a restarted engine is at work.


class Failed(Exception):
    """An engine did not do the work; the message says what was missing."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much work a run is: events of the backlog, SKUs, seconds at each rate and before it."""

    events: int
    skus: int
    rates: tuple[int, ...]
    seconds: float
    warm_up_seconds: float


@dataclass(slots=True)
class Run:
    """
    What one run of one engine measured.

    Throughput in events a second; latencies by rate, without those rates that it can't follow. Processor times are
    microseconds an event of the backlog; bytes are those of everything that it wrote to Kafka for one, compressed.
    """

    events_per_second: float
    processor_us_per_event: float
    broker_us_per_event: float
    bytes_per_event: float
    latencies: dict[int, Latency] = field(default_factory=dict)
    verdict: Verdict | None = None


def run(cluster: Cluster, engine: Engine, size: Size, name: str, seed: int) -> Run:
    """Measure one engine once. Raises Failed, or Skipped where it can't run; its topics are gone afterwards."""
    with _place(cluster, engine, name) as place:
        peer = Peer(engine, place)
        outputs = Outputs(place.bootstrap_servers, place.output)
        generator = Generator(place.bootstrap_servers, place.input, size.skus, seed)
        try:
            found = _drain(cluster, peer, place, generator, outputs, int(size.events * engine.backlog_share))
            rates = [rate for rate in size.rates if found.events_per_second > rate * HEADROOM]
            if rates and engine.latency_environment:
                _restart(peer, engine, generator, outputs)
            for rate in rates:
                found.latencies[rate] = _latency(peer, place, generator, outputs, rate, size)
            peer.stop()
            outputs.read()
            found.verdict = compare(
                recompute(place.bootstrap_servers, place.input).stocks(),
                outputs.stocks(),
                outputs.versions_backwards,
            )
        finally:
            peer.stop()
            generator.close()
            outputs.close()
        return found


@contextmanager
def _place(cluster: Cluster, engine: Engine, name: str) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="onhand-peer-") as folder:
        place = Place(cluster.bootstrap_servers, name, Path(folder))
        make_topics(cluster, engine, place)
        try:
            yield place
        finally:
            cluster.drop(cluster.topics(name))


def make_topics(cluster: Cluster, engine: Engine, place: Place) -> None:
    """Make the input and output topics, and those that the engine does not make by itself."""
    cluster.create(place.input)
    cluster.create(place.output, **APPEND_TIMES)
    for ending in engine.topics:
        cluster.create(place.topic(ending), **{"cleanup.policy": "compact"})


def _drain(
    cluster: Cluster, peer: Peer, place: Place, generator: Generator, outputs: Outputs, events: int
) -> Run:
    generator.backlog(events)
    peer.start()
    with Usage(lambda: peer.processor_seconds, lambda: cluster.processor_seconds) as usage:
        _wait_first(peer, outputs)
        _wait(peer, outputs, events, START_SECONDS + events / SLOWEST_EVENTS_PER_SECOND)
    span = measured_span(outputs.progress, events)
    engine_seconds, broker_seconds = usage.between(span.started, span.ended)
    written = [topic for topic in cluster.topics(place.run) if topic != place.input]
    return Run(
        events_per_second=span.events_per_second,
        processor_us_per_event=engine_seconds / span.events * 1e6,
        broker_us_per_event=broker_seconds / span.events * 1e6,
        bytes_per_event=cluster.bytes_of(written) / events,
    )


def _wait_first(peer: Peer, outputs: Outputs) -> None:
    """Wait until the engine writes, or fail soon."""
    deadline = time.monotonic() + START_SECONDS
    while not outputs.ends():
        _see_alive(peer)
        if time.monotonic() > deadline:
            raise Failed(f"nothing written after {START_SECONDS:.0f} s\n{peer.last_words()}")
        time.sleep(FIRST_LOOK_SECONDS)


def _wait(peer: Peer, outputs: Outputs, events: int, timeout_seconds: float) -> None:
    if not outputs.wait(events, timeout_seconds):
        _see_alive(peer)
        raise Failed(
            f"{events - outputs.applied} of {events} events are not in the output topic after "
            f"{timeout_seconds:.0f} s\n{peer.last_words()}"
        )


def _see_alive(peer: Peer) -> None:
    if not peer.running:
        raise Failed(f"the process ended\n{peer.last_words()}")


def _restart(peer: Peer, engine: Engine, generator: Generator, outputs: Outputs) -> None:
    peer.stop()
    peer.start(engine.latency_environment)
    generator.steady(RESTART_RATE, RESTART_SECONDS)
    _wait(peer, outputs, generator.sent, START_SECONDS)


def _latency(
    peer: Peer, place: Place, generator: Generator, outputs: Outputs, rate: int, size: Size
) -> Latency:
    generator.steady(rate, size.warm_up_seconds)
    reader = Reader(place.bootstrap_servers, place.output)
    measured_until = LEAD_SECONDS + size.seconds
    sent = generator.steady(rate, measured_until + TAIL_SECONDS).between(LEAD_SECONDS, measured_until)
    try:
        _wait(peer, outputs, generator.sent, SETTLE_SECONDS)
    finally:
        seen = reader.stop()
    return latency(sent, seen)


def wrong(runs: Sequence[Run]) -> int:
    """Return the number of wrong SKUs over runs."""
    return sum(run.verdict.wrong_skus for run in runs if run.verdict is not None)
