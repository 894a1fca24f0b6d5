"""
Full feeds: rows wait for all the others, then every partition brings its SKUs to what the feed says (semantics 6).

Each worker acts for the partitions that it owns, on what all of them have said in the topic of feeds; the owner of the
partition of a feed's key decides. Nothing but what is committed there counts, so a stage that was cut off, by an
abort, a restart or a rebalance, is begun again by whoever owns the partition then. That is harmless: a SKU that the
feed has set is as the feed says.

Work is done in slices between events. SKUs that something happens to meanwhile are looked at again, the last of them
in the very batch that puts the feed in force; so whenever a delta arrives, before or after, it counts once or is
covered.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from streams import topology
from streams.agents import feed_codec
from streams.agents import stock_codec as codec
from streams.agents.counts import CountDesk
from streams.agents.feed_book import FeedBook
from streams.agents.feed_intake import FeedIntake
from streams.agents.feed_rows import COUNTS, RowStore
from streams.agents.feed_survey import Survey
from streams.agents.movements import MovementDesk
from streams.agents.policies import PolicyBook
from streams.agents.writing import Writing
from streams.domain import alerts, feeds, validation
from streams.domain.alerts import Alert
from streams.domain.events import FULL, OWN_SOURCE, StockCounted
from streams.domain.feeds import Feed, FeedDecided, FeedId, FeedProgress, FeedTerms
from streams.domain.policy import ANY
from streams.domain.stock import Stock
from streams.engine.partitioner import partition_for
from streams.engine.wire import HEADER_BYTES

FEEDS = topology.FEEDS.name
ZEROED = "FeedZeroed"
"""Type of the ledger rows of SKUs that a feed does not name."""

EFFORT = 20_000  # SKUs looked at in one batch: about 25 ms, so that events behind it don't wait.
CHANGE_EFFORT = 25  # What changing a SKU costs, as often as looking at one.
SWEEP_MILLISECONDS = 60_000  # How often feeds that are over are looked through; all feeds of a week.
LOOK_MILLISECONDS = 1_000  # How often time alone may end a feed, or work be found again after an abort.
# As long as an event may be sent again: then a feed that is over is forgotten, unless it is in force.
KEPT_MILLISECONDS = topology.DEDUPLICATION_WINDOW_DAYS * topology.MILLISECONDS_PER_DAY

_ALERTS = {feeds.QUARANTINED: alerts.FEED_QUARANTINED, feeds.ABANDONED: alerts.FEED_ABANDONED}


class FeedDesk:
    """Does with full feeds what is to be done; intake takes their rows."""

    def __init__(
        self,
        writing: Writing,
        policies: PolicyBook,
        movements: MovementDesk,
        counts: CountDesk,
        is_bundle: Callable[[bytes], bool],
    ) -> None:
        self._writing = writing
        self._policies = policies
        self._lines = movements.lines.table
        self._is_bundle = is_bundle
        self._counts = counts
        self._book: FeedBook = movements.feeds
        self._rows = RowStore()
        self.table = self._rows.table
        self.intake = FeedIntake(writing, self._book, self._rows)
        self._surveys: dict[tuple[int, FeedId], Survey] = {}
        self._owned: set[int] = set()
        self._horizon = writing.settings.lateness_horizon_hours * validation.MILLISECONDS_PER_HOUR
        self._oldest = 0
        self._effort = 0
        self._next_look = 0
        self._next_sweep = 0
        self._is_busy = False

    @property
    def pending(self) -> bool:
        """True while there is work that needs no further event."""
        return self._is_busy or self._book.is_news

    def assigned(self, partition: int) -> None:
        """Own a restored partition."""
        self._owned.add(partition)
        self._rows.assigned(partition)
        if self._book.feeds:
            self._book.is_news = True

    def revoked(self, partition: int) -> None:
        """Own a partition no more."""
        self._owned.discard(partition)
        self._rows.revoked(partition)
        self._surveys = {place: found for place, found in self._surveys.items() if place[0] != partition}

    def begin(self) -> None:
        """Begin a batch."""
        self._oldest = self._writing.batch.now - self._horizon  # All later deltas are remembered.
        self.intake.begin(self._oldest)

    # What is to be done ----------------------------------------------------------------------------------

    def advance(self) -> None:
        """Write the batch's rows and go on with what is to be done; call it when all records have been applied."""
        batch = self._writing.batch
        if (committed := self._rows.write(self._say)) is not None:
            batch.after_commit(committed)
        for (partition, _), survey in self._surveys.items():
            survey.touched(self._writing.levels.written_keys(partition))
        if not self.pending and (not self._book.feeds or batch.now < self._next_look):
            return
        self._next_look = batch.now + LOOK_MILLISECONDS
        self._book.is_news = self._is_busy = False
        self._effort = EFFORT
        known = [self._book.feeds.get(feed_id, Feed(feed_id)) for feed_id in self._book.open]
        for feed in sorted(known, key=lambda feed: feed.order):
            self._decide(feed)
            for partition in sorted(self._owned):
                self._work(partition, feed)
        if batch.now >= self._next_sweep:
            self._next_sweep = batch.now + SWEEP_MILLISECONDS
            self._forget_old()

    def _work(self, partition: int, feed: Feed) -> None:
        """Do what a partition is to do with a feed, as far as this batch's effort goes."""
        said = feed.progress.get(partition)
        if said is not None and said.is_over:
            return
        if feed.decided is not None and feed.decision != feeds.QUARANTINED:
            if said is None:
                return  # All have spoken before it was applied: this one has forgotten it since.
            if feed.decision in feeds.IN_FAVOUR:
                self._apply(said, feed)
            else:
                self._end(said._replace(stage=feeds.DROPPED))
        elif feed.is_complete and (said is None or said.stage == feeds.STAGING):
            survey = self._surveyed(self._own(partition, feed))
            if survey is not None:
                said = self._own(partition, feed)._replace(stage=feeds.ASSESSED)
                self._say(said._replace(skus=survey.skus, would_zero=survey.would_zero))
        elif feed.decision == feeds.QUARANTINED:
            self._surveys.pop((partition, feed.feed_id), None)  # A person takes longer than a new survey.

    @staticmethod
    def _own(partition: int, feed: Feed) -> FeedProgress:
        """Return what a partition says of a feed; without a row of it, what it would."""
        head = feed.head
        assert head is not None, "somebody has spoken of it"
        empty = FeedProgress(*feed.feed_id, partition, *head.terms)
        return feed.progress.get(partition, empty)

    def _surveyed(self, said: FeedProgress) -> Survey | None:
        """Go on with the survey of a feed in a partition; return it once it is done."""
        partition, place = said.partition, (said.partition, said.feed)
        survey, writing = self._surveys.get(place), self._writing
        if survey is None and self._effort > 0:
            staged = self._rows.get(*place)
            levels = writing.levels.committed_values(partition)
            survey = self._surveys[place] = Survey(said, staged.rows if staged else {}, levels)
            survey.touched(writing.levels.written_keys(partition))
        if survey is not None and not survey.is_done and self._effort > 0:
            notes = writing.recent.committed(partition)
            self._effort -= survey.step(
                self._effort, notes, lambda key: self._lines.has_group(partition, key)
            )
        if survey is not None and survey.is_done:
            return survey
        self._is_busy = True
        return None

    # Applying --------------------------------------------------------------------------------------------

    def _apply(self, said: FeedProgress, feed: Feed) -> None:
        """Set the SKUs that a feed changes, some in each batch; with the last of them the feed is in force."""
        in_force = self._book.in_force.get((said.partition, said.location_id))
        if said.as_of < self._oldest - validation.MILLISECONDS_PER_HOUR:
            # Notes are kept for an hour more than the horizon. Whoever was down for longer must not guess.
            self._end(said._replace(stage=feeds.DROPPED))
            return
        if in_force is not None and in_force[:3] >= feed.order:
            self._end(said._replace(stage=feeds.APPLIED))
            return
        survey = self._surveyed(said)
        if survey is None:
            return
        todo = list(islice(survey.suspects, max(0, self._effort // CHANGE_EFFORT)))
        self._effort -= len(todo) * CHANGE_EFFORT
        changed = said.changed + self._set(said, todo)
        if len(todo) == len(survey.suspects):
            self._end(said._replace(stage=feeds.APPLIED, changed=changed))
            return
        self._is_busy = True
        if changed > said.changed:
            self._say(said._replace(changed=changed))
        self._writing.batch.after_commit(lambda: _discard(survey.suspects, todo))

    def _set(self, said: FeedProgress, keys: Iterable[bytes]) -> int:
        """Set SKUs as a feed says; return how many that changed."""
        partition, place, changed = said.partition, said.location_id, 0
        staged = self._rows.get(partition, said.feed)
        rows = staged.rows if staged else {}
        others = [survey for at, survey in self._surveys.items() if at[0] == partition and at[1] != said.feed]
        for key in keys:
            trusted = self._policies.plan(key).sources_at(place).trusts(said.source_id)
            if not trusted or self._is_bundle(key):
                continue  # Bundles lie on no shelf, whoever lists them.
            row = rows.get(key)
            is_changed = self._zero(said, key) if row is None else self._set_to(partition, key, row[1])
            if is_changed:
                changed += 1
                for survey in others:
                    survey.touched((key,))
        return changed

    def _set_to(self, partition: int, key: bytes, value: bytes) -> bool:
        event, envelope_end = codec.read_event(COUNTS, value)
        assert isinstance(event, StockCounted), "rows were read before they were kept"
        return self._counts.set_by_feed(partition, key, event, value[HEADER_BYTES:envelope_end])

    def _zero(self, said: FeedProgress, key: bytes) -> bool:
        """Set a SKU that a feed does not name."""
        sku, place, as_of = key.decode(), said.location_id, said.as_of
        event_id = f"{ZEROED}:{sku}:{place}:{said.feed_id}"
        event = StockCounted(
            event_id, OWN_SOURCE, sku, place, None, 0, as_of, as_of, said.basis, said.feed_id, FULL
        )
        envelope = codec.write_envelope(event_id, OWN_SOURCE, key, place, None, 0, as_of)
        return self._counts.set_by_feed(said.partition, key, event, envelope, ZEROED)

    def _end(self, said: FeedProgress) -> None:
        """Say that a partition is done with a feed, and let its rows go."""
        self._say(said)
        partition, feed_id = said.partition, said.feed
        dropped = self._rows.drop(partition, feed_id)
        self._writing.batch.after_commit(dropped)
        self._writing.batch.after_commit(lambda: self._close(partition, feed_id))

    def _close(self, partition: int, feed_id: FeedId) -> None:
        self._surveys.pop((partition, feed_id), None)

    def _say(self, said: FeedProgress) -> None:
        said = said._replace(updated_at=self._writing.batch.now)
        key, value = feed_codec.progress_key(said), feed_codec.encode_progress(said)
        self._writing.batch.emit(FEEDS, said.partition, key, value)
        self._writing.batch.after_commit(lambda: self._book.say(said))

    # Decisions -------------------------------------------------------------------------------------------

    def _decide(self, feed: Feed) -> None:
        """Decide about a feed, if it is this worker's to decide and there is something to."""
        partition = self._decider(feed.feed_id)
        if partition not in self._owned:
            return
        answer = self._book.answers.get(feed.feed_id)
        if answer is not None:
            self._delete(partition, feed_codec.answer_key(feed.feed_id))
        if answer is not None and feeds.takes_answer(feed):
            self._write_decision(partition, feed, answer.decision, answer.by, answer.note)
        elif (found := feeds.decide(feed, self._book.rivals(feed), self._terms(feed))) is not None:
            self._write_decision(partition, feed, found[0], self._writing.settings.worker_id, found[1])

    def _terms(self, feed: Feed) -> FeedTerms:
        policy = self._policies.general.sources_at(feed.feed_id.location_id)
        return FeedTerms(
            self._writing.settings.partitions,
            self._oldest,
            policy.trusts(feed.feed_id.source_id),
            policy.feed_zero_share_basis_points,
        )

    def _write_decision(self, partition: int, feed: Feed, decision: str, by: str, note: str) -> None:
        batch = self._writing.batch
        decided = FeedDecided(*feed.feed_id, decision, feed.skus, feed.would_zero, by, note, batch.now)
        batch.emit(FEEDS, partition, feed_codec.decided_key(feed.feed_id), feed_codec.encode_decided(decided))
        batch.after_commit(lambda: self._book.decide(decided))
        self._writing.feeds[decision] += 1
        if (kind := _ALERTS.get(decision)) is not None:
            source_id, place, feed_id = feed.feed_id
            alert = Alert(kind, place, 0, quantity=feed.would_zero, references=(source_id, feed_id))
            about = Stock(ANY, occurred_at=feed.as_of)
            alert_id = f"{kind}:{source_id}:{place}:{feed_id}"
            self._writing.raise_alert(partition, ANY.encode(), alert_id, about, alert)

    def _forget_old(self) -> None:
        """Delete what this worker's partitions said of feeds that are long over, unless they are in force there."""
        oldest = self._writing.batch.now - KEPT_MILLISECONDS
        for feed in [feed for feed in self._book.feeds.values() if feed.as_of < oldest and feed.is_over]:
            for partition in feed.progress.keys() & self._owned:
                in_force = self._book.in_force.get((partition, feed.feed_id.location_id))
                if in_force is None or in_force[:3] != feed.order:
                    self._delete(partition, feed_codec.progress_key(feed.progress[partition]))
            decider = self._decider(feed.feed_id)
            if not feed.progress and decider in self._owned:
                self._delete(decider, feed_codec.decided_key(feed.feed_id))

    def _decider(self, feed_id: FeedId) -> int:
        """Return the partition whose owner decides about a feed."""
        return partition_for(feed_codec.decided_key(feed_id), self._writing.settings.partitions)

    def _delete(self, partition: int, key: bytes) -> None:
        """Delete a record of the topic of feeds."""
        self._writing.batch.emit(FEEDS, partition, key, None)
        self._writing.batch.after_commit(lambda: self._book.take(key, None))


def _discard(suspects: dict[bytes, None], keys: Iterable[bytes]) -> None:
    for key in keys:
        suspects.pop(key, None)
