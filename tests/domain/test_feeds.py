"""Full feeds: when one is complete, what is decided about it, and which count counts (semantics 6)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import feeds
from streams.domain.errors import GiveUp, Reason
from streams.domain.events import NET_OF_ORDERS, StockCounted
from streams.domain.feeds import Feed, FeedDecided, FeedId, FeedProgress, FeedTerms
from tests.domain.shop import NOW, make

ID = FeedId("erp", "store", "monday")
TERMS = FeedTerms(2, NOW - 1_000, trusted=True, zero_share_basis_points=2_000)


def row(number: int = 1, total: int = 10, **fields: Any) -> StockCounted:
    """A row of a full feed."""
    given = {"feed_id": "monday", "feed_kind": "FULL", "sequence": number, "total": total, **fields}
    found: StockCounted = make(StockCounted, **given)
    return found


def said(partition: int, numbers: list[int], total: int = 10, **fields: Any) -> FeedProgress:
    """What a partition with rows of these numbers says."""
    first = FeedProgress(*ID, partition, NOW, "PHYSICAL", total)
    return first.with_rows(numbers)._replace(**fields)


def feed(*progress: FeedProgress, decision: str | None = None, feed_id: FeedId = ID) -> Feed:
    """A feed of which partitions have said these things."""
    decided = None if decision is None else FeedDecided(*feed_id, decision, 0, 0, "worker-0", "", NOW)
    return Feed(feed_id, {one.partition: one for one in progress}, decided)


def assessed(skus: int = 100, would_zero: int = 0, **fields: Any) -> Feed:
    """A complete feed that both partitions have assessed."""
    return feed(
        said(0, [1, 2], total=3, stage=feeds.ASSESSED, skus=skus, would_zero=would_zero, **fields),
        said(1, [3], total=3, stage=feeds.ASSESSED, **fields),
    )


# Completeness -------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 5), st.randoms(use_true_random=False))
def test_feed_is_complete_with_its_last_row_however_they_are_spread(
    total: int, partitions: int, chance: random.Random
) -> None:
    """In any order, over any partitions, in parts of any size; never before."""
    numbers = chance.sample(range(1, total + 1), total)
    found = Feed(ID)
    for number in numbers:
        assert not found.is_complete
        partition = chance.randrange(partitions)
        before = found.progress.get(partition) or said(partition, [], total)
        found = found.with_progress(before.with_rows([number]))
    assert found.is_complete
    assert found.rows == total


@given(st.integers(4, 60), st.randoms(use_true_random=False), st.integers(1, 2))
def test_numbers_that_came_twice_do_not_stand_in_for_missing_ones(
    total: int, chance: random.Random, wrong: int
) -> None:
    """Two partitions can't see that they have the same number; the sums can."""
    numbers = list(range(1, total + 1))
    missing = chance.sample(numbers, wrong)
    there = [number for number in numbers if number not in missing]
    twice = chance.choices(there, k=wrong)
    assert not feed(said(0, there, total), said(1, twice, total)).is_complete
    assert feed(said(0, there, total), said(1, missing, total)).is_complete


def test_squares_of_the_largest_feed_fit_into_the_schema() -> None:
    """They are kept modulo a prime."""
    found = said(0, list(range(1, 3_000_001)), total=3_000_000)
    assert found.number_square_sum < 2**63
    assert feed(found).is_complete


@pytest.mark.parametrize("other", [{"total": 11}, {"as_of": NOW - 1}, {"basis": NET_OF_ORDERS}])
def test_partitions_that_disagree_make_no_feed(other: dict[str, Any]) -> None:
    """Ten rows are there; but of two feeds under one id."""
    assert feed(said(0, list(range(1, 10))), said(1, [10])).is_complete
    assert not feed(said(0, list(range(1, 10))), said(1, [10], **other)).is_complete


def test_empty_feed_is_not_complete() -> None:
    """Nobody has said anything yet."""
    assert not Feed(ID).is_complete
    assert Feed(ID).head is None


def test_what_a_partition_said_earlier_changes_nothing() -> None:
    """Echoes of a global topic come late: stages never go back, and rows only grow."""
    now = feed(said(0, [1, 2, 3], stage=feeds.ASSESSED))
    assert now.with_progress(said(0, [1, 2, 3])) is now
    assert now.with_progress(said(0, [1, 2, 3], stage=feeds.APPLIED)).progress[0].is_over
    assert feed(said(0, [1, 2])).with_progress(said(0, [1])).rows == 2


# Rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"total": 11}, {"as_of": NOW - 1}, {"basis": NET_OF_ORDERS}])
def test_row_that_does_not_fit_its_feed_is_refused(other: dict[str, Any]) -> None:
    """One moment, one basis, one total; the message names what differs."""
    first = feeds.first_progress(row(), 0)
    feeds.check_row(row(2), first)
    with pytest.raises(GiveUp, match=next(iter(other))) as refused:
        feeds.check_row(row(2, **other), first)
    assert refused.value.reason is Reason.INVALID_COUNT


