"""What goes wrong in one simulated process, at which of its calls to the log."""

from __future__ import annotations

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


_WHERE = {
    Fault.CRASH: "",
    Fault.FREEZE: "",
    Fault.ABORTABLE: "before producer.",
    Fault.FATAL: "",
}
"""Beginnings of the crash points where a fault makes sense."""

_NEVER_ABORTABLE = frozenset({"before producer.init_transactions", "before producer.abort", "before producer.close"})


class FaultyProcess(Process):
    """A process with at most one fault ahead of it: after so many more calls that it fits."""

    def __init__(self, name: str, freeze: Callable[[FaultyProcess, str], None], note: Callable[[str], None]) -> None:
        super().__init__(name, self._at_point)
        self._freeze = freeze
        self._note = note
        self._fault: Fault | None = None
        self._calls_left = 0

    def arm(self, fault: Fault, calls: int) -> None:
        """Let a fault happen at the calls-th fitting crash point from now."""
        self._fault, self._calls_left = fault, calls

    def disarm(self) -> None:
        """Let no fault happen."""
        self._fault = None

    def _at_point(self, point: str) -> None:
        fault = self._fault
        if fault is None or not point.startswith(_WHERE[fault]):
            return
        if fault is Fault.ABORTABLE and point in _NEVER_ABORTABLE:
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
