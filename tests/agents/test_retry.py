"""The retry agent on the memory log: on time, in place, once, whatever crashes."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from streams.agents.dead_letters import MAX_RETRY_DELAY_MS, attempts, not_before
from streams.agents.retry import ABORT_DELAY_MS, SOURCE_OF, RetryAgent
from streams.engine.errors import AbortableLogError, FencedError
from streams.engine.memory_log import MemoryCluster, MemoryLog, MemoryRecord, Process, SimulatedCrash
from streams.settings import Settings

PARTITIONS = 3
SIMULATED_SEEDS = range(60)
STEP_MS = 50


def make_cluster(seed: int = 0, longest_marker_delay_ms: int = 0) -> MemoryCluster:
    """A cluster with every input and its retry topic."""
    cluster = MemoryCluster(random.Random(seed), longest_marker_delay_ms=longest_marker_delay_ms)
    for retry, source in SOURCE_OF.items():
        cluster.create_topic(retry, PARTITIONS)
        cluster.create_topic(source, PARTITIONS)
    return cluster


def make_agent(cluster: MemoryCluster, process: Process | None = None, worker_id: str = "w-0") -> RetryAgent:
    """A started agent of one process."""
    agent = RetryAgent(MemoryLog(cluster, process), Settings(worker_id=worker_id), lambda: cluster.now_ms)
    agent.start()
    return agent


def park(
    cluster: MemoryCluster, value: bytes, due_ms: object, partition: int = 0, topic: str = "stock-sales"
) -> None:
    """Put one event into a retry topic."""
    headers = [("ce_id", b"e"), ("retry-attempts", b"2"), ("not-before", str(due_ms).encode())]
    cluster.append(f"{topic}-retry", partition, b"sku", value, headers)


def run(cluster: MemoryCluster, agent: RetryAgent, milliseconds: int) -> int:
    """Let time pass and the agent work; returns how many events it gave back."""
    given = 0
    for _ in range(milliseconds // STEP_MS):
        given += agent.step(0.0)
        cluster.tick(STEP_MS)
    return given


def given_back(cluster: MemoryCluster) -> list[MemoryRecord]:
    """All events that stand in input topics."""
    return [record for topic in sorted(SOURCE_OF.values()) for record in cluster.committed(topic)]


def test_due_event_goes_back_as_it_came() -> None:
    """Same input topic, partition, key, value and headers; only the time to wait for is gone."""
    cluster = make_cluster()
    park(cluster, b"bytes", cluster.now_ms - 1, partition=2, topic="stock-returns")
    assert run(cluster, make_agent(cluster), 1_000) == 1
    (record,) = given_back(cluster)
    assert (record.topic(), record.partition()) == ("stock-returns", 2)
    assert (record.key(), record.value()) == (b"sku", b"bytes")
    assert list(record.headers() or ()) == [("ce_id", b"e"), ("retry-attempts", b"2")]
    assert attempts(record.headers()) == 2


def test_event_without_value_or_headers_goes_back_at_once() -> None:
    """Whatever stands in a retry topic is given back; judging it is the stock agent's business."""
    cluster = make_cluster()
    cluster.append("stock-sales-retry", 0, None, None, None)
    assert run(cluster, make_agent(cluster), 1_000) == 1
    assert given_back(cluster)[0].value() is None


def test_waiting_head_holds_its_partition_and_no_other() -> None:
    """One event that must wait long delays nobody in other partitions."""
    cluster = make_cluster()
    start = cluster.now_ms
    park(cluster, b"late", start + 10_000, partition=0)
    park(cluster, b"behind", start, partition=0)
    park(cluster, b"other", start, partition=1)
    agent = make_agent(cluster)
    run(cluster, agent, 2_000)
    assert [record.value() for record in given_back(cluster)] == [b"other"]
    assert agent.waiting == 1
    run(cluster, agent, 10_000)
    assert [record.value() for record in given_back(cluster)] == [b"late", b"behind", b"other"]
    assert agent.waiting == 0


def test_event_goes_back_soon_after_its_time_and_never_before() -> None:
    """The wait that a retry asked for is kept to the millisecond, give or take a poll."""
    cluster = make_cluster()
    due = cluster.now_ms + 3_210
    park(cluster, b"x", due)
    run(cluster, make_agent(cluster), 6_000)
    (record,) = given_back(cluster)
    assert 0 <= record.timestamp()[1] - due < 500


