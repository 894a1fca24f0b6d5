"""The whole of Onhand as child processes of this one: what `onhand up` and `onhand demo` run."""

from __future__ import annotations

import http.client
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.embedded.ports import LOOPBACK, remembered_ports
from deploy.embedded.process import Child, start_child
from deploy.embedded.stack import EmbeddedStack
from streams.cli.overrides import settings_from
from streams.cli.supervisor import Service, Supervisor
from streams.settings import Settings

# A first start restores the table before it is ready; a million SKUs take some 15 s, a busy machine more.
READY_TIMEOUT_SECONDS = 120.0
# A worker finishes its batch and leaves its group; what it does not commit by then is done again.
WORKER_STOP_SECONDS = 10.0
HELPER_STOP_SECONDS = 5.0
REDIS_STOP_SECONDS = 5.0
# A clean stop flushes and closes every log; a dirty one makes the next start recover them.
KAFKA_STOP_SECONDS = 20.0
PROBE_TIMEOUT_SECONDS = 2.0
# Where a running pipeline says how to reach it, for other commands.
DESCRIPTION_FILE = "onhand.json"

# Workers end first, while all they talk to is there; Kafka last.
_WORKER_RANK, _HELPER_RANK, _REDIS_RANK, _KAFKA_RANK = range(4)


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """
    What to run and where.

    Without `bootstrap_servers` a Kafka is embedded, without `redis_url` a Redis. `workers` is the number of
    stock workers, at least 1. `program` is how to call `onhand`; by default this very installation.
    """

    data_dir: Path
    workers: int = 1
    bootstrap_servers: str | None = None
    redis_url: str | None = None
    program: tuple[str, ...] = (sys.executable, "-m", "streams.cli.main")


def _ignore(_line: str) -> None:
    """Report to nobody."""


