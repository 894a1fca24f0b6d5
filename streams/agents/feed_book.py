"""
What all workers know of full feeds: how far each partition is, what was decided, which feed each location is based on.

A location's last feed is in force once, not in every SKU: a SKU that the feed found as it was is not written. So
what a SKU is based on is the later of its own count and its location's feed.
"""

import logging

from streams import topology
from streams.agents import feed_codec
from streams.agents.policies import PolicyBook
from streams.domain import feeds
from streams.domain.events import PHYSICAL
from streams.domain.feeds import Feed, FeedDecided, FeedId, FeedInForce, FeedProgress

logger = logging.getLogger(__name__)


class FeedBook:
    """
    Feeds by id, and the one in force by partition and location.

    open has those about which something may still have to be done: thousands that are over must cost nothing.
    is_news says that something was learned; whoever acts on it sets it back. answers are what people said of feeds,
    until it is taken.
    """

    def __init__(self, policies: PolicyBook) -> None:
        self._policies = policies
        self.feeds: dict[FeedId, Feed] = {}
        self.open: dict[FeedId, None] = {}
        self._by_place: dict[tuple[str, str], dict[FeedId, None]] = {}
        self.answers: dict[FeedId, FeedDecided] = {}
        self.in_force: dict[tuple[int, str], FeedInForce] = {}
        self.is_news = False

    def take(self, key: bytes, data: bytes | None) -> None:
        """Take a record of the topic of feeds; what is none of ours is left alone."""
        try:
            self._take(key, data)
        except (KeyError, ValueError, IndexError, UnicodeDecodeError):
            logger.warning("a record of %s under %r is none of a feed", topology.FEEDS.name, key)

    def _take(self, key: bytes, data: bytes | None) -> None:
        if data is None:
            self._forget(key)
        elif key.startswith(feed_codec.PROGRESS):
            self.say(feed_codec.decode_progress(data))
        else:
            decided = feed_codec.decode_decided(data)
            if key == feed_codec.answer_key(decided.feed):
                self.answers[decided.feed] = decided
                self.open[decided.feed] = None  # Even if it comes too late, it is to be put aside.
                self.is_news = True
            elif key == feed_codec.decided_key(decided.feed):
                self.decide(decided)

    def say(self, progress: FeedProgress) -> None:
        """Take what a partition says of a feed."""
        known = self.feeds.get(progress.feed) or Feed(progress.feed)
        feed = known.with_progress(progress)
        if feed is known:
            return  # An echo of what this worker has said.
        self._keep(feed)
        if progress.stage == feeds.APPLIED:
            place, now = (progress.partition, progress.location_id), FeedInForce.of(progress)
            self.in_force[place] = max(now, self.in_force.get(place, now))
        self.is_news = True

    def decide(self, decided: FeedDecided) -> None:
        """Take a decision."""
        known = self.feeds.get(decided.feed) or Feed(decided.feed)
        if known.decided == decided:
            return
        self._keep(Feed(known.feed_id, known.progress, decided))
        self.is_news = True

    def _forget(self, key: bytes) -> None:
        """Forget what was said under a key that has been deleted; it tells the feed by its length prefix."""
        kind, _, rest = key.partition(b"\x1f")
        lengths, _, ids = rest.partition(b"\x1f")
        source_bytes, location_bytes = (int(length) for length in lengths.split(b","))
        feed = FeedId(
            ids[:source_bytes].decode(),
            ids[source_bytes + 1 : source_bytes + 1 + location_bytes].decode(),
            ids[source_bytes + location_bytes + 2 :].decode(),
        )
        known = self.feeds.get(feed)
        if kind == feed_codec.ANSWER:
            self.answers.pop(feed, None)
            self._keep(known or Feed(feed))
        elif known is not None and kind == feed_codec.DECIDED:
            self._keep(Feed(feed, known.progress))
        elif known is not None:
            partition = int(kind.removeprefix(feed_codec.PROGRESS))
            left = {number: said for number, said in known.progress.items() if number != partition}
            self._keep(Feed(feed, left, known.decided))

    def _keep(self, feed: Feed) -> None:
        feed_id, place = feed.feed_id, feed.feed_id[:2]
        if feed.progress or feed.decided is not None:
            self.feeds[feed_id] = feed
            self._by_place.setdefault(place, {})[feed_id] = None
        else:
            self.feeds.pop(feed_id, None)
            self._by_place.get(place, {}).pop(feed_id, None)
        if feed.is_over:
            self.open.pop(feed_id, None)
        else:
            self.open[feed_id] = None

    def rivals(self, feed: Feed) -> list[Feed]:
        """Return the other feeds of a feed's source and location."""
        found = self._by_place.get(feed.feed_id[:2], {})
        return [self.feeds[other] for other in found if other != feed.feed_id]

    def counted_at(self, partition: int, key: bytes, location_id: str) -> int:
        """Return as_of of the feed that a SKU is based on at a location, 0 without one; UTC milliseconds."""
        found = self.in_force.get((partition, location_id))
        if found is None or not self._policies.plan(key).sources_at(location_id).trusts(found.source_id):
            return 0
        return found.as_of

    def basis(self, partition: int, location_id: str, counted_at: int) -> str:
        """Return what the quantities of a location's feed of that moment mean, also while it is being applied."""
        found = self.in_force.get((partition, location_id))
        if found is not None and found.as_of == counted_at:
            return found.basis
        for feed in self.feeds.values():
            head = feed.head
            if head and head.location_id == location_id and head.as_of == counted_at:
                return head.basis
        return PHYSICAL
