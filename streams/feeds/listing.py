"""How far full feeds are, read from what partitions and deciders have said."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from streams.agents.feed_book import FeedBook
from streams.agents.policies import PolicyBook
from streams.dlq.reading import scan
from streams.domain import feeds
from streams.domain.feeds import Feed
from streams.engine.errors import EngineError
from streams.engine.log import Log
from streams.topology import FEEDS

INCOMPLETE, ASSESSING, QUARANTINED, APPLYING = "incomplete", "assessing", "quarantined", "applying"


class FeedNotFound(EngineError):
    """There is no such feed, or more than one."""


class FeedStatus(NamedTuple):
    """A feed in a person's words: times in UTC milliseconds, zero_share in percent, None before it is known."""

    feed: Feed
    state: str
    total: int
    zero_share: float | None
    changed: int

    def summary(self) -> dict[str, Any]:
        """Return what machines are told."""
        feed, decided = self.feed, self.feed.decided
        return {
            "feed_id": feed.feed_id.feed_id,
            "source_id": feed.feed_id.source_id,
            "location_id": feed.feed_id.location_id,
            "state": self.state,
            "as_of": feed.as_of,
            "rows": feed.rows,
            "total": self.total,
            "skus": feed.skus,
            "would_zero": feed.would_zero,
            "zero_share": self.zero_share,
            "changed": self.changed,
            "decision": feed.decision,
            "decided_by": None if decided is None else decided.by,
            "decided_at": None if decided is None else decided.decided_at,
            "note": None if decided is None else decided.note,
        }

    def details(self) -> dict[str, Any]:
        """Return what machines are told of one feed: what each partition says besides."""
        partitions = [self.feed.progress[number]._asdict() for number in sorted(self.feed.progress)]
        named = {"source_id", "location_id", "feed_id"}
        return self.summary() | {
            "partitions": [
                {name: value for name, value in said.items() if name not in named} for said in partitions
            ]
        }


def load_feeds(log: Log) -> list[FeedStatus]:
    """Return all feeds that are remembered, the latest first. Raises MissingTopic and StalledRead."""
    book = FeedBook(PolicyBook(()))
    for record in scan(log, [FEEDS.name]):
        book.take(record.key() or b"", record.value())
    known = [feed for feed in book.feeds.values() if feed.progress]
    return [status_of(feed) for feed in sorted(known, key=lambda feed: feed.order, reverse=True)]


def status_of(feed: Feed) -> FeedStatus:
    """Return how far a feed is."""
    head = feed.head
    assert head is not None, "somebody has spoken of it"
    share = None if feed.decided is None and not _has_skus(feed) else _share(feed)
    changed = sum(said.changed for said in feed.progress.values())
    return FeedStatus(feed, _state(feed), head.total, share, changed)


def _has_skus(feed: Feed) -> bool:
    return all(said.stage == feeds.ASSESSED for said in feed.progress.values())


def _share(feed: Feed) -> float:
    return round(100 * feed.would_zero / feed.skus, 1) if feed.skus else 0.0


def _state(feed: Feed) -> str:
    if feed.decision in feeds.IN_FAVOUR:
        is_over = all(said.is_over for said in feed.progress.values())
        return feeds.APPLIED.lower() if is_over else APPLYING
    if feed.decision is not None:
        return feed.decision.lower()
    return ASSESSING if feed.is_complete else INCOMPLETE


def find(
    statuses: Iterable[FeedStatus], name: str, source_id: str | None = None, location_id: str | None = None
) -> FeedStatus:
    """Return the feed with an id, of a source and location if these are given. Raises FeedNotFound."""
    found = [
        status
        for status in statuses
        if status.feed.feed_id.feed_id == name
        and source_id in {None, status.feed.feed_id.source_id}
        and location_id in {None, status.feed.feed_id.location_id}
    ]
    if not found:
        raise FeedNotFound(f"There is no feed {name!r}: `onhand feeds list` shows those that there are.")
    if len(found) > 1:
        places = ", ".join(f"{one.feed.feed_id.source_id} at {one.feed.feed_id.location_id}" for one in found)
        raise FeedNotFound(f"There are {len(found)} feeds {name!r} ({places}): add --source and --location.")
    return found[0]
