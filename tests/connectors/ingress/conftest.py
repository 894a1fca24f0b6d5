"""A running ingress with accounts of every kind, and eyes on all topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.embedded.ports import free_port
from deploy.embedded.stack import EmbeddedStack
from streams.settings import Settings
from tests.connectors.ingress.senders import SECRETS, Delivery, written
from tests.connectors.ingress.topics import Topics
from tests.processes import OnhandProcess


class RunningIngress:
    """An `onhand ingress` process, and a client to it."""

    def __init__(self, settings: Settings, accounts: Path, *options: str) -> None:
        self.address = f"http://127.0.0.1:{(port := free_port())}"
        self.process = OnhandProcess(
            "ingress", settings, accounts.parent, "--accounts", str(accounts), "--port", str(port), *options
        )
        self.client = httpx.Client(base_url=self.address, timeout=20.0)

    def post(self, delivery: Delivery) -> httpx.Response:
        """Send one delivery."""
        return self.client.post(f"/in/{delivery.account_id}", content=delivery.body, headers=delivery.headers)

    def metric(self, name: str, **labels: str) -> float:
        """A counter's value, 0 if nothing was counted."""
        shown = ",".join(f'{label}="{value}"' for label, value in labels.items())
        for line in httpx.get(f"{self.process.url}/metrics", timeout=5.0).text.splitlines():
            if line.startswith(f"{name}{{{shown}}} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def close(self) -> None:
        """End the process, if it has not."""
        self.client.close()
        if self.process.child.exit_code() is None:
            self.process.kill()


StartIngress = Callable[..., RunningIngress]


@pytest.fixture(scope="module")
def start_ingress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartIngress]:
    """Return a function that starts an ingress and waits until it is ready; what runs at the end is killed."""
    running: list[RunningIngress] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, secret in SECRETS.items():
            patch.setenv(name, secret)

        def start(
            settings: Settings, square_url: str = "http://127.0.0.1:9", *options: str
        ) -> RunningIngress:
            accounts = written(tmp_path_factory.mktemp("ingress"), square_url)
            ingress = RunningIngress(settings, accounts, *options)
            running.append(ingress)
            ingress.process.wait_ready()
            return ingress

        yield start
        for ingress in running:
            ingress.close()


@pytest.fixture(scope="module")
def module_cluster(stack: EmbeddedStack) -> Settings:
    """Settings that point at the shared stack, all topics there."""
    from tests.conftest import settings_for

    return settings_for(stack)


@pytest.fixture(scope="module")
def ingress(module_cluster: Settings, start_ingress: StartIngress) -> RunningIngress:
    """One ingress for all tests of a module."""
    return start_ingress(module_cluster)


@pytest.fixture(scope="module")
def topics(module_cluster: Settings) -> Iterator[Topics]:
    """Eyes on all topics."""
    found = Topics(module_cluster)
    yield found
    found.close()
