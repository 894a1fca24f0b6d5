"""Fixtures that all tests share: a real Kafka and Redis, and `onhand` processes against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as property_settings

from deploy.embedded.ports import free_port as any_free_port
from deploy.embedded.stack import EmbeddedStack
from streams.settings import Settings
from tests.processes import OnhandProcess

# The same examples in every run: a property that fails fails again, here and in CI. No example has a deadline,
# because a busy machine is no broken property.
property_settings.register_profile(
    "onhand", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
property_settings.load_profile("onhand")

TEST_PARTITIONS = 4  # Enough to be shared by workers, few enough to be quick.


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command that is run inside the test's process configures logs for a stream that is closed behind it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a function that finds a port nobody listens on."""
    return any_free_port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Kafka and Redis for the whole run; topics are shared, so use SKUs and groups of your own."""
    with EmbeddedStack(tmp_path_factory.mktemp("stack")) as shared:
        yield shared


@pytest.fixture
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], EmbeddedStack]]:
    """Return a function that starts a Kafka and Redis of the test's own, in a new data directory each."""
    with ExitStack() as running:
        yield lambda: running.enter_context(EmbeddedStack(tmp_path_factory.mktemp("own-stack")))


@pytest.fixture
def fresh_stack(make_stack: Callable[[], EmbeddedStack]) -> EmbeddedStack:
    """Kafka and Redis of the test's own, without any topic; costs about 4 s."""
    return make_stack()


@pytest.fixture
def cluster(stack: EmbeddedStack) -> Settings:
    """Settings that point at the shared stack, all topics there."""
    return settings_for(stack)


@pytest.fixture
def fresh_cluster(fresh_stack: EmbeddedStack) -> Settings:
    """Settings that point at a stack of the test's own, all topics there and empty."""
    return settings_for(fresh_stack)


def settings_for(stack: EmbeddedStack) -> Settings:
    """Return settings that point at a stack, with all its topics made."""
    from streams.app import ensure_topics

    settings = Settings(
        bootstrap_servers=stack.bootstrap_servers, redis_url=stack.redis_url, partitions=TEST_PARTITIONS
    )
    ensure_topics(settings)
    return settings


RunOnhand = Callable[..., OnhandProcess]


@pytest.fixture
def run_onhand(tmp_path: Path) -> Iterator[RunOnhand]:
    """Return a function that starts `onhand COMMAND` with settings; what still runs at the end is killed."""
    started: list[OnhandProcess] = []

    def run(command: str, settings: Settings, *arguments: str) -> OnhandProcess:
        process = OnhandProcess(command, settings, tmp_path, *arguments)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.child.exit_code() is None:
            process.kill()


@pytest.fixture
def run_worker(run_onhand: RunOnhand) -> RunOnhand:
    """Return a function that starts `onhand worker` and waits until it is ready."""

    def run(settings: Settings, worker_id: str = "worker-0", *, wait: bool = True) -> OnhandProcess:
        process = run_onhand("worker", settings.model_copy(update={"worker_id": worker_id}))
        return process.wait_ready() if wait else process

    return run
