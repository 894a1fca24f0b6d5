"""
What the Online Retail files come to, counted again by a plain loop: nothing here is Onhand's code.

The rules are those that the design fixes under "Real input", so that anyone can check the result.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CHANNELS = ("pos", "web", "marketplace")
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

_GOODS = re.compile(r"^\d{5}[A-Z]*$")


@dataclass
class Expected:
    """Stock by SKU and location, and how many events make it."""

    on_hand: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    events_total: int = 0

    def move(self, sku: str, location_id: str, units: int) -> None:
        """Count one event."""
        at = self.on_hand[sku]
        at[location_id] = at.get(location_id, 0) + units
        self.events_total += 1

    def available_to_sell(self) -> dict[str, int]:
        """Return what every channel may sell of each SKU: a location's deficit hides no other's stock."""
        return {sku: available_to_sell(at) for sku, at in self.on_hand.items()}


def available_to_sell(on_hand: Mapping[str, int]) -> int:
    """Return what any channel may sell of a SKU that no policy concerns."""
    return sum(max(0, units) for units in on_hand.values())


def expected_of(files: Iterable[Path], opening_stock: int) -> Expected:
    """Return what the files come to when each SKU begins with so much at each location."""
    expected = Expected()
    for path in files:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            _count(expected, row)
    for sku in list(expected.on_hand):
        for location_id in list(expected.on_hand[sku]):
            expected.move(sku, location_id, opening_stock)
    return expected


def _count(expected: Expected, row: Mapping[str, str]) -> None:
    sku, quantity = row["StockCode"].upper(), int(row["Quantity"])
    cancelled = row["InvoiceNo"].startswith("C")
    if not _GOODS.match(sku) or quantity == 0 or (cancelled and quantity > 0):
        return
    location_id = "store-london" if row["Country"] == "United Kingdom" else "dc-leeds"
    is_adjustment = quantity < 0 and not cancelled
    expected.move(sku, location_id, quantity if is_adjustment else -quantity)


SMALL_ROWS = 600
SMALL_SKUS = ("85123A", "85123a", "71053", "22728", "84029g", "21777", "POST", "47566B", "BANK CHARGES")
SMALL_COUNTRIES = ("United Kingdom", "United Kingdom", "EIRE", "Germany", "Japan", "France")


def write_small_shop(folder: Path) -> list[Path]:
    """Write two small months in the shape of the real ones, every kind of row in them; one is packed."""
    rows: list[str] = []
    for number in range(SMALL_ROWS):
        cancelled = number % 11 == 3
        invoice = f"{'C' if cancelled else ''}{536_000 + number // 7}"
        quantity = -(1 + number % 4) if cancelled or number % 29 == 5 else (number * 7) % 25
        code = SMALL_SKUS[(number * number + number // 5) % len(SMALL_SKUS)]
        country = SMALL_COUNTRIES[number % len(SMALL_COUNTRIES)]
        date = f"2010-12-{1 + number // 40:02} 10:{number % 60:02}:00"
        rows.append(f'{invoice},{code},"GOODS, NUMBER {number}",{quantity},{date},2.55,17850.0,{country}\n')
    first, second = folder / "2010-12.csv", folder / "2011-01.csv.gz"
    half = SMALL_ROWS // 2 + 3  # In the middle of an invoice, whose rows go on counting in the other file.
    first.write_text(HEADER + "".join(rows[:half]), "utf-8")
    second.write_bytes(gzip.compress((HEADER + "".join(rows[half:])).encode()))
    return [first, second]
