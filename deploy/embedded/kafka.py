"""A one-node Apache Kafka (KRaft) as a child process, for laptops and tests."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.embedded.errors import ComponentError
from deploy.embedded.kafka_settings import JVM_OPTIONS, NODE_ID, server_properties
from deploy.embedded.kafka_storage import format_storage
from deploy.embedded.parts import java_program, kafka_classpath
from deploy.embedded.ports import LOOPBACK, is_free, remembered_ports
from deploy.embedded.process import Child, log_tail, start_child

# Ready takes 3 s on two idle cores; a loaded CI machine, or a log to recover, can take ten times that.
READY_TIMEOUT_SECONDS = 90.0
READY_POLL_SECONDS = 0.05
# One metadata request to a broker on this machine; short, so that a dead broker is noticed between two.
METADATA_TIMEOUT_SECONDS = 1.0
# A clean stop flushes and closes every log; beyond this the next start would recover them instead.
STOP_TIMEOUT_SECONDS = 20.0
# A port can be taken between choosing and listening; twice in a row by chance is next to impossible.
START_ATTEMPTS_TOTAL = 3
# Kafka prints stack traces and shuts its parts down after the line that says what is wrong.
RECENT_LINES_TOTAL = 1_000
LOG4J_SETTINGS = Path(__file__).with_name("log4j2.properties")
_PORT_TAKEN_WORDS = ("Address already in use", "BindException")
_DISK_FULL_WORDS = "No space left on device"


class EmbeddedKafka:
    """
    One broker that keeps its data, ports and cluster id in `directory`, so that a later start resumes it.

    Start it, stop it or kill it as often as you like: clients reconnect to the same address. Also a context
    manager. Not for two processes at once; `EmbeddedStack` guards the directory.
    """

    def __init__(self, directory: Path, log_directory: Path | None = None) -> None:
        self.directory = directory.resolve()
        self.log_directory = (log_directory or directory / "logs").resolve()
        self._child: Child | None = None
        self._ports: dict[str, int] = {}
        self._address_is_known = False
        self._log_starts: dict[Path, int] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients, `host:port`; only after a first start."""
        return f"{LOOPBACK}:{self._ports['client']}"

    @property
    def child(self) -> Child | None:
        """The process that was started last, for a supervisor to watch; None after a stop."""
        return self._child

    @property
    def pid(self) -> int | None:
        """Process id of the running broker, or None."""
        return self._child.pid if self._child is not None and self.is_running() else None

    def is_running(self) -> bool:
        """Tell whether the broker's process lives."""
        return self._child is not None and self._child.exit_code() is None

    def start(self) -> None:
        """
        Start the broker and return when it answers clients; does nothing when it runs.

        Raises PartsError when jars or Java are missing, ComponentError when the broker ends or does not
        answer in time.
        """
        for attempt in range(1, START_ATTEMPTS_TOTAL + 1):
            if self.is_running():
                return
            self.launch()
            try:
                self.wait_ready()
            except ComponentError:
                self.kill()
                if attempt == START_ATTEMPTS_TOTAL or self._address_is_known or not self._port_was_taken():
                    raise
            else:
                return

    def launch(self) -> Child:
        """Start the broker's process without waiting for it; returns the child."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_directory.mkdir(parents=True, exist_ok=True)
        self._choose_ports()
        properties = server_properties(self._ports["client"], self._ports["controller"])
        (self.directory / "server.properties").write_text(properties, encoding="utf-8")
        java, classpath = java_program(), kafka_classpath()
        format_storage(self.directory, java, classpath, self.log_directory)
        self._note_log_starts()
        command = [java, *JVM_OPTIONS, *self._log_options(), "-cp", classpath]
        command += ["kafka.Kafka", "server.properties"]
        self._child = start_child(
            "kafka", command, self.log_directory / "kafka.out", directory=self.directory
        )
        return self._child

    def wait_ready(self, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Return when a client's metadata request succeeds. Raises ComponentError if it never does."""
        deadline = time.monotonic() + timeout_seconds
        client: AdminClient | None = None
        while time.monotonic() < deadline:
            if not self.is_running():
                raise ComponentError(f"Kafka ended while starting ({self._last_words()}).")
            # A client is made only when something listens: librdkafka would log every refused connection.
            if client is None and not is_free(self._ports["client"]):
                client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
            if client is not None and _answers(client):
                self._address_is_known = True
                return
            time.sleep(READY_POLL_SECONDS)
        raise ComponentError(f"Kafka did not answer within {timeout_seconds:.0f} s ({self._last_words()}).")

    def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Stop the broker cleanly, or by force after `timeout_seconds`; harmless when it does not run."""
        if self._child is not None:
            self._child.stop(timeout_seconds)
            self._child = None

    def kill(self) -> None:
        """End the broker with signal 9, as a crash would; a later start recovers its logs."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _choose_ports(self) -> None:
        """
        Keep an earlier run's ports if they are still free, else take new ones and remember them.

        Once clients know the address it stays: a restarted broker must be found where it was.
        """
        if self._address_is_known:
            return
        self._ports = remembered_ports(self.directory / "ports.json", ("client", "controller"))

    def _log_options(self) -> list[str]:
        return [
            f"-Dlog4j2.configurationFile={LOG4J_SETTINGS.as_uri()}",
            f"-Donhand.log.file={self.log_directory / 'kafka.log'}",
        ]

    def _port_was_taken(self) -> bool:
        return any(word in line for line in self._recent_lines() for word in _PORT_TAKEN_WORDS)

    def _last_words(self) -> str:
        """Say what is most likely the reason of a failure, for a person."""
        lines = self._recent_lines()
        if any(_DISK_FULL_WORDS in line for line in lines):
            return f"the disk of {self.directory} is full: free some space"
        causes = [line for line in lines if line.startswith("Caused by: ")]
        failures = [line for line in lines if "ERROR" in line or "FATAL" in line or "Exception" in line]
        said = (causes or failures or lines or ["it said nothing"])[-1].removeprefix("Caused by: ").strip()
        return f"{said}; see {self.log_directory}"

    def _recent_lines(self) -> list[str]:
        """Return the end of what this run of the broker wrote; an earlier run's errors explain nothing."""
        lines = []
        for path, from_byte in self._log_starts.items():
            # A file that is shorter than it was has been rolled over since.
            rolled = path.exists() and path.stat().st_size < from_byte
            lines += log_tail(path, RECENT_LINES_TOTAL, 0 if rolled else from_byte)
        return lines

    def _note_log_starts(self) -> None:
        paths = [self.log_directory / name for name in ("kafka.log", "kafka.out")]
        self._log_starts = {path: path.stat().st_size if path.exists() else 0 for path in paths}


def _answers(client: AdminClient) -> bool:
    """Tell whether the broker answers a metadata request and counts itself as part of the cluster."""
    try:
        return NODE_ID in client.list_topics(timeout=METADATA_TIMEOUT_SECONDS).brokers
    except KafkaException:
        return False
