"""What the demo shows at one moment, whatever shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from streams.demo.board import Snapshot


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the pipeline; while it is away, pid is that of the one which ended."""

    name: str
    pid: int
    is_running: bool
    restarts_total: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """The demo at one moment: at is the moment of the day from 0.0 to 1.0, news are the latest lines."""

    phase: str
    at: float
    snapshot: Snapshot
    processes: Sequence[Process]
    busiest: Sequence[str]
    channels: Sequence[str]
    news: Sequence[str]


class Screen(Protocol):
    """Where scenes are shown, and what happens is said."""

    def show(self, scene: Scene) -> None: ...
    def say(self, line: str) -> None:
        """Tell a person one line of news."""

    def close(self) -> None:
        """Leave the output as a person can go on reading it."""


def with_restarts(before: Mapping[str, Process], now: Iterable[Process]) -> dict[str, Process]:
    """Return the processes as they are now, one restart more for each whose process id has changed."""
    counted: dict[str, Process] = {}
    for process in now:
        old = before.get(process.name, process)
        restarts_total = old.restarts_total + (old.pid != process.pid)
        counted[process.name] = replace(process, restarts_total=restarts_total)
    return counted
