"""
Runs a command so that it dies with the process that asked for it, however that one dies.

Used as `python -I -S tether.py MODE PARENT_PID LIFELINE_FD COMMAND…`; standard library only, because it is
run as a lone file. It becomes the command by `exec`, so the command has the process id that was started.

Modes: `prctl` lets the Linux kernel kill the command when its parent dies. `lifeline` works on any POSIX
system: a small watcher reads a pipe whose other end only the parent holds, and kills the command at the
end of file.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
# How often the watcher looks whether the command has ended by itself, so that it never outlives it long.
WATCH_INTERVAL_SECONDS = 1.0
# The shell's answer for a command that cannot be run.
EXIT_CANNOT_RUN = 127


def tie_by_prctl(parent_pid: int) -> None:
    """Have the kernel send SIGKILL to this process (and so to the command) when its parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the call above; then nobody will ever send the signal.
    if os.getppid() != parent_pid:
        sys.exit("the parent process is gone")


def tie_by_lifeline(parent_pid: int, lifeline: int) -> None:
    """Leave a watcher beside this process that kills it when the lifeline's other end closes."""
    target = os.getpid()
    if os.getppid() != parent_pid:
        sys.exit("the parent process is gone")
    if os.fork():
        os.close(lifeline)
        return
    # The watcher must not hold the command's output open, nor be stopped by the terminal's signals.
    os.setsid()
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    # The watcher is the command's child, so its parent changes when the command has ended.
    while os.getppid() == target:
        readable, _, _ = select.select([lifeline], [], [], WATCH_INTERVAL_SECONDS)
        if readable and not os.read(lifeline, 1):
            if os.getppid() == target:
                os.kill(target, signal.SIGKILL)
            break
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then become the command."""
    mode, parent_pid, lifeline, *command = arguments
    if mode == "prctl":
        tie_by_prctl(int(parent_pid))
    else:
        tie_by_lifeline(int(parent_pid), int(lifeline))
    try:
        os.execvp(command[0], command)  # noqa: S606 - to become the command is the purpose
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])
