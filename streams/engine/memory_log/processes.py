"""Processes of a simulation: each client belongs to one, and stops with it."""

from collections.abc import Callable

Hook = Callable[[str], None]
"""Called with a crash point's name, such as `before producer.commit`; may raise or run other processes."""


class SimulatedCrash(BaseException):
    """
    The process is gone, as after signal 9.

    A BaseException, so that no handler of errors runs on: a killed process handles nothing.
    """


def _no_hook(_point: str) -> None:
    """Let every call pass."""


class Process:
    """
    What the clients of one process share: whether it lives, whether it is frozen, and its crash points.

    The hook is called before and after every client call. When it raises SimulatedCrash the process is gone:
    each later call of its clients raises the same, so that no clean-up reaches the cluster. Other exceptions
    pass through the call that was to be made: that is how failures of a broker are injected.
    """

    def __init__(self, name: str = "process", hook: Hook = _no_hook) -> None:
        self.name = name
        self.frozen = False
        self.alive = True
        self._hook = hook

    def point(self, name: str) -> None:
        """Pass a crash point. Raises SimulatedCrash when the process is gone, and what the hook raises."""
        if not self.alive:
            raise SimulatedCrash(self.name)
        try:
            self._hook(name)
        except SimulatedCrash:
            self.alive = False
            raise

    def kill(self) -> None:
        """Let the process be gone: its clients stop without any clean-up."""
        self.alive = False

    @property
    def running(self) -> bool:
        """True while its background threads can send heartbeats."""
        return self.alive and not self.frozen
