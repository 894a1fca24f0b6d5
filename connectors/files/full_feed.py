"""
Files that are full feeds: everything that a location holds, so that what they leave out is zero (semantics 6).

A row of a feed says how many rows there are, so the files are read twice: to count, and to send. Nothing is sent of
files of which a row can't be read: the SKU in it would be set to zero.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.files.connector import FileSource, rows_behind
from connectors.files.mapping import FullFeed
from connectors.protocols import Cursor, Reject, SourceError, SourceEvent
from streams.domain.feeds import MAXIMUM_ROWS

FULL = "FULL"


@dataclass(slots=True)
class _Plan:
    """What the first reading found, by location: rows, as_of and basis; and rows that can't be read."""

    totals: Counter[str] = field(default_factory=Counter)
    terms: dict[str, tuple[int, str]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


class FullFeedSource:
    """
    A FileSource whose counts are the rows of one full feed for each location that the files name.

    Raises SourceError when rows of a location do not describe one moment, or name a SKU twice.
    """

    def __init__(self, source: FileSource, feed: FullFeed) -> None:
        self._source = source
        self._id = feed.id
        self._file = source.files.paths[0].name.partition(".")[0]
        self.files = source.files
        self.source_id = source.source_id

    @property
    def ignored(self) -> dict[str, int]:
        """How many rows the latest read has left out so far, by reason."""
        return self._source.ignored

    def read(self, after: Cursor | None = None) -> Generator[SourceEvent | Reject, None, None]:
        """Yield the feed's rows after the cursor, or only what can't be read, see Source. Raises SourceError."""
        plan = self._planned()
        if plan.rejects:
            yield from plan.rejects
            return
        behind, numbers = rows_behind(after), Counter[str]()
        for item in self._source.read():
            assert isinstance(item, SourceEvent), "the first reading would have rejected it"
            place = item.value["location_id"]
            numbers[place] += 1
            if rows_behind(item.cursor) > behind:
                yield item._replace(value=item.value | self._row(plan, place, numbers[place]))

    def _row(self, plan: _Plan, place: str, number: int) -> dict[str, Any]:
        as_of, _ = plan.terms[place]
        moment = datetime.fromtimestamp(as_of / 1_000, UTC).isoformat(timespec="milliseconds")
        known = {"file": self._file, "as_of": moment.replace("+00:00", "Z"), "location_id": place}
        return {
            "feed_id": self._id.format_map(known),
            "feed_kind": FULL,
            "sequence": number,
            "total": plan.totals[place],
        }

    def _planned(self) -> _Plan:
        plan = _Plan()
        seen: set[tuple[str, str]] = set()
        for item in self._source.read():
            if isinstance(item, Reject):
                plan.rejects.append(item)
            else:
                self._add(plan, seen, item)
        return plan

    @staticmethod
    def _add(plan: _Plan, seen: set[tuple[str, str]], row: SourceEvent) -> None:
        place, sku = row.value["location_id"], row.value["sku"]
        terms = row.value["as_of"], row.value["basis"]
        if plan.terms.setdefault(place, terms) != terms:
            raise SourceError(
                f"Row {row.cursor}: a full feed describes one moment, and as_of or basis is another here."
            )
        if (place, sku) in seen:
            raise SourceError(f"Row {row.cursor}: {sku!r} comes twice for {place!r}; sum its rows first.")
        seen.add((place, sku))
        plan.totals[place] += 1
        if plan.totals[place] > MAXIMUM_ROWS:
            raise SourceError(f"A full feed has at most {MAXIMUM_ROWS:,} rows; {place!r} has more.")
