"""
What can be promised for a later day (semantics 10).

    ATP(d) = min over k in [d, H] of (available now + Σ over j <= k of (incoming_j - demand_j))

Days are whole UTC days. Each location promises for itself, and promises are summed with those below zero left out:
a deficit never hides another location's stock. Incoming of days gone by counts as zero, overdue demand stays.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.domain.stock import FutureSupply, Promise, Stock


class _Step(NamedTuple):
    """From a day on, until the next step."""

    day: int
    units: int


def promises(stock: Stock, today: int, horizon_days: int) -> tuple[Promise, ...]:
    """
    Return available to promise over all locations, an entry for today and wherever it changes up to the horizon.

    Empty when nothing is known of the future, or when it changes nothing.
    """
    if not stock.future:
        return ()
    available = {level.location_id: level.available for level in stock.locations}
    entries: dict[str, list[FutureSupply]] = {location_id: [] for location_id in available}
    for entry in stock.future:
        entries.setdefault(entry.location_id, []).append(entry)
    changes: dict[int, int] = {today: 0}
    for location_id, here in entries.items():
        before = 0
        for day, units in _promised(available.get(location_id, 0), here, today, today + horizon_days):
            changes[day] = changes.get(day, 0) + max(0, units) - before
            before = max(0, units)
    found = _where_it_changes(changes)
    now = sum(max(0, units) for units in available.values())
    return () if found == [Promise(today, now)] else tuple(found)


def promised_from(
    available: int, future: Iterable[FutureSupply], location_id: str, day: int, today: int, last: int
) -> int:
    """Return available to promise at one location from a day on; last is the horizon, or the day if that is later."""
    steps = _promised(available, _at(future, location_id), today, max(last, day))
    return [step for step in steps if step.day <= day][-1].units


def promise_on(known: tuple[Promise, ...], day: int, otherwise: int) -> int:
    """Return what a SKU's promises say of a day; `otherwise` when there are none."""
    units = otherwise
    for entry in known:
        if entry.day > day:
            break
        units = entry.units
    return units


def promise_the_same(
    known: tuple[Promise, ...], other: tuple[Promise, ...], today: int, otherwise: tuple[int, int]
) -> bool:
    """Return True when both say the same of today and every later day; otherwise is what each says without entries."""
    days = {today, *(entry.day for entry in (*known, *other) if entry.day > today)}
    return all(promise_on(known, day, otherwise[0]) == promise_on(other, day, otherwise[1]) for day in days)


def pooled(stock: Stock) -> int:
    """Return what is available now over all locations, deficits left out."""
    return sum(max(0, level.available) for level in stock.locations)


def _at(future: Iterable[FutureSupply], location_id: str) -> list[FutureSupply]:
    return [entry for entry in future if entry.location_id == location_id]


def _promised(available: int, entries: list[FutureSupply], today: int, last: int) -> list[_Step]:
    """Return ATP of one location from today to the last day; entries are in order of day."""
    units = available - sum(entry.demand for entry in entries if entry.day < today)
    steps = [_Step(today, units)]
    for entry in entries:
        if today <= entry.day <= last:
            units += entry.incoming - entry.demand
            steps.append(_Step(entry.day, units))
    least, promised = units, []
    for day, level in reversed(steps):
        least = min(least, level)
        promised.append(_Step(day, least))
    if len(steps) > 1 and steps[1].day == today:  # What today brings counts from today's beginning.
        promised.pop()
    return promised[::-1]


def _where_it_changes(changes: dict[int, int]) -> list[Promise]:
    found: list[Promise] = []
    units = 0
    for day in sorted(changes):
        units += changes[day]
        if not found or found[-1].units != units:
            found.append(Promise(day, units))
    return found