class Pipeline:
    """
    Kafka, Redis, schema registry, projector and stock workers, kept running until `stop()`.

    Dead children come back with backoff and on the same ports. All of them die with this process. Every
    other setting (channels, partitions…) is taken from the environment, by this process and its children.
    """

    def __init__(self, options: PipelineOptions, report: Callable[[str], None] = _ignore) -> None:
        self.options = options
        self.stack = EmbeddedStack(
            options.data_dir, kafka=options.bootstrap_servers is None, redis=options.redis_url is None
        )
        self.supervisor = Supervisor(report, self._write_description)
        self._report = report
        self._ports: dict[str, int] = {}
        self._description_lock = threading.Lock()
        self._is_described = False
        self._owns_directory = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def settings(self) -> Settings:
        """Settings that point at this pipeline; only after `start()`."""
        return settings_from(
            bootstrap_servers=self.options.bootstrap_servers or self.stack.bootstrap_servers,
            redis_url=self.options.redis_url or self.stack.redis_url,
        )

    @property
    def worker_ids(self) -> list[str]:
        """Names of the workers, stable over restarts: static membership and transactions hang on them."""
        return [f"worker-{number}" for number in range(self.options.workers)]

    @property
    def schema_registry_url(self) -> str:
        """Where any Confluent-compatible client finds the schemas."""
        return self._url("registry")

    @property
    def description_path(self) -> Path:
        """The file that says how to reach this pipeline while it runs."""
        return self.stack.data_dir / DESCRIPTION_FILE

    def start(self) -> None:
        """
        Start everything and return when all of it is ready; on failure nothing is left running.

        Raises UserError for a setting that makes no sense, StackError for Kafka, Redis and the data directory,
        ServiceFailedError for the others, and whatever `ensure_topics` raises when topics cannot be made or do
        not fit.
        """
        settings_from()  # What is wrong there is said before anything is started.
        try:
            self._report("starting Kafka and Redis")
            self.stack.start()
            self._owns_directory = True
            # A predecessor that was killed has left its own behind, and its addresses may lead nowhere.
            self.description_path.unlink(missing_ok=True)
            self._make_topics()
            self._ports = remembered_ports(
                self.stack.data_dir / "ports.json", ("registry", "projector", *self.worker_ids)
            )
            for service, running in self._services():
                self.supervisor.run(service, running)
            self._report(f"starting {self.options.workers} stock workers")
            self.supervisor.wait_ready([*self.supervisor.pids()], READY_TIMEOUT_SECONDS)
            self._is_described = True
            self._write_description()
        except BaseException:
            # Whatever stops the start, an interrupt too, must leave no child behind.
            self.stop()
            raise

    def stop(self) -> None:
        """Stop workers, then their helpers, then Redis, then Kafka; harmless when nothing runs."""
        with self._description_lock:
            self._is_described = False
            # A start that was refused must not take away the description of the owner that runs.
            if self._owns_directory:
                self.description_path.unlink(missing_ok=True)
        try:
            self.supervisor.stop()
        finally:
            self.stack.stop()

    def describe(self) -> dict[str, object]:
        """Return what a client needs to know: addresses, data directory and process ids."""
        settings = self.settings
        return {
            "bootstrap_servers": settings.bootstrap_servers,
            "redis_url": settings.redis_url,
            "schema_registry_url": self.schema_registry_url,
            "metrics_urls": [f"{self._url(name)}/metrics" for name in (*self.worker_ids, "projector")],
            "data_dir": str(self.stack.data_dir),
            "pids": self.supervisor.pids(),
        }

    def _make_topics(self) -> None:
        # Imported here: a stack without topics, as tests of the supervisor use, needs no engine.
        from streams.app import ensure_topics

        ensure_topics(self.settings)

    def _services(self) -> list[tuple[Service, Child | None]]:
        """Return what to run, in the order to start it, with the child where it runs already."""
        services: list[tuple[Service, Child | None]] = []
        if self.options.bootstrap_servers is None:
            kafka = self.stack.kafka
            service = Service("kafka", kafka.launch, kafka.is_running, _KAFKA_RANK, KAFKA_STOP_SECONDS)
            services.append((service, kafka.child))
        if self.options.redis_url is None:
            redis = self.stack.redis
            service = Service("redis", redis.launch, redis.is_running, _REDIS_RANK, REDIS_STOP_SECONDS)
            services.append((service, redis.child))
        services.append((self._registry(), None))
        services.append((self._helper("projector"), None))
        services += [(self._worker(worker_id), None) for worker_id in self.worker_ids]
        return services

    def _registry(self) -> Service:
        command = ("registry", "--port", str(self._ports["registry"]))
        ready = partial(answers_ok, self._ports["registry"], "/subjects")
        return Service(
            "registry", partial(self._start, "registry", command), ready, _HELPER_RANK, HELPER_STOP_SECONDS
        )

    def _helper(self, name: str) -> Service:
        start = partial(self._start, name, (name,))
        return Service(name, start, self._is_ready(name), _HELPER_RANK, HELPER_STOP_SECONDS)

    def _worker(self, worker_id: str) -> Service:
        start = partial(self._start, worker_id, ("worker", "--worker-id", worker_id))
        return Service(worker_id, start, self._is_ready(worker_id), _WORKER_RANK, WORKER_STOP_SECONDS)

    def _start(self, name: str, command: tuple[str, ...]) -> Child:
        """Start one `onhand` command as a child; what it must know goes in by the environment."""
        settings = self.settings
        environment = {
            "ONHAND_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "ONHAND_REDIS_URL": settings.redis_url,
            "ONHAND_METRICS_PORT": str(self._ports[name]),
        }
        log_path = self.stack.log_directory / f"{name}.log"
        return start_child(name, [*self.options.program, *command], log_path, environment=environment)

    def _url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._ports[name]}"

    def _is_ready(self, name: str) -> Callable[[], bool]:
        return partial(answers_ok, self._ports[name], "/ready")

    def _write_description(self) -> None:
        """Rewrite the description whole, so that a reader never sees half of one."""
        with self._description_lock:
            if not self._is_described:
                return
            draft = self.description_path.with_suffix(".draft")
            draft.write_text(json.dumps(self.describe()) + "\n", encoding="utf-8")
            draft.replace(self.description_path)


def answers_ok(port: int, path: str) -> bool:
    """Tell whether a process on this machine answers 200 right now."""
    # Plain http.client: it knows no proxies, and costs nothing to ask twenty times a second.
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
