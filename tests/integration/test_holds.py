"""Holds on a real Kafka: everybody wants the last unit, workers die, checkouts die, time passes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition

from connectors.reservations.connector import Reservations
from deploy.embedded.stack import EmbeddedStack
from streams.engine.partitioner import partition_for
from streams.ledger.reading import KafkaLedger, Question, Reading
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.connectors.stocked_shop import StockedShop
from tests.integration.checkouts import ANSWER_SECONDS, Rush, careless_checkout
from tests.processes import ONHAND, OnhandProcess, environment, wait_until

pytestmark = pytest.mark.kafka

PROCESSES, HOLDS_EACH = 8, 125
HOLDS_TOTAL = PROCESSES * HOLDS_EACH
SOON_SECONDS = 1.5
ANNOUNCED_MILLISECONDS = 1_000  # Semantics 4.
ENDED_SECONDS = 60.0
FIRST_ANSWER_SECONDS = 60.0
VERIFY_SECONDS = 120.0


def sku_of_first_partition(settings: Settings) -> str:
    """A SKU on partition 0: of two workers it is worker-0's, as the range assignor goes by name."""
    names = (f"LAST-ONE-{uuid4().hex[:12]}" for _ in iter(int, 1))
    return next(sku for sku in names if partition_for(sku.encode(), settings.partitions) == 0)


