"""
What a channel says of an order, in Onhand's words: a statement of the whole, not a change.

Channels send an order again whenever anything about it changes, and say how it stands now: ten ordered, four shipped.
What changed since is not in it, so no pure function of it alone can give the right deltas: a quantity that goes
from 3 to 1 to 2 reads, the last time, just "2". So translators state, and order_desk.py turns statements into events
by what was told before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.body import Part, Untranslatable
from streams.domain import validation


@dataclass(frozen=True, slots=True)
class Item:
    """
    What is stated of one SKU of an order at one location, all its lines summed (semantics 1); units.

    ordered counts what was cancelled, and cancelled never what was shipped. line_id is the first of its lines and
    names the events. shipped_at is when the latest units left, UTC milliseconds.
    """

    line_id: str
    sku: str
    location_id: str
    ordered: int
    cancelled: int = 0
    shipped: int = 0
    shipped_at: int | None = None

    @property
    def promised(self) -> int:
        """Units that were promised and not cancelled; what was shipped was promised, whatever a channel says."""
        return max(self.ordered - self.cancelled, self.shipped)


@dataclass(frozen=True, slots=True)
class Order:
    """
    An order as it stands at a revision; a higher revision is a later state. Times are UTC milliseconds.

    whole says that what it does not name is not, or no longer, part of the order.
    """

    order_id: str
    revision: int
    placed_at: int
    changed_at: int
    items: tuple[Item, ...]
    whole: bool = True


@dataclass(slots=True)
class Lines:
    """Sums lines into items, in the order in which they come."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)

    @contextmanager
    def line_of(self, sku: str) -> Iterator[None]:
        """While a line is read: if it is refused, nothing is stated of its SKU, whose sum would be too low."""
        try:
            yield
        except Untranslatable:
            self.incomplete.add(sku)
            raise

    def add(self, item: Item, line: Part, name: str) -> None:
        """Add a line to the item of its SKU and location. Raises Untranslatable when together they are too many."""
        key = item.sku, item.location_id
        held = self.items.get(key)
        if held is not None:
            item = Item(
                held.line_id,
                held.sku,
                held.location_id,
                held.ordered + item.ordered,
                held.cancelled + item.cancelled,
                held.shipped + item.shipped,
                max(held.shipped_at or 0, item.shipped_at or 0) or None,
            )
        if max(item.ordered, item.shipped, item.cancelled) > validation.MAXIMUM_QUANTITY:
            most = validation.MAXIMUM_QUANTITY
            raise Untranslatable(line.where(name), f"together with its SKU's other lines more than {most}")
        self.items[key] = item

    def result(self) -> tuple[Item, ...]:
        """Return the items whose lines could all be read."""
        return tuple(item for item in self.items.values() if item.sku not in self.incomplete)
