"""The demo's own idea of what is where, so that its customers mostly buy what there is."""

from __future__ import annotations

from collections import Counter


class Shelf:
    """Units that are there and not promised, by SKU and location."""

    def __init__(self) -> None:
        self._units: Counter[tuple[str, str]] = Counter()

    def units(self, sku: str, location_id: str) -> int:
        """Return what is there."""
        return self._units[sku, location_id]

    def put(self, sku: str, location_id: str, quantity: int) -> None:
        """Add units."""
        self._units[sku, location_id] += quantity

    def take(self, sku: str, location_id: str, quantity: int) -> None:
        """Take units away, below zero if it must be: a till sale has happened."""
        self._units[sku, location_id] -= quantity
