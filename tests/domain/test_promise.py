"""What can be promised for a later day (semantics 10)."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.promise import pooled, promise_on, promised_from, promises
from streams.domain.stock import FutureSupply, Level, Promise, Stock, with_future
from tests.domain.shop import LOCATIONS, SKU

TODAY = 20_000
HORIZON = 7


def stock_with(available: int, *future: tuple[int, int, int]) -> Stock:
    """One location; future is (days from today, incoming, demand)."""
    entries = tuple(FutureSupply("store", TODAY + day, incoming, demand) for day, incoming, demand in future)
    return Stock(SKU, locations=(Level("store", available),), future=entries)


PAGE = stock_with(20, (1, 0, 3), (3, 10, 0), (4, 0, 15), (5, 1, 0), (6, 3, 0))


def by_day(stock: Stock, horizon: int = HORIZON) -> list[int]:
    """Available to promise for each day from tomorrow to the horizon."""
    found = promises(stock, TODAY, horizon)
    return [promise_on(found, TODAY + day, pooled(stock)) for day in range(1, horizon + 1)]


def test_example_of_the_page() -> None:
    """Semantics 10, word for word."""
    assert by_day(PAGE) == [12, 12, 12, 12, 13, 16, 16]
    assert promises(PAGE, TODAY, HORIZON) == (
        Promise(TODAY, 12),
        Promise(TODAY + 5, 13),
        Promise(TODAY + 6, 16),
    )


def test_demand_behind_the_horizon_is_not_looked_at() -> None:
    """And comes into sight as days go by."""
    stock = stock_with(10, (3, 0, 4))
    assert by_day(stock, 2) == [10, 10]
    assert by_day(stock, 3) == [6, 6, 6]


def test_what_today_brings_can_be_promised_today() -> None:
    """Its day is not over; yesterday's did not come and counts as nothing."""
    assert promises(stock_with(5, (0, 4, 0)), TODAY, HORIZON) == (Promise(TODAY, 9),)
    assert promises(stock_with(5, (-1, 4, 0)), TODAY, HORIZON) == ()


def test_overdue_demand_stays() -> None:
    """What should have been reserved at midnight is owed, told or not."""
    assert promises(stock_with(5, (-1, 0, 4)), TODAY, HORIZON) == (Promise(TODAY, 1),)


def test_a_deficit_hides_no_other_locations_stock() -> None:
    """Ten in the store are promised whatever the warehouse owes, now or later."""
    levels = (Level("store", 10), Level("warehouse", -50))
    future = (FutureSupply("store", TODAY + 2, 0, 3), FutureSupply("warehouse", TODAY + 1, 60))
    assert by_day(Stock(SKU, locations=levels, future=future)) == [17] * HORIZON
    owed = (FutureSupply("yard", TODAY + 1, 0, 9),)
    assert by_day(Stock(SKU, locations=levels[:1], future=owed)) == [10] * HORIZON


def test_nothing_known_of_the_future_promises_nothing() -> None:
    """The entries would only repeat what is available now."""
    assert promises(stock_with(5), TODAY, HORIZON) == ()


def test_a_day_behind_the_horizon_is_looked_at_up_to_itself() -> None:
    """An order for day 40 may ask; what comes by then counts, what is owed later does not."""
    stock = stock_with(5, (30, 10, 0), (40, 0, 2), (41, 0, 9))
    assert promised_from(5, stock.future, "store", TODAY + 40, TODAY, TODAY + HORIZON) == 13
    assert promised_from(5, stock.future, "store", TODAY + 7, TODAY, TODAY + HORIZON) == 5


def entries() -> st.SearchStrategy[tuple[FutureSupply, ...]]:
    """Any future, days gone by and behind the horizon included."""
    one = st.builds(
        FutureSupply,
        st.sampled_from(LOCATIONS),
        st.integers(TODAY - 2, TODAY + HORIZON + 3),
        st.integers(0, 30),
        st.integers(0, 30),
    )

    def joined(found: list[FutureSupply]) -> tuple[FutureSupply, ...]:
        future: tuple[FutureSupply, ...] = ()
        for entry in found:
            future = with_future(future, entry)
        return future

    return st.lists(one, max_size=12).map(joined)


def formula(stock: Stock, day: int) -> int:
    """The page's formula, read literally."""
    places = {level.location_id for level in stock.locations} | {entry[0] for entry in stock.future}
    total = 0
    for place in places:
        here = [entry for entry in stock.future if entry.location_id == place]
        sums = [
            stock.level(place).available
            + sum(entry.incoming for entry in here if TODAY <= entry.day <= k)
            - sum(entry.demand for entry in here if entry.day <= k)
            for k in range(day, TODAY + HORIZON + 1)
        ]
        total += max(0, min(sums))
    return total


@given(
    st.dictionaries(st.sampled_from(LOCATIONS), st.integers(-20, 40)),
    entries(),
)
def test_promises_are_the_formula_read_literally(
    available: dict[str, int], future: tuple[FutureSupply, ...]
) -> None:
    """Each day of the horizon, over several locations; entries stand only where something changes."""
    levels = tuple(Level(place, units) for place, units in sorted(available.items()))
    stock = Stock(SKU, locations=levels, future=future)
    found = promises(stock, TODAY, HORIZON)
    for day in range(TODAY, TODAY + HORIZON + 1):
        assert promise_on(found, day, pooled(stock)) == formula(stock, day)
    units = [entry.units for entry in found]
    assert len(units) == len([*groupby(units)])
    assert [entry.day for entry in found] == sorted({entry.day for entry in found})


@given(entries(), entries())
def test_what_is_added_to_the_future_can_be_taken_out_again(
    future: tuple[FutureSupply, ...], more: tuple[FutureSupply, ...]
) -> None:
    """Days stay in order, one entry each, none without units."""
    changed = future
    for entry in more:
        changed = with_future(changed, entry)
    assert list(changed) == sorted(changed)
    assert len({entry[:2] for entry in changed}) == len(changed)
    for entry in reversed(more):
        changed = with_future(changed, entry._replace(incoming=-entry.incoming, demand=-entry.demand))
    assert changed == future
