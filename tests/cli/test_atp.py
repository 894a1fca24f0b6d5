"""What `onhand stock --atp` makes of a stock level: a row for each day (semantics 10)."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from streams.cli.atp import by_day, table_of

TODAY = 20_782  # 2026-11-25.

LOCATION: dict[str, Any] = {
    "location_id": "store",
    "on_hand": 20,
    "unsellable": 0,
    "reserved": 0,
    "held": 0,
    "safety_stock": 0,
    "incoming": 14,
    "counted_at": 0,
}


def entry(days: int, incoming: int, demand: int, location_id: str = "store") -> dict[str, Any]:
    """What a day brings and takes."""
    return {"location_id": location_id, "day": TODAY + days, "incoming": incoming, "demand": demand}


PAGE: dict[str, Any] = {
    "locations": [LOCATION],
    "future": [entry(1, 0, 3), entry(3, 10, 0), entry(4, 0, 15), entry(5, 1, 0), entry(6, 3, 0)],
    "promises": [
        {"day": TODAY, "units": 12},
        {"day": TODAY + 5, "units": 13},
        {"day": TODAY + 6, "units": 16},
    ],
}


def units(level: dict[str, Any] | None, today: int = TODAY, horizon_days: int = 7) -> list[int]:
    """Available to promise from today on."""
    return [row["available_to_promise"] for row in by_day(level, today, horizon_days)]


def test_example_of_the_page_by_day() -> None:
    """Today, and the seven days of the page."""
    assert units(PAGE) == [12, 12, 12, 12, 12, 13, 16, 16]
    assert by_day(PAGE, TODAY, 7)[3] == {
        "day": "2026-11-28",
        "incoming": 10,
        "demand": 0,
        "available_to_promise": 12,
    }


def test_days_are_summed_over_locations() -> None:
    """A SKU's promise is one figure, and so is what a day brings."""
    level = {**PAGE, "future": [entry(1, 2, 3), entry(1, 5, 0, "yard")]}
    row = by_day(level, TODAY, 1)[1]
    assert (row["incoming"], row["demand"]) == (7, 3)


def test_without_a_future_what_is_available_is_promised() -> None:
    """Every day; also of a value of before there were promises, and of a SKU whose level nobody knows."""
    short = {**LOCATION, "location_id": "yard", "on_hand": -9}
    assert units({"locations": [{**LOCATION, "reserved": 4}, short]}, horizon_days=2) == [16, 16, 16]
    assert units(None, horizon_days=1) == [0, 0]


def test_promises_of_yesterday_hold_until_they_are_looked_at_again() -> None:
    """The view may be read just after midnight."""
    assert units(PAGE, TODAY + 5, 2) == [13, 16, 16]


def test_the_table_shows_what_days_bring_and_take() -> None:
    """Nothing where nothing happens, so that the eye finds the days that matter."""
    console = Console(width=80)
    with console.capture() as shown:
        console.print(table_of(by_day(PAGE, TODAY, 4)))
    rows = [line.split() for line in shown.get().splitlines()]
    assert [row for row in rows if row and row[0].startswith("2026")] == [
        ["2026-11-25", "12"],
        ["2026-11-26", "3", "12"],
        ["2026-11-27", "12"],
        ["2026-11-28", "10", "12"],
        ["2026-11-29", "15", "12"],
    ]
