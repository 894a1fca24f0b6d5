"""Lines of news about the running demo, told by several threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

LINES_KEPT = 4  # What fits under the figures of a small terminal.


class News:
    """The latest lines, each with the time since the start; `on_line` gets every one as it comes."""

    def __init__(self, clock: Callable[[], float], on_line: Callable[[str], None]) -> None:
        self._clock = clock
        self._started = clock()
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._lock = threading.Lock()

    def tell(self, line: str) -> None:
        """Add a line; may be called from any thread."""
        with self._lock:
            stamped = f"{self._clock() - self._started:5.1f} s  {line}"
            self._lines.append(stamped)
            self._on_line(stamped)

    def latest(self) -> list[str]:
        """Return the latest lines, oldest first."""
        with self._lock:
            return list(self._lines)
