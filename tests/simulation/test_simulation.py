"""A thousand and more seeded schedules of faults, on the engine alone and on the whole stock agent."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.simulation.scenarios import SCENARIOS
from tests.simulation.world import simulate

SCHEDULES = int(os.environ.get("ONHAND_SIMULATION_SCHEDULES", "1200"))
"""Schedules of all scenarios together; 100,000 take about twenty minutes."""

CHUNKS = 10
REPLAY_SECONDS = 60
SECONDS_PER_SCHEDULE = 0.5  # Thirty times what one takes on an idle machine: CI shares its cores.


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the engine's log out of it: formatting would take longer than the simulation."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(60 + SCHEDULES * SECONDS_PER_SCHEDULE)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_event_counts_exactly_once_whatever_fails(name: str, chunk: int) -> None:
    """Crashes, freezes, fencing and late markers neither lose, double, reorder nor tear anything."""
    schedules = -(-SCHEDULES // len(SCENARIOS) // CHUNKS)
    for seed in range(chunk * schedules, (chunk + 1) * schedules):
        simulate(SCENARIOS[name](), seed)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_seed_replays_the_same_run(name: str) -> None:
    """Two processes, each with its own order of hashes, do the same things at the same virtual times."""
    command = [sys.executable, "-m", "tests.simulation", name, "--seed", "7"]
    runs = [
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=REPLAY_SECONDS,
        )
        for hash_seed in ("1", "2")
    ]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stdout.endswith("keeps every rule\n")
    assert runs[0].stdout == runs[1].stdout
