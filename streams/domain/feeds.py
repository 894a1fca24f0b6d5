"""
Full feeds: what a location holds, all of it (semantics 6).

A feed is about one location, as of one moment. Its rows are numbered from 1 to total and spread over partitions by
SKU, so each partition says how far it is, and nobody acts on a feed before all of it is there:

    STAGING ─ all numbers are there ─> ASSESSED ─┬─ APPLY ─────────────────────────> APPLIED
                                                 ├─ QUARANTINED ─┬─ APPROVED ──────> APPLIED
                                                 │               └─ REJECTED ──────> DROPPED
    too old, or a later feed was decided on ─────┴─ ABANDONED, SUPERSEDED ─────────> DROPPED

Stages are a partition's, decisions the feed's. Each has one writer, and neither ever goes back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from streams.domain.errors import GiveUp, Reason
from streams.domain.events import StockCounted
from streams.domain.policy import WHOLE_BASIS_POINTS

STAGING, ASSESSED, APPLIED, DROPPED = "STAGING", "ASSESSED", "APPLIED", "DROPPED"
"""What a partition does with a feed, in this order; it ends as APPLIED or DROPPED."""

APPLY, QUARANTINED, APPROVED = "APPLY", "QUARANTINED", "APPROVED"
REJECTED, ABANDONED, SUPERSEDED = "REJECTED", "ABANDONED", "SUPERSEDED"
"""What is to be done with a feed."""

IN_FAVOUR = frozenset({APPLY, APPROVED})
AGAINST = frozenset({REJECTED, ABANDONED, SUPERSEDED})

STAGED = "STAGED"
"""Outcome of a row that waits for the rest of its feed."""

MAXIMUM_ROWS = 5_000_000  # A byte for each number is kept while a feed is open, in each partition.
SQUARES_MODULUS = (1 << 61) - 1  # A prime below 2^63: sums of squares stay within a long.

_STAGES = (STAGING, ASSESSED, APPLIED, DROPPED)


class FeedId(NamedTuple):
    """What a feed is known by: two sources, or two locations, may use one feed_id."""

    source_id: str
    location_id: str
    feed_id: str

    @classmethod
    def of(cls, event: StockCounted) -> "FeedId":
        """Return the feed that a row belongs to."""
        assert event.feed_id is not None, "a row of a feed names it"
        return cls(event.source_id, event.location_id, event.feed_id)


class FeedProgress(NamedTuple):
    """
    How far one partition is with a feed, in the order of its schema; times in UTC milliseconds.

    skus are those with stock at the location, would_zero how many of them the feed sets to zero, changed those whose
    stock it has changed here.
    """

    source_id: str
    location_id: str
    feed_id: str
    partition: int
    as_of: int
    basis: str
    total: int
    rows: int = 0
    number_sum: int = 0
    number_square_sum: int = 0
    stage: str = STAGING
    skus: int = 0
    would_zero: int = 0
    changed: int = 0
    updated_at: int = 0

    @property
    def feed(self) -> FeedId:
        """The feed that it is about."""
        return FeedId(*self[:3])

    @property
    def terms(self) -> tuple[int, str, int]:
        """What all rows of a feed have in common: as_of, basis, total."""
        return self.as_of, self.basis, self.total

    @property
    def is_over(self) -> bool:
        """True when the partition has nothing left to do with the feed."""
        return self.stage in {APPLIED, DROPPED}

    def with_rows(self, numbers: Iterable[int]) -> "FeedProgress":
        """Return the progress with more rows, given their numbers."""
        found = list(numbers)
        squares = self.number_square_sum + sum(number * number for number in found)
        return self._replace(
            rows=self.rows + len(found),
            number_sum=self.number_sum + sum(found),
            number_square_sum=squares % SQUARES_MODULUS,
        )

    def supersedes(self, other: "FeedProgress | None") -> bool:
        """Return True when this is what the partition said later."""
        return other is None or self.reached > other.reached

    @property
    def reached(self) -> tuple[int, int, int]:
        """What only grows: stage, rows, changed."""
        return _STAGES.index(self.stage), self.rows, self.changed


def first_progress(event: StockCounted, partition: int) -> FeedProgress:
    """Return the progress of a partition before the first row that it gets of a feed."""
    assert event.total is not None, "a row of a feed names the total"
    return FeedProgress(*FeedId.of(event), partition, event.as_of, event.basis, event.total)


class FeedDecided(NamedTuple):
    """What is to be done with a feed, in the order of its schema; by is the worker or person, decided_at UTC ms."""

    source_id: str
    location_id: str
    feed_id: str
    decision: str
    skus: int
    would_zero: int
    by: str
    note: str
    decided_at: int

    @property
    def feed(self) -> FeedId:
        """The feed that it is about."""
        return FeedId(*self[:3])


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything known of a feed: what each partition has said last, and what was decided."""

    feed_id: FeedId
    progress: dict[int, FeedProgress] = field(default_factory=dict)
    decided: FeedDecided | None = None

    def with_progress(self, progress: FeedProgress) -> "Feed":
        """Return the feed with what a partition says, unless it has said more."""
        if not progress.supersedes(self.progress.get(progress.partition)):
            return self
        return replace(self, progress={**self.progress, progress.partition: progress})

    @property
    def decision(self) -> str | None:
        """What was decided; None while nothing was."""
        return None if self.decided is None else self.decided.decision

    @property
    def head(self) -> FeedProgress | None:
        """What any partition says of the feed as a whole; None when nobody said anything."""
        return min(self.progress.values(), key=lambda said: said.partition, default=None)

    @property
    def as_of(self) -> int:
        """The moment that the feed describes; the latest if partitions do not agree."""
        return max((said.as_of for said in self.progress.values()), default=0)

    @property
    def order(self) -> tuple[int, str, str]:
        """What decides between feeds of a location: the later moment, then the greater ids."""
        return self.as_of, self.feed_id.source_id, self.feed_id.feed_id

    @property
    def rows(self) -> int:
        """Rows that have arrived."""
        return sum(said.rows for said in self.progress.values())

    @property
    def skus(self) -> int:
        """SKUs with stock at the location, as far as partitions have counted them."""
        return sum(said.skus for said in self.progress.values())

    @property
    def would_zero(self) -> int:
        """How many of them the feed sets to zero."""
        return sum(said.would_zero for said in self.progress.values())

    @property
    def is_complete(self) -> bool:
        """
        True when all numbers from 1 to total have arrived, each once.

        A number repeats only across partitions, unseen by either. Sum and sum of squares tell one or two that came
        twice from as many that are missing, and hardly ever fail for more.
        """
        head = self.head
        if head is None or self.rows != head.total:
            return False
        if any(said.terms != head.terms for said in self.progress.values()):
            return False
        total = head.total
        squares = total * (total + 1) * (2 * total + 1) // 6 % SQUARES_MODULUS
        return (
            sum(said.number_sum for said in self.progress.values()) == total * (total + 1) // 2
            and sum(said.number_square_sum for said in self.progress.values()) % SQUARES_MODULUS == squares
        )

    @property
    def is_over(self) -> bool:
        """True when nothing is left to be done with the feed."""
        is_decided = self.decided is not None and self.decision != QUARANTINED
        return (is_decided or not self.progress) and all(said.is_over for said in self.progress.values())

    def is_assessed(self, partitions: int) -> bool:
        """Return True when every partition has said what the feed would do to its SKUs."""
        return len(self.progress) == partitions and all(
            said.stage == ASSESSED for said in self.progress.values()
        )