@pytest.mark.parametrize("damaged", ["soon", "", "-5", "99.9"])
def test_damaged_time_means_at_once(damaged: str) -> None:
    """A header that nobody can read must not park an event for ever."""
    cluster = make_cluster()
    park(cluster, b"x", damaged)
    assert run(cluster, make_agent(cluster), 1_000) == 1


def test_absurdly_late_time_ends_after_the_longest_wait() -> None:
    """A time in the year 33,658 blocks its partition for an hour, not for ever."""
    cluster = make_cluster()
    park(cluster, b"x", 10**15)
    agent = make_agent(cluster)
    assert run(cluster, agent, 60_000) == 0
    cluster.tick(MAX_RETRY_DELAY_MS)
    agent.step(0.0)  # The session has ended over this leap: the agent joins again and waits once more.
    for _ in range(MAX_RETRY_DELAY_MS // 1_000 + 60):
        agent.step(0.0)
        cluster.tick(1_000)
    assert [record.value() for record in given_back(cluster)] == [b"x"]


def test_aborted_batch_is_given_back_later_and_once() -> None:
    """A transaction that the cluster aborts is repeated from its first event, after a pause."""
    cluster = make_cluster()
    failures = iter([True, True])

    def fail(point: str) -> None:
        if point == "before producer.commit" and next(failures, False):
            raise AbortableLogError("injected")

    for value in (b"1", b"2", b"3"):
        park(cluster, value, cluster.now_ms)
    begun = cluster.now_ms
    run(cluster, make_agent(cluster, Process("p", fail)), 10_000)
    records = given_back(cluster)
    assert [record.value() for record in records] == [b"1", b"2", b"3"]
    assert records[-1].timestamp()[1] - begun >= 2 * ABORT_DELAY_MS


def test_overtaken_agent_is_fenced_and_writes_nothing() -> None:
    """A worker that was taken for dead must end, not give events back a second time."""
    cluster = make_cluster()
    first = make_agent(cluster)
    run(cluster, first, 200)
    park(cluster, b"x", cluster.now_ms)
    second = make_agent(cluster)
    with pytest.raises(FencedError):
        run(cluster, first, 1_000)
    run(cluster, second, 10_000)
    assert [record.value() for record in given_back(cluster)] == [b"x"]


class Crashes:
    """Ends a process at a random one of its calls, or aborts its transaction there."""

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self.on = True

    def __call__(self, point: str) -> None:
        """Pass a crash point, or not."""
        luck = self.generator.random()
        if self.on and luck < 0.01:
            raise SimulatedCrash(point)
        if self.on and luck < 0.03 and point in {"before producer.commit", "before producer.send_offsets"}:
            raise AbortableLogError(point)


def crash_and_restart(
    cluster: MemoryCluster, crashes: Crashes, worker_id: str, agent: RetryAgent | None
) -> RetryAgent | None:
    """Take one step with an agent, starting it first if there is none; None when it died."""
    try:
        agent = agent or make_agent(cluster, Process(worker_id, crashes), worker_id)
        agent.step(0.0)
    except (SimulatedCrash, FencedError):
        return None
    return agent


@pytest.mark.parametrize("seed", SIMULATED_SEEDS)
def test_every_event_goes_back_once_and_on_time_however_workers_crash(seed: int) -> None:
    """Two workers that crash and abort at any call lose no event, double none, and are early with none."""
    generator = random.Random(seed)
    cluster = make_cluster(seed, longest_marker_delay_ms=300)
    wanted: Counter[tuple[str, int, bytes]] = Counter()
    due: dict[bytes, int] = {}
    crashes = Crashes(generator)
    agents: dict[str, RetryAgent | None] = {"w-0": None, "w-1": None}
    for turn in range(6_000):
        if turn < 300 and generator.random() < 0.3:
            value = str(turn).encode()
            topic, partition = generator.choice(list(SOURCE_OF.values())), generator.randrange(PARTITIONS)
            due[value] = cluster.now_ms + generator.randrange(-1_000, 20_000)
            park(cluster, value, due[value], partition, topic)
            wanted[topic, partition, value] += 1
        crashes.on = turn < 2_000
        worker_id = generator.choice(list(agents))
        agents[worker_id] = crash_and_restart(cluster, crashes, worker_id, agents[worker_id])
        cluster.tick(generator.randrange(60))
    found = given_back(cluster)
    assert Counter((r.topic(), r.partition(), r.value()) for r in found) == wanted, f"seed {seed}"
    assert all(r.timestamp()[1] >= due[r.value() or b""] for r in found), f"seed {seed}"
    assert not any(not_before(r.headers()) for r in found), f"seed {seed}"
