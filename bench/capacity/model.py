"""
What a rate of events needs: workers, partitions, brokers, network and disk, from measured costs. Pure.

Every demand is divided by what one worker or one broker may carry; the largest quotient decides how many there must
be, and its name is what breaks first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

SECONDS_PER_DAY = 86_400
PARTITIONS_MINIMUM = 8


@dataclass(frozen=True, slots=True)
class Costs:
    """
    What was measured on one machine; bytes are compressed as they lie in Kafka.

    events_per_second is by number of workers. worker_us and broker_us are microseconds of processor time an event
    with one worker. output_bytes are those an event by topic. Memory is that of a worker.
    """

    events_per_second: Mapping[int, float]
    worker_us: float
    broker_us: float
    input_bytes: float
    output_bytes: Mapping[str, float]
    identity_bytes: float
    sku_bytes: float
    identities_restored_per_second: float

    @property
    def written_bytes(self) -> float:
        """Bytes that an event comes to in all topics together, once."""
        return self.input_bytes + sum(self.output_bytes.values())


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What can't be measured on one machine, or is a choice."""

    peak_over_average: float = 5.0  # The rate is that of a peak; a shop's day and week are not flat.
    skus: int = 1_000_000
    headroom: float = 0.6  # Of a processor, network or disk: above it queues grow long.
    replicas: int = 3
    follower_share: float = 0.5  # Of the leader's processor time: it appends, but answers no client.
    broker_processors: int = 8
    broker_network_bytes: float = 1.25e9  # 10 Gbit/s, each way.
    broker_disk_bytes_per_second: float = 500e6  # Sequential writes of a modest solid-state disk.
    broker_disk_bytes: float = 8e12
    broker_replicas: int = 4_000  # Partition replicas a broker holds without slow failovers.
    worker_memory_bytes: float = 8e9
    restore_seconds: float = 60.0  # A worker that starts cold must be back within a minute.
    window_days: int = 7  # Of identities, as streams/topology.py has it.
    keyed_topics: int = 40  # Topics with the full number of partitions.


@dataclass(frozen=True, slots=True)
class Plan:
    """What one rate needs. `*_by` give the number that each limit alone would ask for."""

    rate: float
    workers_by: Mapping[str, int]
    brokers_by: Mapping[str, int]
    partitions: int
    network_in_bytes: float
    network_out_bytes: float
    disk_bytes: float

    @property
    def workers(self) -> int:
        """Workers that are needed."""
        return max(self.workers_by.values())

    @property
    def brokers(self) -> int:
        """Brokers that are needed."""
        return max(self.brokers_by.values())

    @property
    def breaks_first(self) -> tuple[str, str]:
        """The limits that decide the numbers of workers and of brokers."""
        return _largest(self.workers_by), _largest(self.brokers_by)


def plan(costs: Costs, assumed: Assumptions, retention_days: Mapping[str, int | None], rate: float) -> Plan:
    """
    Return what a peak rate needs.

    retention_days gives the days that each topic is kept, None for the latest of each key; "input" is that of the
    input topics.
    """
    workers_by = _workers(costs, assumed, rate)
    partitions = _partitions(max(workers_by.values()))
    written = rate * costs.written_bytes
    # Producers' input and workers' output arrive once at a leader, and once at each follower.
    network_in = written * assumed.replicas
    # Followers fetch everything; workers their input; channels and the view what is published, once.
    network_out = written * (assumed.replicas - 1) + written
    disk = _disk(costs, assumed, retention_days, rate)
    brokers_by = {
        "replication": assumed.replicas,
        "processors": _processors(costs, assumed, rate),
        "network": _ceil(max(network_in, network_out) / (assumed.broker_network_bytes * assumed.headroom)),
        "disk writes": _ceil(network_in / (assumed.broker_disk_bytes_per_second * assumed.headroom)),
        "disk space": _ceil(disk / (assumed.broker_disk_bytes * assumed.headroom)),
        "partitions": _ceil(partitions * assumed.keyed_topics * assumed.replicas / assumed.broker_replicas),
    }
    return Plan(rate, workers_by, brokers_by, partitions, network_in, network_out, disk)


def identities(assumed: Assumptions, rate: float) -> float:
    """Return how many identities are remembered: those of the window, at the average rate."""
    return rate / assumed.peak_over_average * assumed.window_days * SECONDS_PER_DAY


def _workers(costs: Costs, assumed: Assumptions, rate: float) -> dict[str, int]:
    remembered = identities(assumed, rate)
    held = remembered * costs.identity_bytes + assumed.skus * costs.sku_bytes
    restored = costs.identities_restored_per_second * assumed.restore_seconds
    return {
        "processor": _ceil(rate / (costs.events_per_second[1] * assumed.headroom)),
        "memory of identities": _ceil(held / assumed.worker_memory_bytes),
        "restore of identities": _ceil(remembered / restored),
    }


def _processors(costs: Costs, assumed: Assumptions, rate: float) -> int:
    each = costs.broker_us / 1e6 * (1 + (assumed.replicas - 1) * assumed.follower_share)
    return _ceil(rate * each / (assumed.broker_processors * assumed.headroom))


def _partitions(workers: int) -> int:
    """Return a power of two with two partitions a worker: the load is spread evenly, and there is room to grow."""
    return max(PARTITIONS_MINIMUM, int(2 ** math.ceil(math.log2(2 * workers))))


def _disk(costs: Costs, assumed: Assumptions, retention_days: Mapping[str, int | None], rate: float) -> float:
    average = rate / assumed.peak_over_average
    total = 0.0
    for topic, size in {"input": costs.input_bytes, **costs.output_bytes}.items():
        days = retention_days[topic]
        # A compacted topic keeps the latest of each key, and up to as much again until the cleaner comes.
        kept = 2.0 * assumed.skus if days is None else average * days * SECONDS_PER_DAY
        total += kept * size
    return total * assumed.replicas


def _largest(numbers: Mapping[str, int]) -> str:
    return max(numbers, key=lambda name: numbers[name])


def _ceil(number: float) -> int:
    return max(1, math.ceil(number))
