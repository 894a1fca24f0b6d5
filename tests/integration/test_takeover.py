"""A worker dies for good: the one that is left takes over, within its session and a restore."""

from __future__ import annotations

import time

import httpx
import pytest

from deploy.embedded.ports import free_port
from streams.engine.errors import FencedError
from streams.engine.kafka_log import KafkaLog, KafkaTransactionalProducer
from streams.engine.seen import SeenCodec
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.integration.running import BACK_SECONDS, REQUEST_SECONDS, Positions
from tests.integration.steady import SteadyShop
from tests.integration.stock_client import StockClient, check_against
from tests.processes import READY_SECONDS, wait_until

SEED = 20_260_304
FLOWING_EVENTS = 3_000
TAKEOVERS_TOTAL = 2  # Each death has a chance to leave a transaction open.
# Session of 6 s, rebalance, restore, an open transaction found and ended; and a machine that is busy.
TAKEOVER_SECONDS = 30.0
TRANSACTION_SECONDS = 120


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_surviving_worker_takes_over_what_a_dead_one_left(
    fresh_cluster: Settings, run_worker: RunOnhand, run_onhand: RunOnhand
) -> None:
    """Killed by signal 9 in the middle of its work and not restarted in time: first the one, then the other."""
    print(f"seed {SEED}")
    workers = [run_worker(fresh_cluster, f"worker-{number}") for number in range(2)]
    positions = Positions(fresh_cluster.bootstrap_servers)
    with SteadyShop(fresh_cluster.bootstrap_servers, SEED) as shop:
        for number in range(TAKEOVERS_TOTAL):
            positions.wait_flowing(FLOWING_EVENTS, BACK_SECONDS)
            workers[number % 2].kill()
            written, killed_at = positions.written(), time.monotonic()
            wait_until(
                lambda written=written: positions.are_beyond(written),  # type: ignore[misc]
                TAKEOVER_SECONDS,
                f"taken over: {workers[1 - number % 2].log}",
            )
            print(f"taken over {time.monotonic() - killed_at:.1f} s after the death")
            workers[number % 2] = run_worker(fresh_cluster, f"worker-{number % 2}")
    with (
        positions,
        StockClient(fresh_cluster.bootstrap_servers, registry_url(run_onhand, fresh_cluster)) as client,
    ):
        positions.wait_drained(BACK_SECONDS)
        check_against(client, shop.expected)
        assert client.outcomes() == {"APPLIED": shop.expected.events_total, "DUPLICATE": shop.resent_total}


@pytest.mark.kafka
@pytest.mark.timeout(200)
def test_open_transaction_of_a_worker_that_never_comes_back_is_ended_at_once(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """A new owner does not wait for the broker's time-out, here two minutes; what was open never counts."""
    settings = fresh_cluster.model_copy(update={"transaction_timeout_ms": TRANSACTION_SECONDS * 1_000})
    producer = leave_open(settings)
    started = time.monotonic()
    worker = run_worker(settings)
    took_seconds = time.monotonic() - started
    print(f"ready {took_seconds:.1f} s after its start, with an open transaction in the way")
    assert took_seconds < READY_SECONDS < TRANSACTION_SECONDS
    assert "ending the open transaction of onhand-stock-gone-0" in worker.log
    with pytest.raises(FencedError):
        producer.commit()
    assert worker.stop() == 0, worker.log


def leave_open(settings: Settings) -> KafkaTransactionalProducer:
    """Write to every partition of the tables as a worker does, and stop before the commit."""
    log = KafkaLog(settings.bootstrap_servers, transaction_timeout_ms=settings.transaction_timeout_ms)
    producer = log.producer(f"{settings.group_id}-gone-0")
    producer.init_transactions()
    consumer = log.consumer("onhand-test", "leaves-open")
    producer.begin()
    identity = SeenCodec().encode(0, f"{settings.group_id}-gone-0", bytes(32))
    for partition in range(settings.partitions):
        producer.produce("stock-levels", partition, b"NEVER", b"never to be seen")
        producer.produce("stock-seen-events", partition, b"", identity)
    # Sending offsets waits until all records are in the log; the membership is no matter here.
    producer.send_offsets({("stock-sales", 0): 0}, consumer.group_metadata())
    consumer.close()
    return producer


def registry_url(run_onhand: RunOnhand, settings: Settings) -> str:
    """Start the schema registry and return its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    registry = run_onhand("registry", settings, "--port", str(port))
    wait_until(lambda: answers(f"{url}/subjects"), BACK_SECONDS, f"the registry answers: {registry.log}")
    return url


def answers(url: str) -> bool:
    """Tell whether a URL answers 200."""
    try:
        return httpx.get(url, timeout=REQUEST_SECONDS).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
