"""Driving a source into a publisher: rate, rejects, stopping, going on."""

from collections.abc import Generator

from connectors.protocols import Cursor, Reject, SourceEvent
from connectors.replay import Summary, replay


class Numbers:
    """Events numbered from 1, every fifth a reject."""

    source_id = "numbers"

    def __init__(self, total: int) -> None:
        self._total = total
        self.ignored = {"nothing": 1}
        self.closed = False

    def read(self, after: Cursor | None = None) -> Generator[SourceEvent | Reject, None, None]:
        """Yield the numbers after the cursor."""
        try:
            for number in range(int(after or 0) + 1, self._total + 1):
                if number % 5 == 0:
                    yield Reject("numbers", number, "a five", "", str(number))
                else:
                    yield SourceEvent("SaleRecorded", {"event_id": str(number)}, str(number))
        finally:
            self.closed = True


class Time:
    """A clock that only waiting moves, and a publisher that notes when it got what."""

    def __init__(self) -> None:
        self.now = 100.0
        self.published: list[tuple[str, float]] = []
        self.flushed_at: list[int] = []

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now

    def publish(self, event: SourceEvent) -> None:
        """Note the event and when it came."""
        self.published.append((event.cursor, round(self.now - 100.0, 6)))

    def wait(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += seconds

    def flush(self) -> None:
        """Note how many events were there."""
        self.flushed_at.append(len(self.published))


def test_everything_is_published_flushed_and_counted() -> None:
    """Rejects go to whom they concern, and the summary adds up."""
    time, source, rejects, shown = Time(), Numbers(11), list[Reject](), list[int]()
    summary = replay(
        source,
        time,
        on_reject=rejects.append,
        on_progress=lambda so_far: shown.append(so_far.events_total),
        clock=time.clock,
    )
    assert (summary.events_total, summary.rejected, summary.ignored) == (9, 2, {"nothing": 1})
    assert [reject.line for reject in rejects] == [5, 10]
    assert time.flushed_at == [9]
    assert shown[-1] == 9
    assert source.closed
    assert not summary.stopped


def test_a_rate_spaces_events_evenly() -> None:
    """Ten a second is one each tenth of a second, also when one comes early."""
    time = Time()
    replay(Numbers(4), time, rate_per_second=10, on_reject=lambda _: None, clock=time.clock)
    assert time.published == [("1", 0.0), ("2", 0.1), ("3", 0.2), ("4", 0.3)]


def test_a_stop_flushes_and_says_where_to_go_on() -> None:
    """What was published is stored, the source is closed, and the rest follows from the cursor."""
    time, source = Time(), Numbers(9)
    summary = replay(
        source,
        time,
        on_reject=lambda _: None,
        stopped=lambda: len(time.published) == 3,
        clock=time.clock,
    )
    assert (summary.stopped, summary.cursor, time.flushed_at, source.closed) == (True, "3", [3], True)
    rest = replay(Numbers(9), time, on_reject=lambda _: None, after=summary.cursor, clock=time.clock)
    assert [cursor for cursor, _ in time.published] == ["1", "2", "3", "4", "6", "7", "8", "9"]
    assert rest.cursor == "9"


def test_a_stop_is_noticed_while_a_slow_rate_waits() -> None:
    """An event an hour must not mean a stop an hour later."""
    time = Time()
    summary = replay(
        Numbers(9),
        time,
        rate_per_second=1 / 3_600,
        on_reject=lambda _: None,
        stopped=lambda: time.now > 110.0,
        clock=time.clock,
    )
    assert summary.stopped
    assert time.now < 111.0


def test_a_summary_of_nothing_has_no_cursor() -> None:
    """An empty file is no error."""
    assert replay(Numbers(0), Time(), on_reject=lambda _: None).cursor is None
    assert Summary().events_total == 0
