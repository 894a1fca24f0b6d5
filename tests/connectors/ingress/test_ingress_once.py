"""What comes twice, and what comes while Kafka is away: counted once, answered with 503, never half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.kafka import EmbeddedKafka
from streams.app import ensure_topics
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.connectors.ingress.conftest import RunningIngress, StartIngress
from tests.connectors.ingress.senders import a_minute_ago, event, raw, sale, shopify, standard
from tests.connectors.ingress.topics import Mark, Topics
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

APPLIED_SECONDS = 60.0  # Two groups form and restore first; CI runs much beside it.
BACK_SECONDS = 60.0
SHOPIFY_WAITS_SECONDS = 5.0
SKUS = ("TWICE-SALE", "TWICE-ORDER", "TWICE-COUNT")


def order_of(sku: str, **changes: object) -> bytes:
    """An order of Shopify with one line."""
    body = json.loads(raw("shopify/order_created.json"))
    line = {**body["line_items"][0], "sku": sku, "quantity": 3}
    return json.dumps(body | {"id": 77_001, "line_items": [line]} | changes).encode()


def levels(topics: Topics, mark: Mark) -> dict[str, tuple[int, int]]:
    """(on_hand, reserved) by SKU, as the table has it last."""
    found: dict[str, tuple[int, int, int]] = {}
    for one in topics.since(mark):
        if one.topic == "stock-levels" and one.key.decode() in SKUS:
            _, value = one.decoded
            places = value["locations"]
            total = (sum(place["on_hand"] for place in places), sum(place["reserved"] for place in places))
            found[value["sku"]] = max(found.get(value["sku"], (0, 0, 0)), (value["version"], *total))
    return {sku: (on_hand, reserved) for sku, (_, on_hand, reserved) in found.items()}


@pytest.mark.timeout(180)
def test_what_is_delivered_again_counts_once(
    ingress: RunningIngress,
    topics: Topics,
    module_cluster: Settings,
    run_onhand: RunOnhand,
    run_worker: RunOnhand,
) -> None:
    """Redelivered webhooks, by event ids and by what was told of an order, through order desk and stock agent."""
    mark = topics.mark()
    ingress.post(standard(event("GoodsReceived", "TWICE-ORDER", 10, location_id="warehouse")))
    run_onhand("orders", module_cluster)
    run_worker(module_cluster)
    wait_until(lambda: "TWICE-ORDER" in levels(topics, mark), APPLIED_SECONDS, "there is stock to promise")
    sold = sale("TWICE-SALE", "s-1", 2)
    counted = event("StockCounted", "TWICE-COUNT", 40, "c-1", as_of=a_minute_ago(), basis="PHYSICAL")
    for _ in range(3):
        assert ingress.post(standard(sold)).status_code == 200
        assert ingress.post(standard(counted)).status_code == 200
        assert ingress.post(shopify("orders/create", order_of("TWICE-ORDER"))).status_code == 200
    expected = {"TWICE-SALE": (-2, 0), "TWICE-ORDER": (10, 3), "TWICE-COUNT": (40, 0)}
    wait_until(lambda: levels(topics, mark) == expected, APPLIED_SECONDS, f"levels are {expected}")
    outcomes = [
        one.decoded[1]["outcome"]
        for one in topics.since(mark)
        if one.topic == "stock-movements" and one.key in {b"TWICE-SALE", b"TWICE-COUNT"}
    ]
    assert outcomes.count("APPLIED") == 2


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that may go away."""
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        yield broker


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_while_kafka_is_away_nothing_is_promised_and_afterwards_nothing_is_half(
    own_kafka: EmbeddedKafka, start_ingress: StartIngress, way: str
) -> None:
    """503 with Retry-After within the channel's time; sent again, each event is there, and always the same."""
    settings = Settings(bootstrap_servers=own_kafka.bootstrap_servers, partitions=4)
    ensure_topics(settings)
    ingress = start_ingress(settings)
    body = order_of("AWAY") if way == "stopped" else sale("AWAY", "s-2")
    delivery = shopify("orders/create", body) if way == "stopped" else standard(body)
    if way == "stopped":
        own_kafka.stop()
    else:
        own_kafka.kill()
    refused = ingress.post(delivery)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.elapsed.total_seconds() < SHOPIFY_WAITS_SECONDS
    assert ingress.client.get("/ready").status_code == 503
    assert ingress.client.get("/live").status_code == 200
    own_kafka.start()
    wait_until(lambda: ingress.client.get("/ready").status_code == 200, BACK_SECONDS, "ready again")
    wait_until(lambda: ingress.post(delivery).status_code == 200, BACK_SECONDS, "taken when sent again")
    topics = Topics(settings)
    assert len({(one.topic, one.key, one.value) for one in topics.since(topics.beginning)}) == 1
    topics.close()
    assert ingress.process.stop() == 0