def check_row(event: StockCounted, progress: FeedProgress | None) -> None:
    """
    Raise GiveUp unless a row of a full feed fits the rows that its partition has.

    All rows describe one moment, or what happened in between would count for some of them and not for others.
    """
    assert event.total is not None, "validation comes first"
    if event.total > MAXIMUM_ROWS:
        raise GiveUp(Reason.INVALID_COUNT, f"a full feed has at most {MAXIMUM_ROWS} rows, not {event.total}")
    if progress is None:
        return
    for name, value, known in zip(
        ("as_of", "basis", "total"), (event.as_of, event.basis, event.total), progress.terms, strict=True
    ):
        if value != known:
            raise GiveUp(
                Reason.INVALID_COUNT,
                f"{name} is {value}, and {known} in earlier rows of feed {event.feed_id!r}",
            )


def repeated(number: int, feed_id: str) -> GiveUp:
    """Return the refusal of a row whose number another row of its feed has."""
    return GiveUp(Reason.INVALID_COUNT, f"feed {feed_id!r} has another row {number}")


def already_complete(feed_id: str) -> GiveUp:
    """Return the refusal of a row that comes after all rows of its feed."""
    return GiveUp(
        Reason.INVALID_COUNT, f"feed {feed_id!r} has all its rows; a new feed needs an id of its own"
    )


