"""The common work on Onhand's engine, on the log in memory: what peers are measured against is itself exactly once."""

from __future__ import annotations

from itertools import islice

from bench.peers.check import compare
from bench.peers.onhand_common import CommonWork, Quiet
from bench.peers.work import PARTITIONS, Events, Recomputed, decode_state
from streams.engine.engine import Engine, EngineConfig
from streams.engine.memory_log import MemoryCluster, MemoryLog, Process

EVENTS, SKUS, BATCH = 400, 30, 25
INPUT, OUTPUT, CHANGELOG, SEEN = "events", "states", "changelog", "changelog-seen"


def cluster_with_events() -> tuple[MemoryCluster, Recomputed]:
    """A cluster with a backlog, and what it comes to."""
    cluster, recomputed = MemoryCluster(), Recomputed()
    for topic in (INPUT, OUTPUT, CHANGELOG, SEEN):
        cluster.create_topic(topic, PARTITIONS)
    for event in islice(Events(SKUS, seed=1), EVENTS):
        cluster.append(INPUT, event.partition, event.key, event.value)
        recomputed.take(event.value)
    return cluster, recomputed


def engine_on(cluster: MemoryCluster, process: Process) -> Engine:
    """A started engine with the common work."""
    engine = Engine(
        MemoryLog(cluster, process),
        EngineConfig("common", "worker-0", (INPUT,), (OUTPUT,), SEEN, batch_max_records=BATCH),
        CommonWork(CHANGELOG, OUTPUT),
        Quiet(),
        lambda: cluster.now_ms,
        lambda: cluster.now_ms / 1_000,
    )
    engine.start()
    return engine


def run(engine: Engine, cluster: MemoryCluster, steps: int) -> None:
    """Step a number of times."""
    for _ in range(steps):
        engine.step(0.0)
        cluster.tick(20)


def test_common_work_comes_to_what_is_recomputed_after_a_restart_in_the_middle() -> None:
    """State restored from the changelog goes on where the offsets are; output and changelog have the same bytes."""
    cluster, recomputed = cluster_with_events()
    first = engine_on(cluster, Process("first"))
    run(first, cluster, 12)
    written = len(cluster.committed(OUTPUT))
    assert written > 0
    first.close()
    second = engine_on(cluster, Process("second"))
    run(second, cluster, 200)
    assert len(cluster.committed(OUTPUT)) > written
    outputs = [(record.key(), record.value()) for record in cluster.committed(OUTPUT)]
    found = dict(decode_state(value) for _, value in outputs if value is not None)
    assert compare(recomputed.stocks(), found).right
    assert sorted(outputs) == sorted((one.key(), one.value()) for one in cluster.committed(CHANGELOG))
