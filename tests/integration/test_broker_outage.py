"""The broker goes away for 20 s under load and comes back: nothing lost, nothing twice, no worker gone for good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.kafka import EmbeddedKafka
from tests.integration.running import BACK_SECONDS, OnhandUp, Positions
from tests.integration.steady import EVENTS_PER_SECOND, SteadyShop
from tests.integration.stock_client import check_against
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

SEED = 20_260_302
FLOWING_EVENTS = 3_000  # Applied before the outage begins: everything is at work.
OUTAGE_SECONDS = 20.0
EVENTS_AFTER = 10 * EVENTS_PER_SECOND  # Sent after the broker is back.
RESUME_SECONDS = 90.0  # Far beyond what is printed: sessions, transactions and restarts on a busy machine.


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that `onhand up` is told of and does not own, so that it stays away when it is stopped."""
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        yield broker


@pytest.mark.timeout(420)
@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_twenty_seconds_without_a_broker_lose_and_double_nothing(
    kafka: EmbeddedKafka, tmp_path: Path, way: str
) -> None:
    """Two workers under 1,000 events/s; the broker is stopped cleanly, or killed by signal 9."""
    print(f"seed {SEED}")
    with (
        OnhandUp(tmp_path / "up", "--bootstrap-servers", kafka.bootstrap_servers) as running,
        running.positions() as positions,
    ):
        with SteadyShop(kafka.bootstrap_servers, SEED) as shop:
            positions.wait_flowing(FLOWING_EVENTS, BACK_SECONDS)
            take_away(kafka, way)
            watch_return(positions)
            sent = shop.sent_total
            wait_until(lambda: shop.sent_total > sent + EVENTS_AFTER, BACK_SECONDS, "the load goes on")
        positions.wait_drained(RESUME_SECONDS)
        check_workers(running)
        with running.client() as client:
            check_against(client, shop.expected)
            assert client.outcomes() == {
                "APPLIED": shop.expected.events_total,
                "DUPLICATE": shop.resent_total,
            }
        assert running.stop() == 0, running.log


def take_away(kafka: EmbeddedKafka, way: str) -> None:
    """Leave the cluster without its broker for a while."""
    if way == "stopped":
        kafka.stop()
    else:
        kafka.kill()
    time.sleep(OUTAGE_SECONDS)
    kafka.start()


def watch_return(positions: Positions) -> None:
    """Wait until the workers apply again, then until they have caught up, and say how long it took."""
    back_at, mark = time.monotonic(), positions.applied()
    wait_until(lambda: positions.are_beyond(mark), RESUME_SECONDS, "events are applied again")
    resumed_seconds = time.monotonic() - back_at
    wait_until(
        lambda: positions.written().total() - positions.applied().total() < EVENTS_PER_SECOND,
        RESUME_SECONDS,
        "the backlog of the outage is applied",
    )
    caught_up_seconds = time.monotonic() - back_at
    print(f"flow resumed {resumed_seconds:.1f} s after the broker, caught up after {caught_up_seconds:.1f} s")


def check_workers(running: OnhandUp) -> None:
    """Both workers run, and share the partitions again."""
    restarts = [line for line in running.log.splitlines() if "starting again" in line]
    print(f"{len(restarts)} restarts", *restarts, sep="\n")
    for name in running.workers:
        running.wait_ready(name)
        assert running.metric(name, "onhand_assigned_partitions") > 0, running.log
