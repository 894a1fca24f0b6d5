"""Keys and values of the topics of full feeds."""

from collections.abc import Callable
from typing import NamedTuple

from streams.agents.stock_codec import record_readers
from streams.domain.feeds import FeedDecided, FeedId, FeedProgress
from streams.engine.versions import writer_of

PROGRESS, DECIDED, ANSWER = b"progress", b"decided", b"answer"
"""What a key of stock-feeds begins with: a partition's progress, the decision, a person's word that waits for it."""

_SEPARATOR = b"\x1f"  # ASCII's unit separator, as in other keys.


class FeedRows(NamedTuple):
    """Some rows of a feed, StockCounted values as they came, in the order of its schema."""

    source_id: str
    location_id: str
    feed_id: str
    rows: tuple[bytes, ...]

    @property
    def feed(self) -> FeedId:
        """The feed that they belong to."""
        return FeedId(*self[:3])


_write_progress = writer_of("FeedProgress")
_write_decided = writer_of("FeedDecided")
_write_rows = writer_of("FeedRows")
decode_progress: Callable[[bytes], FeedProgress] = record_readers("FeedProgress", FeedProgress)
decode_decided: Callable[[bytes], FeedDecided] = record_readers("FeedDecided", FeedDecided)
decode_rows: Callable[[bytes], FeedRows] = record_readers("FeedRows", FeedRows)


def encode_progress(progress: FeedProgress) -> bytes:
    """Return a stock-feeds value."""
    return _write_progress(*progress)


def encode_decided(decided: FeedDecided) -> bytes:
    """Return a stock-feeds value."""
    return _write_decided(*decided)


def encode_rows(_key: bytes, rows: FeedRows) -> bytes:
    """Return a stock-feed-rows value."""
    return _write_rows(*rows)


def progress_key(progress: FeedProgress) -> bytes:
    """Return the key of what a partition says of a feed."""
    return _key(PROGRESS + b"%d" % progress.partition, progress.feed)


def decided_key(feed: FeedId) -> bytes:
    """Return the key of a feed's decision; its partition is the one that decides."""
    return _key(DECIDED, feed)


def answer_key(feed: FeedId) -> bytes:
    """Return the key of what a person says of a feed in quarantine."""
    return _key(ANSWER, feed)


def rows_key(feed: FeedId, number: int) -> bytes:
    """Return the key of a feed's records of rows, by their number within the partition."""
    return _key(b"%d" % number, feed)


def _key(kind: bytes, feed: FeedId) -> bytes:
    source_id, location_id, feed_id = (part.encode() for part in feed)
    lengths = b"%d,%d" % (len(source_id), len(location_id))  # Ids may hold anything; these keep two apart.
    return _SEPARATOR.join((kind, lengths, source_id, location_id, feed_id))
