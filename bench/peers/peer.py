"""An engine's process: started, killed, frozen and thawed by its own pid, and what it has used."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.peers.engines import Engine
from bench.peers.work import PARTITIONS, SCHEMAS
from deploy.embedded.process import Child, start_child

STOP_SECONDS = 15.0
SESSION_MS = 6_000  # The same for every engine: a member that is silent for longer is taken for dead.
LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine works: a broker, the name of the run, which its topics begin with, and a folder."""

    bootstrap_servers: str
    run: str
    folder: Path

    @property
    def input(self) -> str:
        """The topic that events come from."""
        return f"{self.run}-events"

    @property
    def output(self) -> str:
        """The topic that states go to."""
        return f"{self.run}-states"

    def topic(self, ending: str) -> str:
        """Return another topic of the run."""
        return f"{self.run}-{ending}"


class Peer:
    """One worker of an engine; start it as often as it dies."""

    def __init__(self, engine: Engine, place: Place, worker: int = 0, *, faults: bool = False) -> None:
        self._engine, self._place, self._worker = engine, place, worker
        self._state = place.folder / f"worker-{worker}"
        self._state.mkdir(parents=True, exist_ok=True)
        self._command = engine.command()
        if faults and engine.fault_arguments is not None:
            self._command += engine.fault_arguments(self._state)
        self.child: Child | None = None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start the process."""
        place = self._place
        peer = {
            "PEER_BOOTSTRAP_SERVERS": place.bootstrap_servers,
            "PEER_INPUT": place.input,
            "PEER_OUTPUT": place.output,
            "PEER_CHANGELOG": place.topic("changelog"),
            "PEER_GROUP": place.topic("group"),
            "PEER_WORKER": f"worker-{self._worker}",
            "PEER_STATE_DIR": str(self._state / "state"),
            "PEER_SESSION_MS": str(SESSION_MS),
            "PEER_PARTITIONS": str(PARTITIONS),
            "PEER_SCHEMAS": str(SCHEMAS),
        }
        self.child = start_child(
            self._engine.name,
            self._command,
            self.log,
            directory=self._engine.directory,
            environment={**peer, **self._engine.environment, **(environment or {})},
        )

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""
        return self._state / "log"

    @property
    def running(self) -> bool:
        """True while its process lives, frozen or not."""
        return self.child is not None and self.child.exit_code() is None

    @property
    def processor_seconds(self) -> float:
        """Processor time that the process has used; 0 when it is gone."""
        try:
            assert self.child is not None
            times = psutil.Process(self.child.pid).cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)

    def last_words(self) -> str:
        """Return the end of its log, for whoever asks why it failed."""
        return "\n".join(self.child.log_tail(LOG_LINES)) if self.child is not None else ""

    def kill(self) -> None:
        """End it by signal 9, as an out-of-memory killer would."""
        if self.child is not None:
            self.child.kill()

    def freeze(self) -> None:
        """Stop its clock, as a paused virtual machine's."""
        if self.child is not None and self.running:
            os.kill(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        if self.child is not None and self.running:
            os.kill(self.child.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self.child is not None:
            self.child.stop(STOP_SECONDS)
