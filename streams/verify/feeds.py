"""
Full feeds (semantics 6): which one each location is based on, and whether all its rows were there.

A feed is applied partition by partition; the topic of feeds says how far each is. A SKU that a feed does not name has
none of it. A row of a feed has a row in the ledger only if the feed has changed its SKU.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from streams.verify.decoding import Undecodable, decode
from streams.verify.reading import Record
from streams.verify.report import Kind, Report

FULL = "FULL"
PROGRESS_RECORD = "FeedProgress"

FeedId = tuple[str, str, str]
"""Source, location and feed_id."""


class Fed(NamedTuple):
    """The feed that a location is based on; of two the greater counts."""

    as_of: int
    source_id: str
    feed_id: str
    basis: str


def feed_of(value: dict[str, Any]) -> FeedId:
    """Return the feed that a row, or what is said of one, belongs to."""
    return value["source_id"], value["location_id"], value["feed_id"]


class Feeds:
    """What the topic of feeds says at one moment, of all partitions."""

    def __init__(self) -> None:
        self._said: dict[bytes, dict[str, Any]] = {}

    def read(self, records: Iterable[Record]) -> None:
        """Take the records of the topic, in order; workers let alone what they can't read."""
        for record in records:
            key = record.key() or b""
            self._said.pop(key, None)
            try:
                name, value = decode(record.value())
            except Undecodable:
                continue
            if name == PROGRESS_RECORD:
                self._said[key] = value

    def in_force(self, partition: int) -> dict[str, Fed]:
        """Return by location which feed a partition has applied last."""
        found: dict[str, Fed] = {}
        for said in self._said.values():
            if said["partition"] == partition and said["stage"] == "APPLIED":
                fed = Fed(*(said[name] for name in Fed._fields))
                found[said["location_id"]] = max(fed, found.get(said["location_id"], fed))
        return found

    def moments(self, partition: int) -> dict[str, set[int]]:
        """Return by location as of which moments a partition has applied feeds."""
        found: dict[str, set[int]] = {}
        for said in self._said.values():
            if said["partition"] == partition and said["stage"] == "APPLIED":
                found.setdefault(said["location_id"], set()).add(said["as_of"])
        return found

    def check_rows(self, partition: int, rows: Counter[FeedId], report: Report) -> None:
        """Compare how many rows of a feed a partition says that it has with those among its inputs."""
        for said in self._said.values():
            if said["partition"] == partition and rows[feed_of(said)] < said["rows"]:
                what = f"rows of feed {said['feed_id']} in partition {partition}, by its inputs"
                report.add(Kind.FEED, said["location_id"], what, rows[feed_of(said)], said["rows"])

    def check_whole(self, report: Report) -> None:
        """Check that no feed was applied anywhere before all its rows were there, counted over all partitions."""
        rows: Counter[FeedId] = Counter()
        for said in self._said.values():
            rows[feed_of(said)] += said["rows"]
        for said in self._said.values():
            if said["stage"] == "APPLIED" and rows[feed_of(said)] != said["total"]:
                what = f"rows of feed {said['feed_id']}, which was applied"
                report.add(Kind.FEED, said["location_id"], what, said["total"], rows[feed_of(said)])
