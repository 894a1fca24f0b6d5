"""
Rows of full feeds, from their arrival until the feed is applied or dropped.

A feed may have a million rows, so a row costs little: it is read by the form that all rows of its feed share, kept
as it came, and many go into one record of the table. Nothing is decoded again unless its SKU changes.
"""

import re
from collections.abc import Callable

from streams import topology
from streams.agents import feed_codec
from streams.agents import stock_codec as codec
from streams.agents.feed_codec import FeedRows
from streams.domain.events import StockCounted
from streams.domain.feeds import FeedId, FeedProgress
from streams.domain.validation import MAXIMUM_ID_CHARACTERS
from streams.engine.codec import read_varint, varint
from streams.engine.table import Table
from streams.engine.wire import HEADER_BYTES

COUNTS = topology.STOCK_COUNTS.name
RECORD_BYTES = 400_000  # Of rows in one record of the table; a topic takes a megabyte.
_VARINT = rb"[\x80-\xff]{0,3}[\x00-\x7f]"  # Up to 28 bits; larger figures are read the plain way.
_LONGEST_EVENT_ID = 63  # Whose length is one byte.
_EVENT_ID_AT = HEADER_BYTES + 1  # Behind its length.

Row = tuple[bytes, bytes]
"""The quantity as Avro has it, and the whole StockCounted as it came."""


RowRead = tuple[bytes, bytes, bytes, int]
"""What is read of a row: event_id, SKU, the quantity as Avro has it, its number."""


class RowForm:
    """
    What all rows of a feed have in common, byte for byte: one regular expression instead of thirteen fields.

    It reads rows like the one that it was made of (1.4 µs against 5 µs with validation) and returns None for all
    that look different in any way, which are then read as other events are.
    """

    def __init__(self, event: StockCounted, value: bytes) -> None:
        self.feed = FeedId.of(event)
        self.source = event.source_id.encode()
        self.as_of = event.as_of
        self.terms = event.as_of, event.basis, event.total or 0
        self.occurred_at = event.occurred_at
        self._last_number = (event.total or 0) << 1  # Numbers are compared with their sign still in bit 0.
        self._header = value[:HEADER_BYTES]
        self._source = codec.encoded_text(event.source_id)
        self._source_bytes = len(self._source) + 1  # With the length of the SKU.
        source_at = HEADER_BYTES + len(codec.encoded_text(event.event_id))
        sku_end = source_at + len(self._source) + len(codec.encoded_text(event.sku))
        channel = b"\x00" if event.channel_id is None else b"\x02" + codec.encoded_text(event.channel_id)
        before = codec.encoded_text(event.location_id) + channel
        times_at = sku_end + len(before) + len(varint(event.quantity))
        end = b"\x02" + varint(event.total or 0)
        numbered = b"\x02" + varint(event.sequence or 0) + end
        between = value[times_at : len(value) - len(numbered)] + b"\x02"
        pattern = b"%b(%b)%b(%b)%b" % (
            re.escape(before),
            _VARINT,
            re.escape(between),
            _VARINT,
            re.escape(end),
        )
        self._rest = re.compile(pattern, re.DOTALL).fullmatch

    @classmethod
    def of(cls, event: StockCounted, value: bytes) -> "RowForm | None":
        """Return the form of a row; None for one that is not written as everybody writes, or with very long ids."""
        ids = len(event.source_id) + len(event.location_id) + len(event.channel_id or "")
        if ids + _LONGEST_EVENT_ID > MAXIMUM_ID_CHARACTERS:
            return None
        form, (plain, _) = cls(event, value), read_row(value)
        return form if form.read(value) == plain else None

    def first_progress(self, partition: int) -> FeedProgress:
        """Return the progress of a partition before the first row that it gets of the feed."""
        return FeedProgress(*self.feed, partition, *self.terms)

    def read(self, value: bytes) -> RowRead | None:
        """Return what a row of this form says, None for anything else."""
        try:
            length = value[HEADER_BYTES]
            source_at = _EVENT_ID_AT + (length >> 1)
            key_at = source_at + self._source_bytes
            size = value[key_at - 1]
        except IndexError:
            return None
        rest_at = key_at + (size >> 1)
        # Lengths of two bytes, and negative ones, are for those who read everything.
        if (length | size) & 0x81 or not value.startswith(self._header):
            return None
        found = self._rest(value, rest_at) if value.startswith(self._source, source_at) else None
        if found is None:
            return None
        event_id, key = value[_EVENT_ID_AT:source_at], value[key_at:rest_at]
        quantity, encoded = found.groups()
        packed = int.from_bytes(encoded, "little")
        number = packed & 0x7F | packed >> 1 & 0x3F80 | packed >> 2 & 0x1FC000 | packed >> 3 & 0xFE00000
        if quantity[0] & 1 or number & 1 or not 0 < number <= self._last_number:
            return None
        if not (event_id and key and event_id.isascii() and key.isascii()):
            return None
        return event_id, key, quantity, number >> 1


