"""Open lines: what time does to them, and what waits on them (semantics 3 and 10)."""

from __future__ import annotations

import pytest

from streams.domain.days import day_of
from streams.domain.events import OrderCancelled, OrderPlaced
from streams.domain.lines import (
    INBOUND,
    ORDER,
    TRANSFER,
    WAITING_AT_MOST,
    WAITING_BYTES,
    OpenLine,
    WaitingEvent,
    WaitingHeader,
    after,
    due_at,
    with_waiting,
)
from streams.domain.returns import over_returned, whole_order, with_closed, with_return
from tests.domain.shop import DAY_MS, NOW, make

WAITS, REMEMBERS = 8 * DAY_MS, 30 * DAY_MS
TODAY = day_of(NOW)

OPENED = OpenLine(ORDER, "order-1", "store", 5, opened_at=NOW, touched_at=NOW)
UNOPENED = OpenLine(ORDER, "order-1", "store", fulfilled=5, touched_at=NOW)
EXPECTED = OpenLine(INBOUND, "inbound-1", "store", 5, opened_at=NOW, eta=NOW + 2 * DAY_MS, touched_at=NOW)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (OPENED, None),
        (OPENED._replace(deliver_at=NOW + 2 * DAY_MS), (TODAY + 2) * DAY_MS),
        (OPENED._replace(deliver_at=NOW + 2 * DAY_MS, cancelled=5), NOW + WAITS),
        (OPENED._replace(fulfilled=7), NOW + WAITS),
        (UNOPENED, NOW + WAITS),
        (EXPECTED, (TODAY + 3) * DAY_MS),
        (EXPECTED._replace(kind=TRANSFER), (TODAY + 3) * DAY_MS),
        (EXPECTED._replace(overdue_told=True), None),
        (EXPECTED._replace(eta=None), None),
        (whole_order("order-1")._replace(touched_at=NOW), NOW + REMEMBERS),
    ],
)
def test_time_changes_a_line_once_at_a_known_time(line: OpenLine, expected: int | None) -> None:
    """Demand at the beginning of its day, supply at the end of its day, what lacks something after its bound."""
    assert due_at(line, WAITS, REMEMBERS) == expected


def waiting(number: int, value: bytes = b"v", *headers: WaitingHeader) -> WaitingEvent:
    """A cancellation of one unit."""
    return WaitingEvent("stock-sales", 0, number, value, 1, headers)


def test_cancellations_wait_up_to_a_number_and_the_oldest_gives_way() -> None:
    """What is given up is not counted any more, so that its dead letter may be replayed."""
    line = UNOPENED
    for number in range(WAITING_AT_MOST):
        line, given_up = with_waiting(line._replace(cancelled=line.cancelled + 1), waiting(number))
        assert given_up == ()
    line, given_up = with_waiting(line._replace(cancelled=line.cancelled + 1), waiting(99))
    assert given_up == (waiting(0),)
    assert (len(line.waiting), line.cancelled) == (WAITING_AT_MOST, WAITING_AT_MOST)
    assert line.waiting[-1] == waiting(99)


def test_what_is_too_large_to_be_kept_is_given_up_itself() -> None:
    """Headers count: a stranger may write as many as the topic takes."""
    large = waiting(1, b"v", WaitingHeader("name", b"x" * WAITING_BYTES))
    counted = UNOPENED._replace(cancelled=1)
    assert with_waiting(counted, large) == (UNOPENED, (large,))


def test_what_opens_a_line_ends_the_waiting() -> None:
    """It counts for good then."""
    line = after(OpenLine(ORDER, "order-1", "store"), make(OrderCancelled, quantity=1))
    line, _ = with_waiting(line, waiting(1))
    opened = after(line, make(OrderPlaced, quantity=3))
    assert (opened.waiting, opened.open) == ((), 2)


def test_more_came_back_than_left_once_nothing_may_still_leave() -> None:
    """Over all lines of the order, closed or open; of an order that nobody knows nothing is said."""
    whole = with_return(whole_order("order-1"), 6)
    assert over_returned(whole, []) == 0
    assert over_returned(whole, [UNOPENED]) == 0
    assert over_returned(whole, [OPENED._replace(fulfilled=1)]) == 1
    closed = with_closed(whole, OPENED._replace(fulfilled=2, cancelled=3))
    assert over_returned(closed, []) == 4
    assert over_returned(closed, [OPENED._replace(location_id="yard", cancelled=2)]) == 1
    assert over_returned(with_closed(closed, UNOPENED), []) == 0
