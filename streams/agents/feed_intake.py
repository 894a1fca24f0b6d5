"""
Rows of full feeds on their way in: checked, told from duplicates, and kept until all of them are there.

Most rows of a batch look like the one before them, so they are taken in a loop of their own, ahead of the batch's
other records: a row waits, and so has no order among them. Whatever that loop does not know comes back as any event
would, to be read, validated and refused by the same rules.
"""

from collections.abc import Mapping, Sequence

from streams.agents.feed_book import FeedBook
from streams.agents.feed_rows import COUNTS, RowForm, RowStore, StagedRows, read_row
from streams.agents.writing import Writing
from streams.domain import feeds, fold
from streams.domain.events import FULL, StockCounted
from streams.domain.feeds import Feed, FeedId, FeedProgress
from streams.engine.log import Record
from streams.engine.seen import Verdict, content_hash, identity_hash


class FeedIntake:
    """Takes rows into the store of rows. oldest, in UTC milliseconds, is the earliest as_of that is taken."""

    def __init__(self, writing: Writing, book: FeedBook, rows: RowStore) -> None:
        self._writing = writing
        self._book = book
        self._rows = rows
        self._form: RowForm | None = None
        self.oldest = 0

    def begin(self, oldest: int) -> None:
        """Begin a batch."""
        self.oldest = oldest
        self._rows.begin()
        if self._book.is_news:
            for (partition, feed_id), staged in self._rows.all().items():
                staged.is_open = _is_open(partition, self._book.feeds.get(feed_id))

    def take_alike(self, records: Sequence[Record]) -> Sequence[Record]:
        """Take the rows that look like the last one; return the other records, in their order."""
        form = self._form
        if form is None or form.as_of < self.oldest:
            return records
        read_alike, source, check = form.read, form.source, self._writing.batch.seen.check
        open_rows = self._open_rows(form.feed)
        others: list[Record] = []
        taken = repeated = 0
        for record in records:
            value = record.value() if record.topic() == COUNTS else None
            read = None if value is None else read_alike(value)
            place = open_rows.get(record.partition()) if read is not None else None
            if value is None or read is None or place is None:
                others.append(record)
                continue
            staged, known = place
            # Whether a new SKU belongs here, and is spelled as it must be, is asked the plain way.
            if read[1] not in known or read[1] != record.key() or staged.has(read[3]):
                others.append(record)
                continue
            verdict = check(record.partition(), identity_hash(source, read[0]), content_hash(value))
            if verdict is Verdict.NEW:
                staged.add(read, value)
                taken += 1
            elif verdict is Verdict.DUPLICATE:
                repeated += 1
            else:
                others.append(record)
        self._count(form, taken, repeated)
        return others

    def _count(self, form: RowForm, taken: int, repeated: int) -> None:
        for outcome, count in ((feeds.STAGED, taken), (fold.DUPLICATE, repeated)):
            if count:
                self._writing.outcomes[COUNTS, outcome] += count
                self._writing.heard(form.feed.source_id, form.occurred_at)

    def _open_rows(self, feed_id: FeedId) -> dict[int, tuple[StagedRows, Mapping[bytes, bytes]]]:
        """Return a feed's rows, where more are taken, and the SKUs that are known there, by partition."""
        found = {}
        for (partition, other), staged in self._rows.all().items():
            if other == feed_id and staged.is_open:
                self._rows.open(partition, self._book.feeds[feed_id].progress[partition])
                found[partition] = staged, self._writing.levels.committed_values(partition)
        return found

    def check(self, partition: int, event: StockCounted) -> None:
        """
        Raise GiveUp unless a row fits its feed, or is none of a full feed.

        One that was taken before does, whatever became of the feed.
        """
        if event.feed_kind != FULL:
            return
        feed_id, number = FeedId.of(event), event.sequence or 0
        feed = self._book.feeds.get(feed_id)
        identity = identity_hash(event.source_id.encode(), event.event_id.encode())
        if self._writing.batch.seen.knows(partition, identity) or (feed and feed.decision in feeds.AGAINST):
            return
        if not _is_open(partition, feed):
            raise feeds.already_complete(feed_id.feed_id)
        staged = self._rows.get(partition, feed_id)
        feeds.check_row(event, _said(partition, feed, staged))
        if staged is not None and staged.has(number):
            raise feeds.repeated(number, feed_id.feed_id)

    def take(self, partition: int, event: StockCounted, value: bytes) -> str:
        """Keep a row that was checked and is new; return its outcome."""
        feed_id = FeedId.of(event)
        feed = self._book.feeds.get(feed_id)
        if feed is not None and feed.decision in feeds.AGAINST:
            return fold.SUPERSEDED
        said = _said(partition, feed, self._rows.get(partition, feed_id))
        staged = self._rows.open(partition, said or feeds.first_progress(event, partition))
        staged.add(read_row(value)[0], value)
        self._form = RowForm.of(event, value)
        return feeds.STAGED


def _is_open(partition: int, feed: Feed | None) -> bool:
    """Return True while a partition takes further rows of a feed."""
    if feed is None:
        return True
    said = feed.progress.get(partition)
    waits = said is None or said.stage == feeds.STAGING
    return waits and feed.decided is None and not feed.is_complete


def _said(partition: int, feed: Feed | None, staged: StagedRows | None) -> FeedProgress | None:
    """Return what a partition says of a feed, the batch in hand included."""
    if staged is not None and staged.progress is not None:
        return staged.progress
    return None if feed is None else feed.progress.get(partition)
