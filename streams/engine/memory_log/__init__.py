"""
A log in memory with the rules of Kafka, seeded and on a virtual clock, for simulation.

What it keeps from Kafka, because bugs live there: a commit returns before its markers reach every partition;
readers of committed records stop at the last stable offset while the high watermark goes on; transactional
ids fence; transactions and sessions run out; a member thawed after its session still returns what it had
prefetched; the metadata of an expelled member names nobody and passes (KAFKA-9365); offsets of a transaction
that is not over hold back whoever asks for them (KIP-447). The contract tests in tests/engine/log_contract.py
run on this and on the real thing.
"""

from collections.abc import Sequence

from streams.engine.memory_log.cluster import MemoryCluster
from streams.engine.memory_log.consumer import MemoryConsumer
from streams.engine.memory_log.groups import Membership
from streams.engine.memory_log.processes import Process, SimulatedCrash
from streams.engine.memory_log.producer import MemoryProducer
from streams.engine.memory_log.reader import MemoryReader
from streams.engine.memory_log.records import MemoryRecord

__all__ = ["Membership", "MemoryCluster", "MemoryLog", "MemoryRecord", "Process", "SimulatedCrash"]


class MemoryLog:
    """What one process sees of a memory cluster; see streams.engine.log.Log."""

    def __init__(self, cluster: MemoryCluster, process: Process | None = None) -> None:
        self._cluster = cluster
        self._process = process or Process()

    def consumer(self, group_id: str, instance_id: str) -> MemoryConsumer:
        """Return a member of a consumer group, static under its instance id."""
        return MemoryConsumer(self._cluster, self._process, group_id, instance_id)

    def producer(self, transactional_id: str) -> MemoryProducer:
        """Return a producer under a transactional id."""
        return MemoryProducer(self._cluster, self._process, transactional_id)

    def reader(self) -> MemoryReader:
        """Return a reader of whole partitions."""
        return MemoryReader(self._cluster, self._process)

    def partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        """Return the number of partitions by topic; a missing topic is left out."""
        return self._cluster.partition_counts(topics)
