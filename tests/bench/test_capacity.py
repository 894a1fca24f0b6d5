"""What a rate needs, from costs: each limit alone, and which of them decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.capacity.model import Assumptions, Costs, identities, plan
from bench.capacity.page import REMEDIES, page, retention_days

COSTS = Costs(
    events_per_second={1: 40_000.0, 2: 60_000.0},
    worker_us=22.0,
    broker_us=10.0,
    input_bytes=30.0,
    output_bytes={"stock-levels": 20.0, "stock-movements": 50.0},
    identity_bytes=32.0,
    sku_bytes=650.0,
    identities_restored_per_second=1e9,
)
DAYS = {"input": 14, "stock-levels": None, "stock-movements": 400}
ROOMY = Assumptions(
    peak_over_average=10.0, skus=1_000, headroom=0.5, worker_memory_bytes=1e15, restore_seconds=1e9
)


def test_workers_are_as_many_as_their_processors_allow_at_the_peak() -> None:
    """Half of 40,000 a worker: 100,000 a second need five."""
    assert plan(COSTS, ROOMY, DAYS, 100_000).workers_by["processor"] == 5


def test_identities_of_the_window_come_at_the_average() -> None:
    """Seven days of a tenth of the peak."""
    assert identities(ROOMY, 10_000) == 1_000 * 7 * 86_400


def test_memory_of_identities_can_need_more_workers_than_events_do() -> None:
    """604,800,000 identities of 32 bytes are 19.4 GB: five workers of 4 GB, where one could take the events."""
    found = plan(COSTS, replace(ROOMY, worker_memory_bytes=4e9), DAYS, 10_000)
    assert (found.workers_by["processor"], found.workers_by["memory of identities"]) == (1, 5)
    assert (found.workers, found.breaks_first[0]) == (5, "memory of identities")


def test_restore_of_identities_can_need_the_most_workers() -> None:
    """604,800,000 identities at a million a second take 605 s: eleven workers are back within a minute."""
    slow = replace(COSTS, identities_restored_per_second=1e6)
    assert plan(slow, replace(ROOMY, restore_seconds=60.0), DAYS, 10_000).workers == 11


def test_partitions_are_a_power_of_two_with_two_a_worker() -> None:
    """Never fewer than eight."""
    assert [plan(COSTS, ROOMY, DAYS, rate).partitions for rate in (1_000, 100_000, 1_000_000)] == [8, 16, 128]


def test_network_carries_every_copy() -> None:
    """100 bytes an event, three copies."""
    assert plan(COSTS, ROOMY, DAYS, 10_000).network_in_bytes == 10_000 * 100 * 3


def test_disk_holds_days_of_the_average_and_a_compacted_topic_its_keys_twice() -> None:
    """Sales 14 days, the ledger 400, the table its SKUs and as much again, all of it three times."""
    a_day = 1_000 * 86_400
    expected = 3 * (14 * a_day * 30 + 400 * a_day * 50 + 2 * 1_000 * 20)
    assert plan(COSTS, ROOMY, DAYS, 10_000).disk_bytes == pytest.approx(expected)


def test_brokers_are_never_fewer_than_replicas() -> None:
    """A small shop's brokers are there for its data's sake."""
    found = plan(COSTS, replace(ROOMY, broker_disk_bytes=1e15), DAYS, 1_000)
    assert (found.brokers, found.breaks_first[1]) == (3, "replication")


def test_page_names_what_breaks_first_for_every_limit() -> None:
    """Every limit that can decide has its remedy."""
    found = plan(COSTS, ROOMY, DAYS, 10_000)
    assert {*found.workers_by, *found.brokers_by} == set(REMEDIES)


def test_page_is_made_of_costs_and_plans() -> None:
    """The figures of measurement, formula and result are all on it."""
    run = {
        "events_per_second": 40_000.0,
        "worker_us": 22.0,
        "broker_us": 10.0,
        "worker_processors": 0.9,
        "broker_processors": 0.4,
    }
    document = {
        "measured_at": "2026-11-25T00:00:00Z",
        "machine": {"processors": 2},
        "runs": {"1": run, "2": run},
    }
    plans = [plan(COSTS, ROOMY, DAYS, rate) for rate in (10_000, 100_000)]
    text = page(document, COSTS, ROOMY, plans, "command")
    assert "| 1 | 40,000 | 22.0 µs | 10.0 µs | 0.90 | 0.40 |" in text
    assert "100,000 events/s" in text
    assert "| together, one copy | 100.0 |" in text


def test_every_topic_has_a_retention() -> None:
    """Disk is computed for whatever topic a worker writes to."""
    days = retention_days(("web",))
    assert days["stock-movements"] == 400
    assert days["stock-levels"] is None
    assert days["input"] == 14
