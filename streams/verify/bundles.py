"""
Bundles (semantics 9): what channels may sell of them, and that what moved one has moved its components.

Components lie on other partitions, so both are compared once all partitions have been read; what is kept until then is
a figure for each bundle and component, and each exploded event.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from streams.verify.report import Kind, Report

PART_ID_CHARACTERS = 200

Components = tuple[tuple[str, int], ...]
"""SKU and units in one bundle, of each component."""
Values = dict[str, dict[str, Any]]


class _Exploded(NamedTuple):
    """An event of a bundle that moved its components, and where it stands."""

    where: str
    record: str
    value: dict[str, Any]


class Bundles:
    """Every bundle, what its components were at any time, and what happened to it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._now: dict[str, Components] = {}
        self._ever: dict[str, set[Components]] = {}
        self._needed: set[str] = set()
        self._told: dict[str, dict[str, int]] = {}
        self._exploded: list[_Exploded] = []
        self._parts: dict[str, tuple[str, str, str, int, int]] = {}

    def __contains__(self, sku: str) -> bool:
        return sku in self._now

    def describe(self, sku: str, components: list[dict[str, Any]] | None, *, in_force: bool) -> None:
        """Take what a SKU consists of, or once did."""
        listed = tuple((part["sku"], part["quantity"]) for part in components or ())
        if listed:
            self._ever.setdefault(sku, set()).add(listed)
        if in_force and listed:
            self._now[sku] = listed
            self._needed.update(name for name, _ in listed)
        elif in_force:
            self._now.pop(sku, None)

    def explode(self, where: str, record: str, value: dict[str, Any]) -> None:
        """Take an event that the ledger calls exploded."""
        self._exploded.append(_Exploded(where, record, value))

    def part(self, record: str, value: dict[str, Any]) -> None:
        """Take an event that the stock agent has sent for a component."""
        self._parts[value["event_id"]] = _content(record, value, value["sku"], value["quantity"])

    def tell(self, channel_id: str, told: Values) -> None:
        """Take what a channel was told of bundles and components."""
        figures = self._told.setdefault(channel_id, {})
        for sku in told.keys() & (self._needed | self._now.keys()):
            figures[sku] = told[sku]["available_to_sell"]

    def check(self) -> None:
        """Compare everything, once all partitions have been read."""
        for channel_id, figures in self._told.items():
            for sku, components in self._now.items():
                expected = min(self._left(figures, *part) for part in components)
                found = figures.get(sku)
                if found is not None and found != expected:
                    what = "available_to_sell of a bundle, by its components"
                    self._report.add(Kind.AVAILABILITY, f"{sku} in {channel_id}", what, expected, found)
        for exploded in self._exploded:
            sku = exploded.value["sku"]
            if not any(self._has_parts(exploded, listed) for listed in self._ever.get(sku, ())):
                what = f"{exploded.record} of bundle {sku} has not moved each of its components once"
                self._report.add(Kind.BUNDLE, exploded.where, what)
        self._report.counts["bundle_events"] = len(self._exploded)

    def _left(self, figures: dict[str, int], component: str, needed: int) -> int:
        return 0 if component in self._now else figures.get(component, 0) // needed

    def _has_parts(self, exploded: _Exploded, components: Iterable[tuple[str, int]]) -> bool:
        value = exploded.value
        return all(
            self._parts.get(_part_id(value, sku))
            == _content(exploded.record, value, sku, value["quantity"] * needed)
            for sku, needed in components
        )


def _content(record: str, value: dict[str, Any], sku: str, quantity: int) -> tuple[str, str, str, int, int]:
    return record, sku, value["location_id"], quantity, value["occurred_at"]


def _part_id(value: dict[str, Any], component: str) -> str:
    """Return the id under which an event of a bundle is sent for a component."""
    names = (value["sku"], value["source_id"], value["event_id"], component)
    text = ":".join(name.replace("%", "%25").replace(":", "%3A") for name in names)
    return text if len(text) <= PART_ID_CHARACTERS else blake2b(text.encode(), digest_size=16).hexdigest()
