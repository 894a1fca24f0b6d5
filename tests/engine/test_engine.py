"""The engine by itself, on the log in memory: what it refuses at start and what it does under steady load."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.engine.engine import Engine, EngineConfig
from streams.engine.errors import ConfigurationError, FencedError
from streams.engine.memory_log import MemoryCluster, MemoryLog, Process
from streams.engine.memory_log.producer import MemoryProducer
from streams.engine.seen import SLOTS_SWEPT
from tests.simulation.counting import (
    DEAD,
    GROUP,
    LEDGER,
    LEFT,
    RIGHT,
    RULES,
    SEEN,
    TOTALS,
    Counting,
    Event,
    SilentMonitor,
)

TOPICS = (LEFT, RIGHT, LEDGER, DEAD, SEEN, TOTALS, RULES)
WINDOW_HOURS = 2
HOUR_MS = 3_600_000
SLOTS = 65_536
SESSION_MS = 60_000  # Longer than any session of the log in memory.


def cluster_of(partitions: int = 1, **others: int) -> MemoryCluster:
    """A cluster with all topics; others have another number of partitions, or are missing with 0."""
    cluster = MemoryCluster()
    for topic in TOPICS:
        if count := others.get(topic, partitions):
            cluster.create_topic(topic, count)
    return cluster


def engine_on(cluster: MemoryCluster, worker_id: str = "worker-0", process: Process | None = None) -> Engine:
    """An engine that has not started."""
    config = EngineConfig(GROUP, worker_id, (LEFT, RIGHT), (LEDGER, DEAD), SEEN, WINDOW_HOURS, 50)
    return Engine(
        MemoryLog(cluster, process or Process(worker_id)),
        config,
        Counting(),
        SilentMonitor(),
        lambda: cluster.now_ms,
        lambda: cluster.now_ms / 1_000,
    )


def feed(cluster: MemoryCluster, *event_ids: str) -> None:
    """Write events of one unit each."""
    for event_id in event_ids:
        cluster.append(LEFT, 0, b"key", json.dumps(Event(event_id, "add", 1)).encode())


def run_until(engine: Engine, cluster: MemoryCluster, rows: int) -> None:
    """Step until the ledger has so many rows."""
    for _ in range(500):
        engine.step(0.0)
        cluster.tick(20)
        if len(cluster.committed(LEDGER)) >= rows:
            return
    raise AssertionError(f"the ledger has {len(cluster.committed(LEDGER))} rows, not {rows}")


@pytest.mark.parametrize("topic", [LEFT, LEDGER, SEEN, TOTALS])
def test_engine_refuses_to_run_without_a_topic(topic: str) -> None:
    """The message names it and says what to do."""
    with pytest.raises(ConfigurationError, match=f"{topic}; create them with `onhand topics`"):
        engine_on(cluster_of(**{topic: 0})).start()


@pytest.mark.parametrize("topic", [RIGHT, DEAD, SEEN, TOTALS])
def test_engine_refuses_topics_that_are_not_partitioned_alike(topic: str) -> None:
    """Partition p of each must belong to one worker (design D4)."""
    with pytest.raises(ConfigurationError, match=f"{topic} 3"):
        engine_on(cluster_of(2, **{topic: 3})).start()


def test_what_left_the_window_is_dropped_under_steady_load() -> None:
    """A worker that is never idle still rids itself of old identities, or it would grow for ever."""
    cluster = cluster_of()
    engine = engine_on(cluster)
    engine.start()
    old = [f"old-{number}" for number in range(300)]
    feed(cluster, *old)
    run_until(engine, cluster, len(old))
    assert engine.held()[SEEN] == len(old)
    cluster.tick((WINDOW_HOURS + 1) * HOUR_MS)
    busy = 0
    for number in range(4 * SLOTS // SLOTS_SWEPT):
        # Nothing is ever left unread when the engine asks.
        feed(cluster, *(f"new-{number}-{event}" for event in range(60)))
        busy += engine.step(0.0)
        cluster.tick(300)
    rows = len(cluster.committed(LEDGER)) - len(old)
    assert busy
    assert rows > 0
    assert engine.held()[SEEN] == rows


def test_what_is_still_in_the_window_counts_once_after_a_restart() -> None:
    """Identities come back with the table."""
    cluster = cluster_of()
    first = engine_on(cluster)
    first.start()
    feed(cluster, "a", "b")
    run_until(first, cluster, 2)
    first.close()
    second = engine_on(cluster)
    second.start()
    feed(cluster, "a", "c")
    run_until(second, cluster, 4)
    outcomes = [json.loads(record.value() or b"")[1] for record in cluster.committed(LEDGER)]
    assert outcomes == ["applied", "applied", "duplicate", "applied"]
    assert second.held() == {TOTALS: 1, SEEN: 3}


def test_identities_leave_before_what_they_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """They name the writer: a new owner that waits behind half a transaction finds whom to end."""
    produced: list[str] = []
    produce = MemoryProducer.produce

    def noting(producer: MemoryProducer, topic: str, *others: Any) -> None:
        produced.append(topic)
        produce(producer, topic, *others)

    monkeypatch.setattr(MemoryProducer, "produce", noting)
    cluster = cluster_of()
    engine = engine_on(cluster)
    engine.start()
    feed(cluster, "a")
    run_until(engine, cluster, 1)
    assert produced.index(SEEN) < produced.index(TOTALS)


def test_who_was_frozen_while_asked_to_leave_does_not_take_its_tables_for_up_to_date() -> None:
    """Others may have written meanwhile: the broker is asked before anything is parked, and the worker ends."""
    cluster = cluster_of()
    armed: list[Engine] = []

    def at_point(point: str) -> None:
        if armed and point == "before reader.end_offsets":
            successor = armed.pop()
            process.frozen = True
            cluster.tick(SESSION_MS)
            feed(cluster, "b")
            run_until(successor, cluster, 2)
            process.frozen = False

    process = Process("worker-0", at_point)
    first, second = engine_on(cluster, process=process), engine_on(cluster, "worker-1")
    first.start()
    feed(cluster, "a")
    run_until(first, cluster, 1)
    armed.append(second)
    second.start()
    with pytest.raises(FencedError):  # noqa: PT012 - it takes some steps until it hears of the other.
        for _ in range(500):
            if armed:
                second.step(0.0)
            first.step(0.0)
            cluster.tick(20)
