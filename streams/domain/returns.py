"""
Goods that come back, against what was shipped of their order (semantics 3).

Goods come back weeks after their order's lines were closed and forgotten, and not always where they left. So an
order that was shipped is remembered for a while as a whole, over all locations of a SKU: as a line of no location
that has in `fulfilled` what its forgotten lines had shipped, and in `returned` what came back.
"""

from collections.abc import Iterable

from streams.domain.lines import ORDER, WHOLE_ORDER, OpenLine


def whole_order(order_id: str) -> OpenLine:
    """Return what is remembered of an order of which nothing is known yet."""
    return OpenLine(ORDER, order_id, WHOLE_ORDER)


def with_return(whole: OpenLine, quantity: int) -> OpenLine:
    """Return the order with goods that came back."""
    return whole._replace(returned=whole.returned + quantity)


def with_closed(whole: OpenLine, line: OpenLine) -> OpenLine:
    """Return the order with one of its lines, which is then forgotten."""
    shipped = whole.fulfilled + line.fulfilled
    known = max(whole.opened_at or 0, line.opened_at or 0) or None
    return whole._replace(opened=shipped, fulfilled=shipped, opened_at=known)


def over_returned(whole: OpenLine, lines: Iterable[OpenLine]) -> int:
    """
    Return the units of an order that came back beyond those that have left or may still leave.

    lines are those of the order that are not closed. Of an order that nobody knows nothing can be said: it is older
    than what is remembered, or still to come.
    """
    left, is_known = whole.fulfilled, whole.opened_at is not None
    for line in lines:
        left += line.fulfilled + line.open
        is_known = is_known or not line.is_unopened
    return max(0, whole.returned - left) if is_known else 0
