"""
Real sales through the whole pipeline, with workers killed by signal 9 all along.

What comes out is read by a client that knows two addresses, and compared with a count straight from the files.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running import BACK_SECONDS, OnhandUp, Positions
from tests.integration.shop_files import CHANNELS, Expected, expected_of, write_small_shop
from tests.integration.stock_client import StockClient
from tests.processes import ONHAND, wait_until

pytestmark = pytest.mark.kafka

SHARED = Path(__file__).parents[3] / "shared" / "data" / "online-retail"
REAL = sorted(SHARED.glob("*.csv.gz"))
OPENING_STOCK = 500
SEED = 20_101_201
SECONDS_PER_KILL = 4.5  # On an idle machine: restart, its backoff, joining, restore and some work.
DRAIN_SECONDS = 150.0
ROOM = 2.5  # How much longer a restart takes under load than the one that was measured without, and more.


@dataclass
class Published:
    """All that clients can see of stock, versions included."""

    on_hand: dict[str, dict[str, int]]
    levels: dict[str, dict[str, Any]]
    availability: dict[str, dict[str, dict[str, Any]]]


def published(client: StockClient) -> Published:
    """Read the table and each channel's availability; fails if a version anywhere goes back."""
    levels = client.latest("stock-levels")
    availability = {channel_id: client.latest(f"availability-{channel_id}") for channel_id in CHANNELS}
    on_hand = {
        sku: {place["location_id"]: place["on_hand"] for place in level["locations"]}
        for sku, level in levels.items()
    }
    return Published(on_hand, levels, availability)


class Killer:
    """Kills workers in turn while a replay runs, each when it has applied events since its last start."""

    def __init__(self, running: OnhandUp, kills_total: int) -> None:
        self.running = running
        self.kills_total = kills_total
        self.killed: list[str] = []
        self._random = random.Random(SEED)

    def measure(self) -> float:
        """Kill each worker once before there is any load; return how many seconds the slower one takes."""
        slowest = 0.0
        for name in self.running.workers:
            started = time.monotonic()
            self.running.wait_back(name, self.running.kill_worker(name))
            slowest = max(slowest, time.monotonic() - started)
        return slowest

    def run(self, replaying: subprocess.Popen[str], seconds: float) -> None:
        """Spread the kills over so many seconds, at seeded random moments; stops when the replay ends."""
        started = time.monotonic()
        for number in range(self.kills_total):
            due = started + (number + self._random.random()) * seconds / (self.kills_total + 1)
            name = self.running.workers[number % len(self.running.workers)]
            wait_until(
                lambda due=due, name=name: (
                    replaying.poll() is not None  # type: ignore[misc]
                    or (time.monotonic() >= due and bool(self.running.events(name)))
                ),
                BACK_SECONDS,
                f"{name} applies events",
            )
            if replaying.poll() is not None:
                return
            self.running.kill_worker(name)
            self.killed.append(name)


def replay(running: OnhandUp, files: Sequence[Path], *options: str) -> subprocess.Popen[str]:
    """Start `onhand replay online-retail` on these files."""
    command = [str(ONHAND), "replay", "online-retail", *map(str, files), "--json"]
    command += ["--opening-stock", str(OPENING_STOCK), *options]
    return subprocess.Popen(
        command, env=running.environment(), cwd=running.data_dir, stdout=subprocess.PIPE, text=True
    )


def finish(replaying: subprocess.Popen[str], expected: Expected) -> None:
    """Wait for a replay and check that it published what there is."""
    told, _ = replaying.communicate(timeout=DRAIN_SECONDS)
    assert replaying.returncode == 0
    assert json.loads(told)["events_total"] == expected.events_total


@pytest.mark.timeout(240)
def test_small_shop_is_right_after_kills_and_a_second_replay(tmp_path: Path) -> None:
    """A few hundred rows of every kind, wherever the real ones are absent."""
    files = write_small_shop(tmp_path)
    prove(tmp_path / "up", files, kills_total=2)


@pytest.mark.skipif(not REAL, reason="the real data is not beside the checkout")
@pytest.mark.timeout(900)
def test_ten_real_months_are_right_after_ten_kills_and_a_second_replay(tmp_path: Path) -> None:
    """370,931 rows, 10 kills by signal 9 in the middle of the work, and not a unit or a version off."""
    prove(tmp_path / "up", REAL, kills_total=10)


def prove(data_dir: Path, files: Sequence[Path], kills_total: int) -> None:
    """Replay files twice, the first time with kills, and compare everything with an independent count."""
    expected = expected_of(files, OPENING_STOCK)
    print(f"seed {SEED}, {expected.events_total:,} events")
    with OnhandUp(data_dir) as running, running.positions() as positions, running.client() as client:
        replay_with_kills(running, files, expected, kills_total)
        positions.wait_drained(DRAIN_SECONDS)
        first = published(client)
        check(first, expected)
        check_commands(running, expected)

        replay_again(running, files, expected, positions)
        assert published(client) == first
        assert client.outcomes() == {"APPLIED": expected.events_total, "DUPLICATE": expected.events_total}
        verify(running)
        assert running.stop() == 0, running.log


def replay_with_kills(running: OnhandUp, files: Sequence[Path], expected: Expected, kills_total: int) -> None:
    """Replay while workers are killed, slowly enough that all kills fall into the run."""
    killer = Killer(running, kills_total)
    seconds = kills_total * max(SECONDS_PER_KILL, ROOM * killer.measure())
    print(f"replaying within {seconds:.0f} s")
    with replay(running, files, "--rate", f"{expected.events_total / seconds:.2f}") as replaying:
        killer.run(replaying, seconds)
        finish(replaying, expected)
    assert len(killer.killed) == kills_total, running.log


def replay_again(running: OnhandUp, files: Sequence[Path], expected: Expected, positions: Positions) -> None:
    """Replay at full speed, undisturbed, so that the workers' own counts can be checked as well."""
    for name in running.workers:
        running.wait_ready(name)
    pids = running.pids
    started = time.monotonic()
    with replay(running, files) as replaying:
        finish(replaying, expected)
    positions.wait_drained(DRAIN_SECONDS)
    seconds = time.monotonic() - started
    print(f"all again within {seconds:.1f} s, {expected.events_total / seconds:,.0f} events/s")
    assert running.pids == pids
    counted = sum(running.events(name).get("DUPLICATE", 0) for name in running.workers)
    assert counted == expected.events_total


def check(found: Published, expected: Expected) -> None:
    """Every SKU at every location, and what every channel may sell of it."""
    assert found.on_hand == expected.on_hand
    wanted = expected.available_to_sell()
    for channel_id, values in found.availability.items():
        assert {value["channel_id"] for value in values.values()} == {channel_id}
        assert {sku: value["available_to_sell"] for sku, value in values.items()} == wanted


def check_commands(running: OnhandUp, expected: Expected) -> None:
    """`onhand verify` finds no difference, and `onhand stock` says what the files say."""
    verify(running)
    told = json.loads(running.command("stock", "85123A", "--json").stdout)
    on_hand = expected.on_hand["85123A"]
    assert {place["location_id"]: place["on_hand"] for place in told["locations"]} == on_hand
    units = expected.available_to_sell()["85123A"]
    assert {place["channel_id"]: place["available_to_sell"] for place in told["channels"]} == dict.fromkeys(
        CHANNELS, units
    )


def verify(running: OnhandUp) -> None:
    """`onhand verify` waits for the view to catch up, then finds no difference."""
    answer = running.command("verify")
    assert answer.returncode == 0, answer.stdout + answer.stderr
