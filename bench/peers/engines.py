"""The engines that are compared: versions, guarantees, and how each is started."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.peers.environments import HERE, NO_SEARCH_PATH, kafka_streams_command, python_of

ROOT = HERE.parents[1]
QUICK_COMMIT_SECONDS = "0.1"  # What Kafka Streams does by default when it is exactly once.


@dataclass(frozen=True, slots=True)
class Engine:
    """
    One engine doing the common work.

    command prepares what it needs and returns the arguments; it raises Skipped where the engine can't run. topics are
    endings of topics that it does not make by itself. latency_environment, if any, is what it is restarted with
    before its latency is measured. Of the backlog it drains only a share if it is so slow that the rest would tell
    nothing new. workers, and what begins with fault_, are for runs under faults.
    """

    name: str
    version: str
    guarantee: str
    command: Callable[[], list[str]]
    directory: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    latency_environment: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    backlog_share: float = 1.0
    workers: int = 2
    fault_guarantee: str | None = None
    fault_arguments: Callable[[Path], list[str]] | None = None


def _faust() -> list[str]:
    return [python_of("faust_agent"), "-m", "faust", "-A", "app", "-L", "uvloop", "worker", "-l", "warn"]


def _bytewax() -> list[str]:
    return [python_of("bytewax_flow"), "-m", "bytewax.run", "flow:flow"]


def _bytewax_recovery(directory: Path) -> list[str]:
    """Return the arguments that turn recovery on: a store made as its documentation says, a snapshot a second."""
    store = directory / "recovery"
    if not store.exists():
        store.mkdir(parents=True)
        subprocess.run([python_of("bytewax_flow"), "-m", "bytewax.recovery", str(store), "1"], check=True)
    return ["-r", str(store), "-s", "1", "-b", "0"]


ENGINES = (
    Engine(
        name="Onhand, common work",
        version=version("onhand"),
        guarantee="exactly once",
        command=lambda: [sys.executable, "-m", "bench.peers.onhand_common"],
        environment={"PYTHONPATH": str(ROOT)},
        topics=("changelog", "changelog-seen"),
    ),
    Engine(
        name="Kafka Streams, RocksDB",
        version="4.1.2",
        guarantee="exactly once v2",
        command=kafka_streams_command,
    ),
    Engine(
        name="Kafka Streams, memory",
        version="4.1.2",
        guarantee="exactly once v2",
        command=kafka_streams_command,
        environment={"PEER_STORE": "memory"},
    ),
    Engine(
        name="Quix Streams, RocksDB",
        version="3.28.1",
        guarantee="exactly once",
        command=lambda: [python_of("quix_streams"), "app.py"],
        directory=HERE / "quix_streams",
        environment=NO_SEARCH_PATH,
        latency_environment={"PEER_COMMIT_SECONDS": QUICK_COMMIT_SECONDS},
    ),
    Engine(
        name="Bytewax",
        version="0.21.1",
        guarantee="none",
        command=_bytewax,
        directory=HERE / "bytewax_flow",
        environment=NO_SEARCH_PATH,
        topics=("changelog",),
        workers=1,  # Its processes form one fixed cluster that stops when one of them dies.
        fault_guarantee="recovery on: at least once",
        fault_arguments=_bytewax_recovery,
    ),
    Engine(
        name="Faust",
        version="0.15.3",
        guarantee="at least once",
        command=_faust,
        directory=HERE / "faust_agent",
        environment=NO_SEARCH_PATH,
        backlog_share=0.2,
    ),
)
