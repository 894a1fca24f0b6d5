"""What processes use over time, so that costs can be told for exactly the span that is measured."""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

SAMPLE_SECONDS = 0.1


class Usage:
    """Samples processor seconds in a thread, while it is entered; moments are milliseconds since 1970."""

    def __init__(self, *sources: Callable[[], float]) -> None:
        self._sources = sources
        self._moments: list[float] = []
        self._samples: list[tuple[float, ...]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def between(self, started: float, ended: float) -> list[float]:
        """Return the seconds that each source used between two moments, by interpolation between samples."""
        return [
            at(self._moments, values, ended) - at(self._moments, values, started)
            for values in zip(*self._samples, strict=True)
        ]

    def _run(self) -> None:
        while True:
            self._samples.append(tuple(source() for source in self._sources))
            self._moments.append(time.time_ns() / 1e6)
            if self._stop.wait(SAMPLE_SECONDS):
                return


def at(moments: Sequence[float], values: Sequence[float], moment: float) -> float:
    """Return the value at a moment on the line through samples; before the first and after the last it stands still."""
    after = bisect_left(moments, moment)
    if after == 0:
        return values[0]
    if after == len(moments):
        return values[-1]
    share = (moment - moments[after - 1]) / (moments[after] - moments[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])
