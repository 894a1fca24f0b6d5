"""Child processes that log to a file, stop within a bound, and never outlive their parent."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from deploy.embedded.errors import DataDirectoryError

TETHER = Path(__file__).with_name("tether.py")
# A killed process needs only the kernel to finish with it; longer means it hangs in a broken disk.
KILL_WAIT_SECONDS = 10.0
# How much of a log's end is read to quote a failure's last words: Kafka writes some 30 KB after them.
LOG_TAIL_BYTES = 131_072
# A child that crashes for days must not fill the disk: a longer log is set aside at the next start, once.
LOG_MAXIMUM_BYTES = 50_000_000

TetherMode = Literal["prctl", "lifeline"]
_Call = Callable[[], "subprocess.Popen[bytes]"]
DEFAULT_TETHER: TetherMode = "prctl" if sys.platform == "linux" else "lifeline"


class Child:
    """
    A started child process.

    It runs in a session of its own, so that Ctrl-C in a terminal reaches only the parent, which then stops
    its children in the right order. It is killed by signal 9 when the parent dies.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._process = process

    @property
    def pid(self) -> int:
        """Process id of the command itself."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the child runs."""
        return self._process.poll()

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for the end and return the exit code. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_seconds)

    def terminate(self) -> None:
        """Ask the child to end (SIGTERM); harmless when it has ended."""
        self._process.terminate()

    def kill(self) -> None:
        """End the child at once (SIGKILL) and wait until it is gone."""
        self._process.kill()
        # A stopped process (SIGSTOP) dies of SIGKILL too, so this wait needs no further help.
        self._process.wait(KILL_WAIT_SECONDS)

    def stop(self, timeout_seconds: float) -> int:
        """End the child cleanly, or by force after `timeout_seconds`; return its exit code."""
        self.terminate()
        try:
            return self.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def log_tail(self, lines_total: int = 20) -> list[str]:
        """Return the last lines of the child's log that are not blank."""
        return log_tail(self.log_path, lines_total)


def log_tail(path: Path, lines_total: int, from_byte: int = 0) -> list[str]:
    """Return the last non-blank lines of a text file after `from_byte`, or none if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(from_byte, path.stat().st_size - LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines_total:]


def start_child(
    name: str,
    command: Sequence[str],
    log_path: Path,
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    tether: TetherMode = DEFAULT_TETHER,
) -> Child:
    """
    Start a command as a child that dies with this process; its output is appended to `log_path`.

    `environment` is added to the current one; `directory` is the working directory. Safe to call from any
    thread. Raises DataDirectoryError when the log cannot be written.
    """
    # The kernel ties a child to the *thread* that started it, so a thread that never ends starts them all.
    tethers = _own_tethers()
    process = tethers.starter.call(
        lambda: _spawn(command, log_path, directory, environment, tether, tethers.lifeline)
    )
    return Child(name, process, log_path)


def _spawn(
    command: Sequence[str],
    log_path: Path,
    directory: Path | None,
    environment: Mapping[str, str] | None,
    tether: TetherMode,
    lifeline: int,
) -> subprocess.Popen[bytes]:
    tied = [sys.executable, "-I", "-S", str(TETHER), tether, str(os.getpid()), str(lifeline), *command]
    try:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        _set_aside_if_long(log_path)
        log = log_path.open("ab")
    except OSError as error:
        raise DataDirectoryError(f"Cannot write the log {log_path}: {error.strerror}.") from error
    with log:
        return subprocess.Popen(
            tied,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            pass_fds=(lifeline,) if tether == "lifeline" else (),
        )


def _set_aside_if_long(log_path: Path) -> None:
    if log_path.exists() and log_path.stat().st_size > LOG_MAXIMUM_BYTES:
        log_path.replace(log_path.with_name(f"{log_path.name}.1"))


class _Starter:
    """A thread that lives as long as the process and runs what it is given, one call at a time."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], _Call]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="child-starter", daemon=True).start()

    def call(self, function: _Call) -> subprocess.Popen[bytes]:
        """Run a function in the thread and return what it returns, or raise what it raises."""
        future: Future[subprocess.Popen[bytes]] = Future()
        self._calls.put((future, function))
        return future.result()

    def _run(self) -> None:
        while True:
            future, function = self._calls.get()
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, not to this thread
                future.set_exception(error)


class _Tethers:
    """What ties children to this process: made anew in a fork, which has neither the thread nor the pipe."""

    def __init__(self) -> None:
        self.owner_pid = os.getpid()
        self.starter = _Starter()
        # The write end is never used; it closes by itself when this process dies.
        self.lifeline, self._held_open = os.pipe()


_tethers_lock = threading.Lock()
_tethers: _Tethers | None = None


def _own_tethers() -> _Tethers:
    global _tethers  # noqa: PLW0603 - one thread and one pipe per process is what the kernel ties to
    with _tethers_lock:
        if _tethers is None or _tethers.owner_pid != os.getpid():
            _tethers = _Tethers()
        return _tethers