@contextmanager
def answers_seen(settings: Settings) -> Iterator[Callable[[], int]]:
    """How many answers on partition 0 have been committed since now; looks for more when called."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": "watch",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 5,
        }
    )
    partition = TopicPartition("reservation-results", 0)
    partition.offset = consumer.get_watermark_offsets(partition, timeout=10)[1]
    consumer.assign([partition])
    seen = 0

    def look() -> int:
        nonlocal seen
        seen += len(consumer.consume(HOLDS_TOTAL, 0.01))
        return seen

    yield look
    consumer.close()


def check_one_winner(shop: StockedShop, sku: str, rush: Rush) -> None:
    """Every request has its answer, exactly one is yes, and stock, table of holds and ledger say the same."""
    told = rush.answers()
    assert len({one.hold_id for one in told}) == len(told) == HOLDS_TOTAL
    assert Counter(one.reason for one in told) == {None: 1, "INSUFFICIENT_STOCK": HOLDS_TOTAL - 1}
    (winner,) = (one.hold_id for one in told if one.accepted)
    assert shop.figures(sku) == {"store": (1, 0, 1)}
    decided = [row for row in shop.rows(sku) if row["outcome"] != "DUPLICATE"]
    assert Counter((row["event_type"], row["outcome"]) for row in decided) == {
        ("GoodsReceived", "APPLIED"): 1,
        ("PlaceHold", "APPLIED"): 1,
        ("PlaceHold", "REJECTED"): HOLDS_TOTAL - 1,
    }
    (row,) = (row for row in decided if (row["event_type"], row["outcome"]) == ("PlaceHold", "APPLIED"))
    assert (row["reference"], row["held_after"], row["available_after"]) == (winner, 1, 0)
    check_chained(shop.settings, sku)
    check_verified(shop.settings)


def check_chained(settings: Settings, sku: str) -> None:
    """The balances of a SKU chain from its first row, as `onhand ledger` sees it."""
    ledger = KafkaLedger(settings.bootstrap_servers, lambda _count: None)
    try:
        ledger.snapshot()
        reading = Reading(ledger, Question(sku), ledger.partitions)
        gaps = [gap for entry in reading for gap in (entry if isinstance(entry, str) else entry.gaps)]
    finally:
        ledger.close()
    assert (gaps, reading.chain.gaps_total) == ([], 0)
    assert reading.chain.complete
    assert reading.chain.rows_total


def check_verified(settings: Settings) -> None:
    """What `onhand verify` recomputes of all inputs, on a path of its own, is what there is."""
    done = subprocess.run(
        [str(ONHAND), "verify", "--no-view"],
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def rush_for(settings: Settings, sku: str) -> Iterator[Rush]:
    """Eight checkouts, each with many customers."""
    rush = Rush(settings, sku, PROCESSES, HOLDS_EACH)
    try:
        yield rush
    finally:
        rush.end()


@pytest.mark.timeout(300)
def test_of_thousand_holds_for_one_unit_exactly_one_is_granted(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """Eight processes ask at the same time, of two workers (semantics 1)."""
    for number in range(2):
        run_worker(fresh_cluster, f"worker-{number}")
    shop = StockedShop(fresh_cluster)
    sku = shop.receive(1)
    with rush_for(fresh_cluster, sku) as rush:
        rush.begin()
        check_one_winner(shop, sku, rush)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("then", ["another takes over", "it comes back"])
def test_worker_that_dies_in_the_middle_of_it_grants_nothing_twice(
    fresh_cluster: Settings, run_worker: RunOnhand, then: str
) -> None:
    """Killed by signal 9 with requests decided, under way and still to come: still one yes, and all are answered."""
    worker: OnhandProcess = run_worker(fresh_cluster, "worker-0")
    if then == "another takes over":
        run_worker(fresh_cluster, "worker-1")
    shop = StockedShop(fresh_cluster)
    sku = shop.receive(1, sku_of_first_partition(fresh_cluster))
    with rush_for(fresh_cluster, sku) as rush, answers_seen(fresh_cluster) as seen:
        rush.begin()
        wait_until(lambda: seen() > 0, FIRST_ANSWER_SECONDS, "the first request is answered")
        worker.kill()
        answered_total = seen()
        print(f"killed after {answered_total} answers")
        assert answered_total < HOLDS_TOTAL, "all was over before the worker was killed"
        if then == "it comes back":
            run_worker(fresh_cluster, "worker-0")
        check_one_winner(shop, sku, rush)


@pytest.mark.timeout(300)
async def test_client_outlives_its_broker(
    fresh_stack: EmbeddedStack, fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """What is asked while there is none is answered when it is back, over the same client, and counts once."""
    worker = run_worker(fresh_cluster)
    sku = StockedShop(fresh_cluster).receive(5)
    async with Reservations(fresh_cluster, owner="ann", timeout_seconds=ANSWER_SECONDS) as desk:
        await desk.hold(sku, 1, hold_id="before")
        fresh_stack.kafka.kill()
        asked = asyncio.create_task(desk.hold(sku, 2, hold_id="meanwhile"))
        await asyncio.to_thread(fresh_stack.kafka.start)
        await asyncio.to_thread(
            wait_until,
            lambda: asked.done() or worker.child.exit_code() is not None,
            ENDED_SECONDS,
            "the worker goes on, or ends",
        )
        if not asked.done():  # As a supervisor does: it has waited for the broker for too long.
            await asyncio.to_thread(run_worker, fresh_cluster)
        assert (await asked).available_after == 2
        assert (await desk.hold(sku, 1, hold_id="after")).available_after == 1
    assert StockedShop(fresh_cluster).figures(sku) == {"store": (5, 0, 4)}


@pytest.mark.timeout(180)
async def test_end_of_a_hold_is_announced_within_a_second(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """To every channel and to the owner, by the times that the records themselves carry."""
    run_worker(fresh_cluster)
    shop = StockedShop(fresh_cluster)
    skus = [shop.receive(9) for _ in range(8)]
    async with Reservations(fresh_cluster, owner="ann") as desk:
        ends = {
            sku: (await desk.hold(sku, 4, expires_in_seconds=SOON_SECONDS + number / 7)).expires_at
            for number, sku in enumerate(skus)
        }
    for sku in skus:
        wait_until(lambda sku=sku: has_ended(shop, sku), ENDED_SECONDS, f"the hold of {sku} ends")  # type: ignore[misc]
        delays = [
            told[-1]["emitted_at"] - ends[sku]
            for channel_id in fresh_cluster.channels
            if (told := shop.values(f"availability-{channel_id}", sku))[-1]["available_to_sell"] == 9
        ]
        result = shop.values("reservation-results", sku)[-1]
        assert (result["state"], result["reason"], result["owner"]) == ("EXPIRED", "HOLD_EXPIRED", "ann")
        delays.append(result["decided_at"] - ends[sku])
        assert len(delays) == len(fresh_cluster.channels) + 1
        assert all(0 <= delay < ANNOUNCED_MILLISECONDS for delay in delays), delays
        assert [one["available_to_sell"] for one in shop.values("availability-web", sku)] == [9, 5, 9]


def has_ended(shop: StockedShop, sku: str) -> bool:
    """Tell whether the last thing that happened to a SKU is the end of a hold."""
    last: str = shop.rows(sku)[-1]["event_type"]
    return last == "HoldExpired"


def is_free(shop: StockedShop, sku: str) -> bool:
    """Tell whether both units of a SKU are there for anybody."""
    return shop.figures(sku) == {"store": (2, 0, 0)}


@pytest.mark.timeout(180)
def test_cart_of_a_checkout_that_died_ends_by_itself(fresh_cluster: Settings, run_worker: RunOnhand) -> None:
    """Killed by signal 9 when the first SKU is held: whatever it held or goes on to hold, in the end nothing is."""
    run_worker(fresh_cluster)
    shop = StockedShop(fresh_cluster)
    skus = sorted(shop.receive(2) for _ in range(3))
    with careless_checkout(fresh_cluster, skus, SOON_SECONDS) as checkout:
        wait_until(
            lambda: bool(shop.values("reservation-results", skus[0])), FIRST_ANSWER_SECONDS, "it holds"
        )
        checkout.kill()
        checkout.join()
    wait_until(lambda: has_ended(shop, skus[0]), ENDED_SECONDS, f"the hold of {skus[0]} ends")
    # The others end at the same moment; what reached the log later than that is refused.
    for sku in skus:
        wait_until(lambda sku=sku: is_free(shop, sku), ENDED_SECONDS, f"nothing of {sku} is held")  # type: ignore[misc]
        check_chained(fresh_cluster, sku)
    check_verified(fresh_cluster)
