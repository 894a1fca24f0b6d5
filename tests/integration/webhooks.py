"""Channels that send webhooks steadily: one whose bodies say all, and one that names what has to be asked for."""

from __future__ import annotations

import threading
from itertools import count
from types import TracebackType
from typing import Self

from tests.connectors.ingress.conftest import RunningIngress
from tests.connectors.ingress.senders import raw, sale, square, standard

PAUSE_SECONDS = 0.5  # Several within each rate that a dashboard shows.


class Webhooks:
    """Sends from a thread until it is left; nobody answers for the channel that is asked."""

    def __init__(self, ingress: RunningIngress) -> None:
        self._ingress = ingress
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for number in count():
            self._ingress.post(standard(sale("BUSY", f"webhook-{number}")))
            self._ingress.post(square(raw("square/order_updated.json")))
            if self._stop.wait(PAUSE_SECONDS):
                return
