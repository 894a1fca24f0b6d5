"""
What can be promised for a later day (semantics 10): verification's own sum.

    ATP(d) = min over k in [d, H] of (available now + Σ over j <= k of (incoming_j - demand_j))

Each location promises for itself, and what is below zero is left out of the sum. Incoming of days gone by counts as
nothing, overdue demand stays.
"""

from typing import Any

from streams.verify.policies import available

Future = list[dict[str, Any]]
"""Entries of a table record: location_id, day, incoming and demand."""


def promised(level: dict[str, Any], today: int, horizon_days: int) -> list[int]:
    """Return what can be promised of a SKU for each day from today to the horizon."""
    places = {entry["location_id"] for entry in (*level["locations"], *level["future"])}
    free = {location["location_id"]: available(location) for location in level["locations"]}
    by_place = [
        _at_location(
            free.get(place, 0),
            [entry for entry in level["future"] if entry["location_id"] == place],
            today,
            horizon_days,
        )
        for place in places
    ]
    return [sum(max(0, units[day]) for units in by_place) for day in range(horizon_days + 1)]


def _at_location(free: int, future: Future, today: int, horizon_days: int) -> list[int]:
    balances = []
    for day in range(today, today + horizon_days + 1):
        came = sum(entry["incoming"] for entry in future if today <= entry["day"] <= day)
        balances.append(free + came - sum(entry["demand"] for entry in future if entry["day"] <= day))
    return [min(balances[day:]) for day in range(len(balances))]


def told(level: dict[str, Any], today: int, horizon_days: int) -> list[int]:
    """Return what a table record says can be promised for each day; without entries, what is there now."""
    now = sum(max(0, available(location)) for location in level["locations"])
    units = []
    for day in range(today, today + horizon_days + 1):
        entries = [entry["units"] for entry in level["promises"] if entry["day"] <= day]
        units.append(entries[-1] if entries else now)
    return units
