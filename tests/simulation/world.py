"""
One simulated installation under a seeded schedule of faults.

Everything random comes from the seed, so the same seed is the same run, call by call. Workers are the real engine
with a real agent on the log in memory; what is simulated is the cluster, the clock and the scheduler.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

from streams.engine.errors import EngineError
from streams.engine.memory_log import MemoryCluster, MemoryLog, SimulatedCrash
from tests.simulation.faults import Fault, FaultyProcess

MOST_WORKERS = 4
SESSION_TIMEOUT_MS = 6_000
TRANSACTION_TIMEOUTS_MS = (10_000, 20_000)
LONG_FREEZE_MS = 7_000  # Past the session: the worker is expelled while it sleeps.
VERY_LONG_FREEZE_MS = 10_001  # Past the shorter time-out of transactions too.
MARKER_DELAYS_MS = (0, 50, 1_000, 5_000)
WEATHER = (0.2, 1, 1, 5)  # How much less or more likely than usual each action is under one seed.
NESTED_ACTIONS = 6
TAKEOVER_STEPS = 30  # Enough for three workers to hear of a rebalance, join, restore and apply.
HEALING_ROUNDS = 400  # A few dozen are enough for a sound engine; past this it will never drain.
HEALING_TICK_MS = 700  # Longer than a tick of the engine; ten let the sessions of the dead end.
DAY_MS = 86_400_000
EVENINGS_MS = (2_000, 5_000, 10_000)  # Schedules that begin so long before midnight see a day end.
QUIET_ROUNDS = 3  # Rounds without anything left to read, so that ticks have acted too.


class Input(NamedTuple):
    """A record that a source writes, without any transaction."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class SimulatedWorker(Protocol):
    """The code of one worker process."""

    def start(self) -> None: ...
    def step(self) -> None: ...
    def close(self) -> None: ...
    def serves(self) -> frozenset[int]:
        """Return the partition numbers that it owns, has restored, and has nothing left to do for."""


class Scenario(Protocol):
    """What the workers do, what they are fed, and how to tell that they did it right."""

    @property
    def name(self) -> str:
        """Return the name that a replay is asked for with."""

    partitions: int
    """How many partitions there are, each of which somebody must serve in the end; known after topics()."""

    @property
    def compacted(self) -> Sequence[str]:
        """Return the topics that are compacted."""

    @property
    def inputs_by_group(self) -> Mapping[str, Sequence[str]]:
        """Return the topics that each consumer group must have read to their end before the run is over."""

    def topics(self, generator: random.Random) -> dict[str, int]:
        """Return the number of partitions by topic."""

    def inputs(self, generator: random.Random, now_ms: int) -> list[Input]:
        """Return what sources write, in order, duplicates and poison included."""

    def worker(self, log: MemoryLog, worker_id: str, cluster: MemoryCluster) -> SimulatedWorker:
        """Return a worker that has not started."""

    def check(self, cluster: MemoryCluster, inputs: Sequence[Input]) -> None:
        """Raise AssertionError unless all inputs have come to exactly what they should."""


@dataclass(slots=True, eq=False)
class Slot:
    """One incarnation of a worker; busy while its step is on the stack."""

    worker_id: str
    process: FaultyProcess
    worker: SimulatedWorker
    busy: bool = False


class SimulationFailed(AssertionError):
    """The run broke a rule; the message names the seed and how to replay it."""


