"""
Rows of full feeds on their way in: checked, told from duplicates, and kept until all of them are there.

Most rows of a batch look like the one before them, so they are taken in a loop of their own, ahead of the batch's
other records: a row waits, and so has no order among them. Whatever that loop does not know comes back as any event
would, to be read, validated and refused by the same rules.
"""

from collections.abc import Iterator, Mapping, Sequence

from streams.agents.feed_book import FeedBook
from streams.agents.feed_rows import COUNTS, RowForm, RowStore, StagedRows, read_row
from streams.agents.writing import Writing
from streams.domain import feeds, fold
from streams.domain.events import FULL, StockCounted
from streams.domain.feeds import Feed, FeedId, FeedProgress
from streams.engine.log import Record
from streams.engine.seen import Verdict, content_hash, identity_hash

FORMS_A_BATCH = 4  # Feeds told apart in one batch; each costs a look at the records that are left.
FORMS_KEPT = 50  # Feeds that come in at one time; of more, some forms are made again.

_Place = tuple[StagedRows, Mapping[bytes, bytes]]


class FeedIntake:
    """Takes rows into the store of rows. oldest, in UTC milliseconds, is the earliest as_of that is taken."""

    def __init__(self, writing: Writing, book: FeedBook, rows: RowStore) -> None:
        self._writing = writing
        self._book = book
        self._rows = rows
        self._form: RowForm | None = None
        self._forms: dict[FeedId, RowForm | None] = {}
        self.oldest = 0

    def begin(self, oldest: int) -> None:
        """Begin a batch."""
        self.oldest = oldest
        self._rows.begin()

    def others(self, records: Sequence[Record]) -> Iterator[Record]:
        """Take the rows that look like one that came before; yield the other records, to be applied meanwhile."""
        for _ in range(FORMS_A_BATCH):
            form = self._form
            records = self._take_alike(form, records)
            for applied, record in enumerate(records, start=1):
                yield record
                if self._form is not form:
                    records = records[applied:]  # They may look like the row that was just applied.
                    break
            else:
                return
        yield from records

    def _take_alike(self, form: RowForm | None, records: Sequence[Record]) -> Sequence[Record]:
        """Take the rows of a form; return the other records, in their order."""
        if form is None or form.as_of < self.oldest:
            return records
        read_alike, source, check = form.read, form.source, self._writing.batch.seen.check
        places: dict[int, _Place | None] = {}
        others: list[Record] = []
        taken = repeated = 0
        for record in records:
            value = record.value() if record.topic() == COUNTS else None
            read = None if value is None else read_alike(value)
            if value is None or read is None:
                others.append(record)
                continue
            partition = record.partition()
            if partition not in places:
                places[partition] = self._place(form, partition)
            if (place := places[partition]) is None:
                others.append(record)
                continue
            staged, known = place
            # Whether a new SKU belongs here, and is spelled as it must be, is asked the plain way.
            if read[1] not in known or read[1] != record.key() or staged.has(read[3]):
                others.append(record)
                continue
            verdict = check(partition, identity_hash(source, read[0]), content_hash(value))
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

    def _place(self, form: RowForm, partition: int) -> _Place | None:
        """Return where rows of a form are kept in a partition, and the SKUs known there; None if none are taken."""
        feed, staged = self._book.feeds.get(form.feed), self._rows.get(partition, form.feed)
        said = _said(partition, feed, staged) or form.first_progress(partition)
        if said.terms != form.terms or not _is_open(partition, feed):
            return None
        return self._rows.open(partition, said), self._writing.levels.committed_values(partition)

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
        if feed_id not in self._forms:
            if len(self._forms) >= FORMS_KEPT:
                self._forms.clear()
            self._forms[feed_id] = RowForm.of(event, value)
        self._form = self._forms[feed_id]
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