def read_row(value: bytes) -> tuple[RowRead, StockCounted]:
    """Return what any row says, read as other events are."""
    event, _ = codec.read_event(COUNTS, value)
    assert isinstance(event, StockCounted), "rows were read before they were kept"
    assert event.sequence is not None, "validation comes first"
    key, quantity = event.sku.encode(), varint(event.quantity)
    return (event.event_id.encode(), key, quantity, event.sequence), event


class StagedRows:
    """
    A feed's rows in one partition: those that have committed, and those of the batch in hand.

    rows has the row of each SKU; of several, the one with the greatest number. records is how many records of the
    table hold them. progress is what the partition says of the feed, but for the batch's rows; None without any.
    """

    def __init__(self, feed: FeedId) -> None:
        self.feed = feed
        self.rows: dict[bytes, Row] = {}
        self.records = 0
        self.progress: FeedProgress | None = None
        self.fresh: list[bytes] = []
        self.fresh_numbers: list[int] = []
        self._fresh_rows: dict[bytes, Row] = {}
        self._there = bytearray()

    def has(self, number: int) -> bool:
        """Return True when a row with that number is there."""
        return number < len(self._there) and self._there[number] == 1

    def add(self, read: RowRead, value: bytes) -> None:
        """Take a row with the batch."""
        _, key, quantity, number = read
        self._mark(number)
        self.fresh.append(value)
        self.fresh_numbers.append(number)
        if key in self._fresh_rows or key in self.rows:
            self._take_later(key, number, quantity, value)
        else:
            self._fresh_rows[key] = quantity, value

    def keep(self, read: RowRead, value: bytes) -> None:
        """Take a row that has committed."""
        _, key, quantity, number = read
        self._mark(number)
        if key not in self.rows or read_row(self.rows[key][1])[0][3] < number:
            self.rows[key] = quantity, value

    def _take_later(self, key: bytes, number: int, quantity: bytes, value: bytes) -> None:
        known = self._fresh_rows.get(key) or self.rows[key]
        if read_row(known[1])[0][3] < number:
            self._fresh_rows[key] = quantity, value

    def _mark(self, number: int) -> None:
        there = self._there
        if number >= len(there):
            there.extend(bytes(number + 1 + number // 4 - len(there)))
        there[number] = 1

    def begin(self) -> None:
        """Forget what a batch brought that did not commit."""
        for number in self.fresh_numbers:
            self._there[number] = 0
        self._forget_fresh()

    def _forget_fresh(self) -> None:
        self.fresh, self.fresh_numbers, self._fresh_rows, self.progress = [], [], {}, None

    def commit(self, records: int) -> None:
        """Keep what the batch brought, in so many records."""
        self.rows.update(self._fresh_rows)
        self.records += records
        self._forget_fresh()


class RowStore:
    """All rows that wait in this worker's partitions, and the table that keeps them."""

    def __init__(self) -> None:
        self.table: Table[FeedRows] = Table(
            topology.FEED_ROWS.name, feed_codec.encode_rows, feed_codec.decode_rows
        )
        self._staged: dict[tuple[int, FeedId], StagedRows] = {}
        self._fresh: dict[tuple[int, FeedId], StagedRows] = {}

    def assigned(self, partition: int) -> None:
        """Read the rows of a restored partition again."""
        self.revoked(partition)
        forms: dict[FeedId, RowForm | None] = {}
        for _, encoded in self.table.encoded(partition):
            kept = feed_codec.decode_rows(encoded)
            staged = self._staged.setdefault((partition, kept.feed), StagedRows(kept.feed))
            staged.records += 1
            for value in kept.rows:
                form = forms.get(kept.feed)
                read = form.read(value) if form else None
                if read is None:
                    read, event = read_row(value)
                    if kept.feed not in forms:
                        forms[kept.feed] = RowForm.of(event, value)
                staged.keep(read, value)

    def revoked(self, partition: int) -> None:
        """Forget a partition."""
        for held in (self._staged, self._fresh):
            for place in [place for place in held if place[0] == partition]:
                del held[place]

    def begin(self) -> None:
        """Forget what a batch brought that did not commit."""
        for place, staged in self._fresh.items():
            staged.begin()
            if not staged.records:
                self._staged.pop(place, None)
        self._fresh.clear()

    def get(self, partition: int, feed: FeedId) -> StagedRows | None:
        """Return a feed's rows in a partition; None when there are none."""
        return self._staged.get((partition, feed))

    def all(self) -> dict[tuple[int, FeedId], StagedRows]:
        """Return all rows by partition and feed."""
        return self._staged

    def open(self, partition: int, progress: FeedProgress) -> StagedRows:
        """Return a feed's rows, to add some with the batch; progress is what their partition says of it so far."""
        place = partition, progress.feed
        staged = self._staged.setdefault(place, StagedRows(progress.feed))
        if staged.progress is None:
            staged.progress = progress
            self._fresh[place] = staged
        return staged

    def write(self, say: Callable[[FeedProgress], None]) -> Callable[[], None] | None:
        """Put the batch's rows into the table and say how far feeds are; return what to do after its commit."""
        # Feeds are also opened to look whether records are rows of theirs.
        fresh = [(partition, staged) for (partition, _), staged in self._fresh.items() if staged.fresh]
        if not fresh:
            return None
        written = [(staged, self._write(partition, staged)) for partition, staged in fresh]
        for _, staged in fresh:
            assert staged.progress is not None, "it came with the first row"
            say(staged.progress.with_rows(staged.fresh_numbers))
        return lambda: self._committed(written)

    def _committed(self, written: list[tuple[StagedRows, int]]) -> None:
        for staged, records in written:
            staged.commit(records)
        self.begin()

    def _write(self, partition: int, staged: StagedRows) -> int:
        parts: list[list[bytes]] = [[]]
        size = 0
        for value in staged.fresh:
            if size + len(value) > RECORD_BYTES and parts[-1]:
                parts.append([])
                size = 0
            parts[-1].append(value)
            size += len(value)
        for number, part in enumerate(parts, start=staged.records):
            key = feed_codec.rows_key(staged.feed, number)
            self.table.put(partition, key, FeedRows(*staged.feed, tuple(part)))
        return len(parts)

    def drop(self, partition: int, feed: FeedId) -> Callable[[], None]:
        """Delete a feed's rows with the batch; return what to do after its commit."""
        staged = self._staged.get((partition, feed))
        for number in range(staged.records if staged else 0):
            self.table.put(partition, feed_codec.rows_key(feed, number), None)
        return lambda: self._dropped(partition, feed)

    def _dropped(self, partition: int, feed: FeedId) -> None:
        self._staged.pop((partition, feed), None)


def quantity_of(row: Row | None) -> int:
    """Return the units that a feed says of a SKU: none of what it does not name."""
    return 0 if row is None else read_varint(row[0], 0)[0]