class World:
    """A cluster, its workers and the schedule of one seed."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.trace: list[str] = []
        self.random = random.Random(seed)
        self.cluster = MemoryCluster(
            self.random,
            longest_marker_delay_ms=self.random.choice(MARKER_DELAYS_MS),
            session_timeout_ms=SESSION_TIMEOUT_MS,
            transaction_timeout_ms=self.random.choice(TRANSACTION_TIMEOUTS_MS),
        )
        if self.random.random() < 0.5:
            to_midnight_ms = -self.cluster.now_ms % DAY_MS
            self.cluster.tick(to_midnight_ms - self.random.choice(EVENINGS_MS))
        for name, partitions in scenario.topics(self.random).items():
            self.cluster.create_topic(name, partitions)
        self.inputs = scenario.inputs(self.random, self.cluster.now_ms)
        self.fed = 0
        self.slots: list[Slot] = []
        self._incarnations = 0
        # Each seed has a weather of its own (swarm testing): mostly crashes here, mostly frozen workers there.
        weather = [weight * self.random.choice(WEATHER) for _, weight in _ACTIONS]
        self._weights = list(accumulate(weather))
        self._faults = self.random.sample(list(Fault), self.random.randint(1, len(Fault)))

    def run(self) -> None:
        """Run the schedule, heal what is broken, let all be read, and check the outcome."""
        for number in range(self.random.randint(1, MOST_WORKERS)):
            self._start(f"w{number}")
        for _ in range(self.random.randint(30, 90)):
            self.act()
        self._heal()
        self.scenario.check(self.cluster, self.inputs)

    # --- the schedule ---

    def act(self, depth: int = 0) -> None:
        """Do one random thing."""
        self.random.choices(_CALLS, cum_weights=self._weights)[0](self, depth)

    def _step_some(self, depth: int) -> None:
        ready = [slot for slot in self.slots if slot.process.running and not slot.busy]
        if ready:
            self._step(self.random.choice(ready), depth)

    def _feed(self, _depth: int) -> None:
        count = min(self.random.randint(1, 8), len(self.inputs) - self.fed)
        for item in self.inputs[self.fed : self.fed + count]:
            self.cluster.append(item.topic, item.partition, item.key, item.value)
        self.fed += count
        self.note(f"feed {count} records")

    def _pass_time(self, _depth: int) -> None:
        milliseconds = self.random.choice((1, 20, 100, 300, 1_000))
        self.cluster.tick(milliseconds)
        self.note(f"{milliseconds} ms pass")

    def _pass_much_time(self, _depth: int) -> None:
        milliseconds = self.random.choice((LONG_FREEZE_MS, LONG_FREEZE_MS, VERY_LONG_FREEZE_MS))
        self.cluster.tick(milliseconds)
        self.note(f"{milliseconds} ms pass")

    def _arm(self, _depth: int) -> None:
        running = [slot for slot in self.slots if slot.process.running]
        if running:
            slot, fault = self.random.choice(running), self.random.choice(self._faults)
            slot.process.arm(fault, self.random)
            self.note(f"{slot.process.name}: {fault} ahead")

    def _kill(self, _depth: int) -> None:
        idle = [slot for slot in self.slots if not slot.busy]
        if idle:
            slot = self.random.choice(idle)
            self.note(f"{slot.process.name}: killed")
            self._remove(slot)

    def _freeze_or_thaw(self, _depth: int) -> None:
        idle = [slot for slot in self.slots if not slot.busy]
        if idle:
            slot = self.random.choice(idle)
            slot.process.frozen = not slot.process.frozen
            self.note(f"{slot.process.name}: {'frozen' if slot.process.frozen else 'thawed'}")

    def _outlive(self, depth: int) -> None:
        """Freeze a worker past its session, let others take over, thaw it and let it go on at once."""
        ready = [slot for slot in self.slots if slot.process.running and not slot.busy]
        if ready:
            slot = self.random.choice(ready)
            slot.process.frozen = True
            self.note(f"{slot.process.name}: frozen")
            self._others_take_over(depth)
            slot.process.frozen = False
            self.note(f"{slot.process.name}: thawed")
            self._step(slot, depth)

    def _others_take_over(self, depth: int) -> None:
        self._pass_much_time(depth)
        for _ in range(self.random.randint(0, TAKEOVER_STEPS)):
            self._step_some(depth)
            if self.random.random() < 0.2:
                self._pass_time(depth)

    def _start_some(self, _depth: int) -> None:
        """Start a worker, perhaps under the id of one that is only frozen, as a hasty supervisor would."""
        worker_id = f"w{self.random.randrange(MOST_WORKERS)}"
        if not any(slot.worker_id == worker_id and slot.process.running for slot in self.slots):
            self._start(worker_id)

    def _stop_some(self, depth: int) -> None:
        ready = [slot for slot in self.slots if slot.process.running and not slot.busy]
        if ready:
            slot = self.random.choice(ready)
            self.note(f"{slot.process.name}: stops")
            self._guarded(slot, slot.worker.close, depth)
            self._remove(slot)

    def _delay_markers(self, _depth: int) -> None:
        self.cluster.transactions.delay(2_000)
        self.note("markers delayed")

    def _compact(self, _depth: int) -> None:
        topic = self.random.choice(self.scenario.compacted)
        self.cluster.compact(topic)
        self.note(f"{topic} compacted")

    # --- workers ---

    def _start(self, worker_id: str) -> None:
        self._incarnations += 1
        process = FaultyProcess(f"{worker_id}#{self._incarnations}", self._freeze_inside, self.note)
        worker = self.scenario.worker(MemoryLog(self.cluster, process), worker_id, self.cluster)
        slot = Slot(worker_id, process, worker)
        self.slots.append(slot)
        self.note(f"{process.name}: starts")
        self._guarded(slot, worker.start, 0)

    def _step(self, slot: Slot, depth: int) -> None:
        self.note(f"{slot.process.name}: step")
        self._guarded(slot, slot.worker.step, depth)

    def _guarded(self, slot: Slot, call: Callable[[], None], _depth: int) -> None:
        """Run some code of a worker; what ends a process ends it here."""
        slot.busy = True
        try:
            call()
        except SimulatedCrash:
            self._remove(slot)
        except EngineError as error:
            self.note(f"{slot.process.name}: ends with {type(error).__name__}: {error}")
            self._remove(slot)
        finally:
            slot.busy = False

    def _remove(self, slot: Slot) -> None:
        slot.process.kill()
        if slot in self.slots:
            self.slots.remove(slot)

    def _freeze_inside(self, process: FaultyProcess, _point: str) -> None:
        """Stop a process in the middle of a call while the others go on."""
        process.frozen = True
        depth = sum(slot.busy for slot in self.slots)
        for _ in range(self.random.randint(1, NESTED_ACTIONS)):
            self.act(depth)
        if self.random.random() < 0.5:
            self._others_take_over(depth)
        process.frozen = False
        self.note(f"{process.name}: thawed")

    # --- the end ---

    def _heal(self) -> None:
        """Undo all faults, feed what is left, and step until nothing is left to read for a while."""
        self.note("healing")
        for slot in self.slots:
            slot.process.disarm()
            slot.process.frozen = False
        for item in self.inputs[self.fed :]:
            self.cluster.append(item.topic, item.partition, item.key, item.value)
        self.fed = len(self.inputs)
        quiet = 0
        for _ in range(HEALING_ROUNDS):
            if not self.slots:
                self._start("w0")
            for slot in list(self.slots):
                self._step(slot, 0)
            self.cluster.tick(HEALING_TICK_MS)
            quiet = quiet + 1 if self._drained() else 0
            if quiet == QUIET_ROUNDS:
                return
        raise AssertionError("not everything was read: the workers are stuck")

    def _drained(self) -> bool:
        served = frozenset[int]().union(*(slot.worker.serves() for slot in self.slots))
        if len(served) < self.scenario.partitions or self.cluster.transactions.pending():
            return False
        for group_id, topics in self.scenario.inputs_by_group.items():
            group = self.cluster.group(group_id)
            for topic, count in self.cluster.partition_counts(topics).items():
                for number in range(count):
                    partition = (topic, number)
                    if self.cluster.log(partition).committed(group.offset(partition) or 0, 1)[0]:
                        return False
        return True

    def note(self, text: str) -> None:
        """Add to the trace that a failure prints."""
        self.trace.append(f"{self.cluster.now_ms % 10_000_000:>8} {text}")


_ACTIONS: Sequence[tuple[Callable[[World, int], None], int]] = (
    (World._step_some, 40),
    (World._feed, 10),
    (World._pass_time, 12),
    (World._pass_much_time, 1),
    (World._arm, 8),
    (World._kill, 1),
    (World._freeze_or_thaw, 2),
    (World._outlive, 1),
    (World._start_some, 4),
    (World._stop_some, 1),
    (World._delay_markers, 2),
    (World._compact, 2),
)
"""What can happen, and how often beside the others."""
_CALLS = [call for call, _ in _ACTIONS]


def simulate(scenario: Scenario, seed: int) -> World:
    """Run one schedule. Raises SimulationFailed, which tells the seed, the rule and the last things that happened."""
    world = World(scenario, seed)
    try:
        world.run()
    except Exception as error:  # Whatever goes wrong in there is found by this seed, so it must be told.
        last = "\n".join(world.trace[-60:])
        raise SimulationFailed(
            f"seed {seed} of {type(scenario).__name__}: {type(error).__name__}: {error}\n{last}\n"
            f"replay: python -m tests.simulation {scenario.name} --seed {seed}"
        ) from error
    return world
