"""From a source to Kafka, at full speed or at a given rate."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from connectors.protocols import Cursor, Reject, Source, SourceEvent

MAX_WAIT_SECONDS = 0.25  # How long a stop may go unnoticed while a slow rate waits for its next event.
PROGRESS_EVERY_EVENTS = 2_000


class EventPublisher(Protocol):
    """What a replay needs of connectors.publish.Publisher."""

    def publish(self, event: SourceEvent) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def flush(self) -> None: ...


@dataclass(slots=True)
class Summary:
    """What a replay has done; cursor is where to go on, None before the first event."""

    events: Counter[str] = field(default_factory=Counter)
    ignored: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    seconds: float = 0.0
    stopped: bool = False
    cursor: Cursor | None = None

    @property
    def events_total(self) -> int:
        """How many events were published."""
        return self.events.total()


def replay(
    source: Source,
    publisher: EventPublisher,
    *,
    rate_per_second: float | None = None,
    on_reject: Callable[[Reject], None],
    on_progress: Callable[[Summary], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
    after: Cursor | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """
    Publish what a source yields after a cursor, and return once Kafka has stored it all.

    Stops early, with everything stored that was published, when stopped() is true. Raises SourceError and
    PublishError; publishing again from the same cursor is harmless, since the ids stay the same.
    """
    summary = Summary()
    started = clock()
    with closing(source.read(after)) as items:
        for item in items:
            if rate_per_second is not None and not isinstance(item, Reject):
                due = started + summary.events_total / rate_per_second
                _wait_until(due, publisher, clock, stopped)
            # Asked behind the wait: an event whose time has not come stays for the next run.
            if stopped():
                summary.stopped = True
                break
            summary.cursor = item.cursor
            if isinstance(item, Reject):
                summary.rejected += 1
                on_reject(item)
                continue
            publisher.publish(item)
            summary.events[item.record] += 1
            if summary.events_total % PROGRESS_EVERY_EVENTS == 0:
                on_progress(summary)
    publisher.flush()
    summary.ignored = source.ignored
    summary.seconds = clock() - started
    on_progress(summary)
    return summary


def _wait_until(
    due: float, publisher: EventPublisher, clock: Callable[[], float], stopped: Callable[[], bool]
) -> None:
    """Let time pass until due, in the clock's seconds, or until stopped."""
    while (left := due - clock()) > 0 and not stopped():
        publisher.wait(min(left, MAX_WAIT_SECONDS))
