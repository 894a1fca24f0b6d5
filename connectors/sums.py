"""Several lines about one SKU as one event, where each alone would be wrong."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.body import Untranslatable
from connectors.translation import Event


@dataclass(slots=True)
class Sums:
    """
    Adds up the lines of one document that are about one SKU.

    For promises, which ask first and must ask for all of it (semantics 1), and for counts, of which the last of one
    moment would win: lots, or cases beside single units, are parts of one figure.
    """

    incomplete: set[str] = field(default_factory=set)

    @contextmanager
    def line_of(self, sku: str) -> Iterator[None]:
        """While a line is read: if it is refused, nothing is told of its SKU, whose sum would be too low."""
        try:
            yield
        except Untranslatable:
            self.incomplete.add(sku)
            raise

    def of(self, events: Iterable[Event]) -> list[Event]:
        """Return events with those of one record, SKU, place, time and basis as one, under the id of the first."""
        found: dict[tuple[object, ...], Event] = {}
        for record, value in events:
            key = (record, value["sku"], value["location_id"], value["occurred_at"], value.get("basis"))
            if key in found:
                earlier = found[key][1]
                found[key] = record, earlier | {"quantity": earlier["quantity"] + value["quantity"]}
            elif value["sku"] not in self.incomplete:
                found[key] = record, value
        return list(found.values())
