"""
Orders: what of one is a promise, and whether it may be made (semantics 1 and 3).

A promise is one OrderPlaced by order, SKU and location: whoever writes orders sums their lines first, as the order
desk and the translators of documents do. A further OrderPlaced under the same order raises the line, and asks for
what it adds.
"""

from typing import NamedTuple

from streams.domain.days import day_of
from streams.domain.lines import OpenLine
from streams.domain.promise import promised_from
from streams.domain.stock import FutureSupply, Stock, with_future

PROMISE_HORIZON_DAYS = 28  # Four weeks: about what a buyer knows of deliveries to come.


class Terms(NamedTuple):
    """
    On what terms a promise is made: beyond what is available by backorder_limit units, which may be negative.

    today is a UTC day; horizon_days is how far ahead supply and demand are looked at. promised is how many units of
    the order a hold had promised already: so many are never refused, whatever facts have done to the location since.
    """

    backorder_limit: int = 0
    today: int = 0
    horizon_days: int = PROMISE_HORIZON_DAYS
    promised: int = 0


PLAIN_TERMS = Terms()


def is_covered(stock: Stock, line: OpenLine, counted: OpenLine, terms: Terms) -> bool:
    """
    Return True when an order may become the line `counted`, having been `line` before.

    An order for now needs what it adds to reserved from what is available at its location; one for a later day
    needs all of it from what is available to promise there from that day on, without the line as it was before.
    """
    added = counted.open - line.open
    if counted.deliver_at is None and line.deliver_at is None:
        available = stock.level(counted.location_id).available
        return added <= max(terms.promised, available + terms.backorder_limit)
    level, future = stock.level(counted.location_id), stock.future
    available = level.available
    if line.deliver_at is None:
        available += line.open
    else:
        was = FutureSupply(line.location_id, day_of(line.deliver_at), demand=-line.open)
        future = with_future(future, was)
    if counted.deliver_at is not None:
        day, last = day_of(counted.deliver_at), terms.today + terms.horizon_days
        available = promised_from(available, future, level.location_id, day, terms.today, last)
    return counted.open <= max(terms.promised, available + terms.backorder_limit)