def test_feed_of_too_many_rows_is_refused() -> None:
    """Before anything is kept of it."""
    feeds.check_row(row(total=feeds.MAXIMUM_ROWS), None)
    with pytest.raises(GiveUp, match="at most"):
        feeds.check_row(row(total=feeds.MAXIMUM_ROWS + 1), None)


@pytest.mark.parametrize(
    ("as_of", "counted_at", "single", "expected"),
    [
        (NOW, NOW - 1, None, True),
        (NOW, NOW - 1, NOW - 1, True),
        (NOW, NOW + 1, NOW + 1, False),
        (NOW, NOW + 1, None, False),
        (NOW, NOW, NOW, False),
        (NOW, NOW, NOW - 5, True),
    ],
)
def test_later_count_wins_and_of_one_moment_the_single_one(
    as_of: int, counted_at: int, single: int | None, *, expected: bool
) -> None:
    """A level of the feed's own moment without such a count is the feed's own work: it may be done again."""
    assert feeds.counts(as_of, counted_at, single) is expected


# Decisions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skus", "would_zero", "expected"),
    [(100, 0, "APPLY"), (100, 20, "APPLY"), (100, 21, "QUARANTINED"), (0, 0, "APPLY"), (1, 1, "QUARANTINED")],
)
def test_more_than_a_fifth_to_zero_waits_for_a_person(skus: int, would_zero: int, expected: str) -> None:
    """Exactly the share is let through; where nothing lies, nothing can be lost."""
    found = feeds.decide(assessed(skus, would_zero), (), TERMS)
    assert found is not None
    assert found[0] == expected


def test_nothing_is_decided_before_all_have_assessed() -> None:
    """One that has no row must speak too: its SKUs would go to zero."""
    whole = assessed()
    assert feeds.decide(whole, (), TERMS._replace(partitions=3)) is None
    assert feeds.decide(feed(said(0, [1, 2]), said(1, [3])), (), TERMS) is None
    waiting = whole.progress[1]._replace(stage=feeds.STAGING)
    assert feeds.decide(replace(whole, progress={**whole.progress, 1: waiting}), (), TERMS) is None


def test_feed_of_a_source_without_a_say_is_rejected() -> None:
    """However little it would change."""
    assert feeds.decide(assessed(), (), TERMS._replace(trusted=False)) == (
        "REJECTED",
        "the location does not trust counts of this source",
    )


@pytest.mark.parametrize("decision", [None, "QUARANTINED"])
def test_feed_that_is_too_old_is_abandoned(decision: str | None) -> None:
    """Incomplete or unanswered: what happened since is not remembered any more."""
    late = TERMS._replace(oldest=NOW + 1)
    open_feed = replace(feed(said(0, [1])), decided=feed(decision=decision).decided)
    assert feeds.decide(open_feed, (), late) == ("ABANDONED", "rows are missing")
    assert feeds.decide(open_feed, (), TERMS._replace(oldest=NOW)) is None


@pytest.mark.parametrize("decision", ["APPLY", "APPROVED", "QUARANTINED"])
def test_later_feed_that_is_complete_supersedes_the_earlier(decision: str) -> None:
    """Whether the earlier is incomplete, complete or in quarantine; never the other way round."""
    later_id = ID._replace(feed_id="tuesday")
    later = feed(said(0, [1], as_of=NOW + 1), decision=decision, feed_id=later_id)
    for earlier in (feed(said(0, [1])), assessed(), feed(said(0, [1]), decision="QUARANTINED")):
        found = feeds.decide(earlier, [later], TERMS)
        assert found == ("SUPERSEDED", "feed tuesday is later")
    own = feed(said(0, [1], as_of=NOW + 1), decision="QUARANTINED", feed_id=later_id)
    assert feeds.decide(own, [assessed()], TERMS) is None


@pytest.mark.parametrize("decision", [None, "REJECTED", "ABANDONED", "SUPERSEDED"])
def test_later_feed_that_came_to_nothing_supersedes_nothing(decision: str | None) -> None:
    """An export that broke off must not cost the good one before it."""
    later = feed(said(0, [1], as_of=NOW + 1), decision=decision, feed_id=ID._replace(feed_id="tuesday"))
    found = feeds.decide(assessed(), [later], TERMS)
    assert found is not None
    assert found[0] == "APPLY"


@pytest.mark.parametrize("decision", ["APPLY", "APPROVED", "REJECTED", "ABANDONED", "SUPERSEDED"])
def test_decision_stands(decision: str) -> None:
    """Only what waits for a person may still change, whatever time does."""
    decided = feed(said(0, [1]), decision=decision)
    assert feeds.decide(decided, [], TERMS._replace(oldest=NOW + 1)) is None
    assert not feeds.takes_answer(decided)
    assert feeds.takes_answer(feed(said(0, [1]), decision="QUARANTINED"))
