"""The log in memory keeps the contract, with markers that take their time."""

from __future__ import annotations

import random

import pytest

from streams.engine.memory_log import MemoryCluster, MemoryLog, Process
from tests.engine.log_contract import LogContract


class MemoryBed:
    """A cluster in memory; see log_contract.Bed."""

    def __init__(self, seed: int) -> None:
        self.cluster = MemoryCluster(random.Random(seed), longest_marker_delay_ms=200)
        self._topics = 0

    def topic(self, partitions: int) -> str:
        """Create a topic of a new name."""
        self._topics += 1
        name = f"topic-{self._topics}"
        self.cluster.create_topic(name, partitions)
        return name

    def log(self) -> MemoryLog:
        """Return the cluster as a process of its own sees it."""
        return MemoryLog(self.cluster, Process())

    def append(self, topic: str, partition: int, value: bytes) -> None:
        """Write a record outside any transaction."""
        self.cluster.append(topic, partition, b"key", value)


class TestMemoryLog(LogContract):
    """Under several seeds: each gives other times to markers and other sizes to polls."""

    @pytest.fixture(params=range(5))
    def bed(self, request: pytest.FixtureRequest) -> MemoryBed:
        """Return a cluster under a seed."""
        return MemoryBed(request.param)
