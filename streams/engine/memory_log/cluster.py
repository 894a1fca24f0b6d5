"""The cluster that the memory log's clients share, on a virtual clock."""

import math
import random
from collections.abc import Iterable, Sequence

from streams.engine.errors import FatalLogError
from streams.engine.log import Headers, Partition
from streams.engine.memory_log.groups import Group
from streams.engine.memory_log.partition import PartitionLog
from streams.engine.memory_log.records import MemoryRecord
from streams.engine.memory_log.transactions import Target, TransactionCoordinator

START_MS = 1_700_000_000_000
"""Where the virtual clock begins (November 2023): any time will do that is no edge case of a calendar."""

SESSION_TIMEOUT_MS = 6_000
TRANSACTION_TIMEOUT_MS = 10_000
REBALANCE_TIMEOUT_MS = 300_000
"""Kafka's max.poll.interval.ms: how long a member that sends heartbeats may take to join again."""

ALL = 1 << 62
"""More records than any partition has."""


class MemoryCluster:
    """
    Topics, transactions and consumer groups of one simulated Kafka cluster.

    Nothing happens by itself: calls of clients act at once, and time passes only in tick and in polls that
    wait. All that is random (when a marker arrives, how much a poll returns) comes from the one generator, so
    a seed gives the same run again.
    """

    def __init__(
        self,
        generator: random.Random | None = None,
        *,
        longest_marker_delay_ms: int = 0,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS,
        rebalance_timeout_ms: int = REBALANCE_TIMEOUT_MS,
    ) -> None:
        self.random = generator or random.Random(0)
        self.now_ms = START_MS
        self.transaction_timeout_ms = transaction_timeout_ms
        self.transactions = TransactionCoordinator(self.random, self._mark)
        self.transactions.longest_marker_delay_ms = longest_marker_delay_ms
        self._session_timeout_ms = session_timeout_ms
        self._rebalance_timeout_ms = rebalance_timeout_ms
        self._topics: dict[str, list[PartitionLog]] = {}
        self._groups: dict[str, Group] = {}

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic; partitions is their number."""
        assert name not in self._topics, f"topic {name} exists"
        self._topics[name] = [PartitionLog(name, number) for number in range(partitions)]

    def tick(self, milliseconds: int) -> None:
        """Let time pass: markers arrive, sessions and transactions run out."""
        self.now_ms += milliseconds
        self.transactions.expire(self.now_ms)
        self.transactions.deliver(self.now_ms)
        for group in self._groups.values():
            group.expire(self.now_ms)

    def wait(self, seconds: float) -> None:
        """Let the time pass that a call waits in vain."""
        if seconds > 0:
            self.tick(math.ceil(seconds * 1000))

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> int:
        """Write a record as a producer without transactions does, and return its offset."""
        return self.log((topic, partition)).append(key, value, headers, self.now_ms)

    def committed(self, topic: str) -> list[MemoryRecord]:
        """Return the committed records of a topic, in order within each partition."""
        return [record for log in self._topics[topic] for record in log.committed(0, ALL)[0]]

    def compact(self, topic: str) -> None:
        """Run Kafka's log cleaner over a topic."""
        for log in self._topics[topic]:
            log.compact()

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the number of partitions by topic, in the order of names; a missing topic is left out."""
        return {topic: len(self._topics[topic]) for topic in sorted(topics) if topic in self._topics}

    def log(self, partition: Partition) -> PartitionLog:
        """Return one partition's log. Raises FatalLogError when there is none."""
        topic, number = partition
        logs: Sequence[PartitionLog] = self._topics.get(topic, ())
        if not 0 <= number < len(logs):
            raise FatalLogError(f"There is no partition {number} of topic {topic}.")
        return logs[number]

    def group(self, group_id: str) -> Group:
        """Return a consumer group, made on first use."""
        if group_id not in self._groups:
            group = Group(group_id, self.partition_counts)
            group.session_timeout_ms = self._session_timeout_ms
            group.rebalance_timeout_ms = self._rebalance_timeout_ms
            self._groups[group_id] = group
        return self._groups[group_id]

    def _mark(self, target: Target, transaction: int, committed: bool) -> None:  # noqa: FBT001 - a callback
        if isinstance(target, str):
            self.group(target).mark(transaction, committed=committed)
        else:
            self.log(target).mark(transaction, committed=committed, timestamp=self.now_ms)
