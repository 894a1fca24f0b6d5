"""What goes wrong in one simulated process, at which of its calls to the log."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum

from streams.engine.errors import AbortableLogError, FatalLogError
from streams.engine.memory_log import Process, SimulatedCrash


class Fault(StrEnum):
    """What happens at a crash point."""

    CRASH = "crash"
    FREEZE = "freeze"
    ABORTABLE = "abortable error"
    FATAL = "fatal error"


ANYWHERE = ("", 60)
"""Beginning of the crash points where a fault may happen, and most calls until it does: a batch makes about 20."""

_PLACES = {
    Fault.CRASH: (ANYWHERE, ("before producer.commit", 3), ("after producer.commit", 3)),
    Fault.FREEZE: (ANYWHERE, ("before producer.produce", 8), ("after producer.send_offsets", 2)),
    Fault.ABORTABLE: (
        ("before producer.produce", 20),
        ("before producer.send", 3),
        ("before producer.commit", 3),
    ),
    Fault.FATAL: (ANYWHERE, ("after producer.commit", 3)),
}
"""Anywhere, and where it hurts most."""


class FaultyProcess(Process):
    """A process with at most one fault ahead of it: after so many more calls that it fits."""

    def __init__(
        self, name: str, freeze: Callable[[FaultyProcess, str], None], note: Callable[[str], None]
    ) -> None:
        super().__init__(name, self._at_point)
        self._freeze = freeze
        self._note = note
        self._fault: Fault | None = None
        self._place = ""
        self._calls_left = 0

    def arm(self, fault: Fault, generator: random.Random) -> None:
        """Let a fault happen at one of the next calls."""
        self._fault = fault
        self._place, most_calls = generator.choice(_PLACES[fault])
        self._calls_left = generator.randint(1, most_calls)

    def disarm(self) -> None:
        """Let no fault happen."""
        self._fault = None

    def _at_point(self, point: str) -> None:
        fault = self._fault
        if fault is None or not point.startswith(self._place):
            return
        self._calls_left -= 1
        if self._calls_left > 0:
            return
        self._fault = None
        self._note(f"{self.name}: {fault} {point}")
        if fault is Fault.CRASH:
            raise SimulatedCrash(self.name)
        if fault is Fault.ABORTABLE:
            raise AbortableLogError("injected")
        if fault is Fault.FATAL:
            raise FatalLogError("injected")
        self._freeze(self, point)
