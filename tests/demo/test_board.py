"""What the demo shows and sums up is what happened."""

from __future__ import annotations

import pytest
from rich.console import Console

from streams.demo.board import WINDOW_SECONDS, Board, latency_of
from streams.demo.message import Expected, Message
from streams.demo.news import News
from streams.demo.outcome import Outcome, table_of
from streams.demo.scene import Process, Scene, with_restarts
from streams.demo.screens import PlainScreen, drawn


def message(event_id: str, expected: Expected = Expected.RECORDED) -> Message:
    """Return a message of which only the id and the expectation matter."""
    return Message(0.5, "stock-sales", b"MUG", b"", expected, "SaleRecorded", event_id)


def sold_board() -> Board:
    """Return the board of a small day on which all went well."""
    board = Board()
    for number in range(10):
        board.sent(message(f"sale-{number}"), now=100.0)
        board.recorded(f"sale-{number}", "APPLIED", late=number == 0, now=100.0 + (number + 1) / 1000)
    board.sent(message("sale-0", Expected.DUPLICATE), now=100.0)
    board.recorded("sale-0", "DUPLICATE", late=False, now=100.1)
    board.sent(message("poison", Expected.DEAD_LETTER), now=100.0)
    board.dead_letter("UNDECODABLE")
    board.told("MUG", "web", 4, version=2)
    board.told("MUG", "web", 9, version=1)
    return board


def outcome_of(board: Board, *, is_verified: bool = True, recovery_seconds: float | None = 2.0) -> Outcome:
    """Return what a run with this board came to."""
    shot = board.snapshot(101.0)
    return Outcome(shot, board.whole_latency(), 10.0, "worker-0", recovery_seconds, is_verified, [])


def test_latency_is_from_sent_to_recorded() -> None:
    """Each event counts once, from its first sending; duplicates do not."""
    latency = sold_board().whole_latency()
    assert latency.p50_ms == pytest.approx(5.0)
    assert latency.longest_ms == pytest.approx(10.0)


def test_rate_is_that_of_the_last_seconds() -> None:
    """What came out long ago is no rate of now."""
    board = sold_board()
    assert board.snapshot(100.1).events_per_second == pytest.approx(10 / WINDOW_SECONDS)
    assert board.snapshot(100.1 + 2 * WINDOW_SECONDS).events_per_second == 0


def test_older_availability_never_replaces_newer() -> None:
    """Partitions are read in any order, versions decide."""
    assert sold_board().snapshot(101.0).available == {("MUG", "web"): 4}


def test_waiting_counts_what_was_sent_up_to_a_moment() -> None:
    """Recovery after a kill is when nothing sent before it is still waiting."""
    board = sold_board()
    board.sent(message("before"), now=200.0)
    board.sent(message("after"), now=202.0)
    assert board.waiting_since(201.0) == 1
    board.recorded("before", "APPLIED", late=False, now=203.0)
    assert board.waiting_since(201.0) == 0


def test_no_events_have_no_latency() -> None:
    """An idle moment shows zeros."""
    assert latency_of([]).p99_ms == 0


def test_a_good_day_has_no_failures() -> None:
    """Everything sent came out as it should."""
    assert outcome_of(sold_board()).failures() == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda board: board.sent(message("lost"), now=100.0), "events recorded in the ledger: 10 of 11"),
        (lambda board: board.recorded("sale-1", "APPLIED", late=False, now=101), "ledger: 11 of 10"),
        (
            lambda board: board.recorded("x", "DUPLICATE", late=False, now=101),
            "duplicates recognised: 2 of 1",
        ),
        (lambda board: board.dead_letter("INVALID_KEY"), "poison messages in dead letters: 2 of 1"),
    ],
)
def test_whatever_is_lost_or_doubled_fails_the_demo(spoil: object, says: str) -> None:
    """The demo counts on its own, beside what verify finds."""
    board = sold_board()
    assert callable(spoil)
    spoil(board)
    assert any(says in failure for failure in outcome_of(board).failures())


def test_differences_and_a_lost_worker_fail_the_demo() -> None:
    """Both are said in a sentence."""
    failures = outcome_of(sold_board(), is_verified=False, recovery_seconds=None).failures()
    assert any("verify found differences" in failure for failure in failures)
    assert any("worker-0 was killed" in failure for failure in failures)


def test_a_new_process_id_counts_as_a_restart() -> None:
    """While a worker is away its old id stays; the new one counts."""
    seen = with_restarts({}, [Process("worker-0", 10, is_running=True)])
    seen = with_restarts(seen, [Process("worker-0", 10, is_running=False)])
    assert seen["worker-0"].restarts_total == 0
    seen = with_restarts(seen, [Process("worker-0", 11, is_running=True)])
    seen = with_restarts(seen, [Process("worker-0", 11, is_running=True)])
    assert seen["worker-0"].restarts_total == 1


def test_scene_shows_figures_availability_processes_and_news() -> None:
    """All that the issue asks to be seen is on the screen, within 90 columns."""
    console = Console(width=90, record=True, force_terminal=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(drawn(scene()))
        console.print(table_of(outcome_of(sold_board())))
    text = captured.get()
    for wanted in (
        "14:00",
        "MUG",
        "web",
        "UNDECODABLE",
        "worker-0",
        "pid 11",
        "events/s",
        "a worker was killed",
    ):
        assert wanted in text


def test_plain_screen_prints_figures_seldom_and_news_at_once() -> None:
    """A log stays readable: one line of figures every few seconds."""
    console = Console(width=200, color_system=None)
    screen = PlainScreen(console)
    with console.capture() as captured:
        screen.show(scene())
        screen.show(scene())
        screen.say("[news] as it is")
        screen.close()
    lines = captured.get().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("14:00  shops are open: 12 sent, 11 recorded")
    assert lines[1] == "[news] as it is"


def test_news_are_stamped_and_only_the_latest_kept() -> None:
    """The panel has room for a few lines; every line is told as it comes."""
    told: list[str] = []
    clock = iter(range(100))
    news = News(lambda: float(next(clock)), told.append)
    for number in range(6):
        news.tell(f"line {number}")
    assert told[0] == "  1.0 s  line 0"
    assert news.latest() == told[-4:]


def scene() -> Scene:
    """Return a scene at two in the afternoon."""
    return Scene(
        "shops are open",
        0.5,
        sold_board().snapshot(100.2),
        [Process("worker-0", 11, is_running=True, restarts_total=1)],
        ["MUG"],
        ["web"],
        ["a worker was killed"],
    )
