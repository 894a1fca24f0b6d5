"""Children stop within a bound and never outlive their parent, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from deploy.embedded.errors import DataDirectoryError
from deploy.embedded.process import Child, TetherMode, start_child
from tests.processes import wait_until

MODES: list[TetherMode] = ["prctl", "lifeline"] if sys.platform == "linux" else ["lifeline"]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEATH_SECONDS = 10.0


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie that a lazy init has not collected."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        # No /proc on this system, or the process went away between the two looks; the next look tells.
        return True
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("mode", MODES)
def test_child_dies_when_its_parent_is_killed(mode: TetherMode, tmp_path: Path) -> None:
    """Signal 9 gives the parent no chance to tidy up; the child must go all the same."""
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from deploy.embedded.process import start_child
        child = start_child("sleeper", {SLEEP!r}, Path("sleeper.log"), tether={mode!r})
        print(child.pid, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid), DEATH_SECONDS, "child died with its parent")


@pytest.mark.parametrize("mode", MODES)
def test_child_outlives_the_thread_that_asked_for_it(mode: TetherMode, tmp_path: Path) -> None:
    """The kernel ties a child to a thread, so a thread that ends must not be the one that starts it."""
    children: list[Child] = []

    def start() -> None:
        children.append(start_child("sleeper", SLEEP, tmp_path / "log", tether=mode))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    with pytest.raises(subprocess.TimeoutExpired):
        children[0].wait(0.5)
    children[0].kill()


def test_parent_that_died_before_the_tie_leaves_no_child(tmp_path: Path) -> None:
    """A child that finds another parent than it was told of ends before it becomes the command."""
    tether = Path("deploy/embedded/tether.py").resolve()
    someone_else = str(os.getppid())
    for mode in MODES:
        answer = subprocess.run(
            [sys.executable, "-I", "-S", str(tether), mode, someone_else, "0", "touch", "started"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=10,
        )
        assert answer.returncode != 0
        assert "the parent process is gone" in answer.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("mode", MODES)
def test_stopping_is_clean_when_the_child_listens(mode: TetherMode, tmp_path: Path) -> None:
    """SIGTERM reaches the command itself, and its own exit code comes back."""
    program = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); "
    command = [sys.executable, "-c", program + "signal.pause()"]
    child = start_child("listener", command, tmp_path / "log", tether=mode)
    wait_until(lambda: child.log_tail() == ["up"], DEATH_SECONDS, "child is up")
    assert child.stop(DEATH_SECONDS) == 7


def test_child_that_ignores_the_request_is_killed_after_the_bound(tmp_path: Path) -> None:
    """A hung child delays a stop by its bound and no more."""
    program = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    child = start_child("deaf", [sys.executable, "-c", program], tmp_path / "log")
    wait_until(lambda: child.log_tail() == ["up"], DEATH_SECONDS, "child is up")
    started = time.monotonic()
    assert child.stop(0.3) == -signal.SIGKILL
    assert time.monotonic() - started < 5.0


def test_interrupt_at_the_terminal_reaches_only_the_parent(tmp_path: Path) -> None:
    """The child has a session of its own, so that Ctrl-C leaves the order of stopping to the parent."""
    child = start_child("sleeper", SLEEP, tmp_path / "log")
    wait_until(lambda: os.getsid(child.pid) == child.pid, DEATH_SECONDS, "child leads its own session")
    child.kill()


def test_command_that_does_not_exist_says_so_in_its_log(tmp_path: Path) -> None:
    """The reason is where all of a child's words are."""
    child = start_child("nothing", ["no-such-program"], tmp_path / "log")
    assert child.wait(DEATH_SECONDS) == 127
    assert child.log_tail() == ["no-such-program: No such file or directory"]


def test_log_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    """A log below a file cannot be made, not even by root."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataDirectoryError, match="Cannot write the log"):
        start_child("sleeper", SLEEP, tmp_path / "file" / "log")


def test_long_log_is_set_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that is restarted for days keeps two bounded logs, the present and the one before."""
    monkeypatch.setattr("deploy.embedded.process.LOG_MAXIMUM_BYTES", 3)
    for word in ("first", "second", "third"):
        child = start_child("talker", ["echo", word], tmp_path / "log")
        assert child.wait(DEATH_SECONDS) == 0
    assert (tmp_path / "log").read_text() == "third\n"
    assert (tmp_path / "log.1").read_text() == "second\n"
