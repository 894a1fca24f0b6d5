"""What the worker's monitor shows before anything has happened."""

from __future__ import annotations

from prometheus_client import REGISTRY

from streams.domain.errors import Reason
from streams.monitor import OUTCOMES, WorkerMonitor
from streams.topology import INPUTS
from tests.domain.shop import NOW


def test_every_count_of_events_begins_at_zero() -> None:
    """Of a counter that appears with its first dead letter, Prometheus would never see that dead letter."""
    WorkerMonitor(lambda: NOW)
    for topic in INPUTS:
        for outcome in OUTCOMES:
            labels = {"topic": topic.name, "outcome": outcome}
            assert REGISTRY.get_sample_value("onhand_events_total", labels) is not None, labels
        for reason in Reason:
            labels = {"topic": topic.name, "reason": reason.value}
            assert REGISTRY.get_sample_value("onhand_dead_letters_total", labels) is not None, labels
