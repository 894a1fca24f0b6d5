"""
A person's word about a feed in quarantine, written to the topic of feeds.

It has a key of its own there: the worker that decides about the feed takes it, so that every decision has one writer.
"""

from collections.abc import Callable

from streams.agents import feed_codec
from streams.dlq.reading import partition_counts
from streams.domain import feeds
from streams.domain.feeds import FeedDecided
from streams.engine.errors import EngineError
from streams.engine.log import Log
from streams.engine.partitioner import partition_for
from streams.feeds.listing import FeedStatus
from streams.settings import Settings
from streams.topology import FEEDS


class NotQuarantined(EngineError):
    """The feed does not wait for anybody's word."""


def answer(
    log: Log,
    settings: Settings,
    status: FeedStatus,
    decision: str,
    *,
    by: str,
    note: str,
    now: Callable[[], int],
) -> FeedDecided:
    """
    Approve or reject a feed in quarantine; return what was written.

    Raises NotQuarantined for any other feed, MissingTopic, and FencedError when another person was quicker.
    """
    feed = status.feed
    if not feeds.takes_answer(feed):
        raise NotQuarantined(
            f"Feed {feed.feed_id.feed_id!r} is {status.state}: only a quarantined feed can be approved or rejected."
        )
    decided = FeedDecided(*feed.feed_id, decision, feed.skus, feed.would_zero, by, note, now())
    count = partition_counts(log, [FEEDS.name])[FEEDS.name]
    producer = log.producer(f"{settings.group_id}-feeds")
    producer.init_transactions()
    producer.begin()
    partition = partition_for(feed_codec.decided_key(feed.feed_id), count)
    key = feed_codec.answer_key(feed.feed_id)
    producer.produce(FEEDS.name, partition, key, feed_codec.encode_decided(decided))
    producer.commit()
    producer.close()
    return decided