def counts(as_of: int, counted_at: int, single_as_of: int | None) -> bool:
    """
    Return True when a feed as of a moment sets a SKU that is based on a count of counted_at.

    single_as_of is that of the SKU's last single count: of one moment, it wins over the feed.
    """
    return as_of > counted_at or (as_of == counted_at and single_as_of != as_of)


class FeedInForce(NamedTuple):
    """The last feed that was applied to a location: every SKU there is based on it, or on a later count."""

    as_of: int
    source_id: str
    feed_id: str
    basis: str

    @classmethod
    def of(cls, progress: FeedProgress) -> "FeedInForce":
        """Return what is kept in mind of a feed that a partition has applied."""
        return cls(progress.as_of, progress.source_id, progress.feed_id, progress.basis)


class FeedTerms(NamedTuple):
    """
    What decisions depend on: how many partitions there are, the time, and the policy for all SKUs at the location.

    oldest is the earliest as_of that deltas are remembered for; times in UTC milliseconds.
    """

    partitions: int
    oldest: int
    trusted: bool
    zero_share_basis_points: int


def zeroes_too_much(skus: int, would_zero: int, zero_share_basis_points: int) -> bool:
    """Return True when a feed would set more than a share of a location's SKUs to zero."""
    return would_zero * WHOLE_BASIS_POINTS > skus * zero_share_basis_points


def decide(feed: Feed, rivals: Iterable[Feed], terms: FeedTerms) -> tuple[str, str] | None:
    """
    Return what is to be done with a feed, and why; None while nothing is to be decided.

    rivals are the other feeds of its source and location. Too old is a feed when not all deltas since its moment are
    remembered: on_hand could not be told from it any more.
    """
    if feed.decision not in {None, QUARANTINED}:
        return None
    for rival in rivals:
        if rival.order > feed.order and rival.decision in {QUARANTINED, *IN_FAVOUR}:
            return SUPERSEDED, f"feed {rival.feed_id.feed_id} is later"
    if feed.as_of < terms.oldest:
        return ABANDONED, "too old to be applied" if feed.is_complete else "rows are missing"
    if feed.decision is None and feed.is_complete and feed.is_assessed(terms.partitions):
        return _gate(feed, terms)
    return None


def _gate(feed: Feed, terms: FeedTerms) -> tuple[str, str]:
    if not terms.trusted:
        return REJECTED, "the location does not trust counts of this source"
    if zeroes_too_much(feed.skus, feed.would_zero, terms.zero_share_basis_points):
        return QUARANTINED, "it would set too many SKUs to zero"
    return APPLY, ""


def takes_answer(feed: Feed) -> bool:
    """Return True when a person may approve or reject a feed."""
    return feed.decision == QUARANTINED
