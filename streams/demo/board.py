"""What the demo has sent and what has come of it, gathered by threads and read as snapshots."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.demo.message import Expected, Message

WINDOW_SECONDS = 3.0  # What "now" means for rates and latencies: steady to the eye, quick to show a fault.
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from an event sent to its effect visible in committed topics."""

    p50_ms: float
    p99_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The board at one moment. outcomes are those of the ledger; available is by (SKU, channel)."""

    sent: Mapping[Expected, int]
    outcomes: Mapping[str, int]
    late_total: int
    dead_letters: Mapping[str, int]
    alerts: Mapping[str, int]
    available: Mapping[tuple[str, str], int]
    waiting_total: int
    events_per_second: float
    latency: Latency

    @property
    def sent_total(self) -> int:
        """Messages sent so far."""
        return sum(self.sent.values())

    @property
    def recorded_total(self) -> int:
        """Rows of the ledger so far, duplicates included."""
        return sum(self.outcomes.values())

    @property
    def dead_letters_total(self) -> int:
        """Dead letters so far."""
        return sum(self.dead_letters.values())


class Board:
    """Counts what happens. Every method may be called from any thread; moments are monotonic seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counter[Expected] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._late_total = 0
        self._dead_letters: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._available: dict[tuple[str, str], int] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self._waiting: dict[str, float] = {}
        self._recent: deque[tuple[float, float]] = deque()
        self._latencies: list[float] = []

    def sent(self, message: Message, now: float) -> None:
        """Note that a message has been handed to Kafka's client."""
        with self._lock:
            self._sent[message.expected] += 1
            if message.expected is Expected.RECORDED and message.event_id is not None:
                self._waiting[message.event_id] = now

    def recorded(self, event_id: str, outcome: str, *, late: bool, now: float) -> None:
        """Note a row of the ledger."""
        with self._lock:
            self._outcomes[outcome] += 1
            self._late_total += late
            sent_at = self._waiting.pop(event_id, None)
            if sent_at is not None:
                self._recent.append((now, now - sent_at))
                self._latencies.append(now - sent_at)

    def told(self, sku: str, channel_id: str, units: int, version: int) -> None:
        """Note what a channel was told; an older version never replaces a newer one."""
        with self._lock:
            if version >= self._versions.get((sku, channel_id), 0):
                self._versions[sku, channel_id] = version
                self._available[sku, channel_id] = units

    def dead_letter(self, reason: str) -> None:
        """Note a dead letter."""
        with self._lock:
            self._dead_letters[reason] += 1

    def alert(self, kind: str) -> None:
        """Note an alert."""
        with self._lock:
            self._alerts[kind] += 1

    def waiting_since(self, moment: float) -> int:
        """Return how many events sent up to a moment have not come out yet."""
        with self._lock:
            return sum(1 for sent_at in self._waiting.values() if sent_at <= moment)

    def snapshot(self, now: float) -> Snapshot:
        """Return the state of things; rates and latencies are those of the last seconds."""
        with self._lock:
            while self._recent and self._recent[0][0] < now - WINDOW_SECONDS:
                self._recent.popleft()
            return Snapshot(
                dict(self._sent),
                dict(self._outcomes),
                self._late_total,
                dict(self._dead_letters),
                dict(self._alerts),
                dict(self._available),
                len(self._waiting),
                len(self._recent) / WINDOW_SECONDS,
                latency_of([seconds for _, seconds in self._recent]),
            )

    def whole_latency(self) -> Latency:
        """Return the latency over the whole run."""
        with self._lock:
            return latency_of(self._latencies)


def latency_of(seconds: Sequence[float]) -> Latency:
    """Return percentiles of latencies given in seconds; zeros when there are none."""
    if not seconds:
        return Latency(0.0, 0.0, 0.0)
    ordered = sorted(seconds)
    last = len(ordered) - 1
    p50, p99 = ordered[last // 2], ordered[last * 99 // 100]
    return Latency(p50 * MILLISECONDS, p99 * MILLISECONDS, ordered[last] * MILLISECONDS)
