"""The Online Retail files as a Source: opening stock first if asked for, then every row in file order."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from connectors.files.client import InputFiles, csv_rows
from connectors.online_retail import translate
from connectors.protocols import Cursor, Reject, SourceError, SourceEvent

BLANK_LINE = "blank line"
_OPENING = "opening"
_ROW = "row"

Item = SourceEvent | Reject


class OnlineRetailSource:
    """
    Files of UCI Online Retail (CSV, plain or .gz) as one stream.

    An invoice that goes on in another file goes on counting its rows. opening_quantity is how much of
    each SKU is received at each location where the files have it, before all else; None leaves that out.
    A cursor is a stage and a number in it; reading on from one reads the rows before it again, to count
    them. Raises SourceError for files that are not there or not of this shape.
    """

    source_id = translate.SOURCE_ID

    def __init__(self, paths: Sequence[Path], opening_quantity: int | None = None) -> None:
        self.files = InputFiles(paths)
        self._opening_quantity = opening_quantity
        self._ignored: Counter[str] = Counter()

    @property
    def ignored(self) -> dict[str, int]:
        """How many rows the latest read has left out so far, by reason."""
        return dict(self._ignored)

    def read(self, after: Cursor | None = None) -> Generator[Item, None, None]:
        """Yield opening receipts and events after the cursor, see Source. Raises SourceError."""
        stage, behind = _parse(after)
        if stage == _OPENING:
            yield from self._openings(behind)
            behind = 0
        yield from self._rows(behind)

    def _openings(self, behind: int) -> Iterator[Item]:
        if self._opening_quantity is None:
            return
        seen: dict[tuple[str, str], None] = {}  # A dict keeps the order in which they were seen.
        for item in self._rows(0):
            if isinstance(item, SourceEvent):
                seen[item.value["sku"], item.value["location_id"]] = None
        for number, (sku, location_id) in enumerate(seen, start=1):
            if number > behind:
                record, value = translate.opening_receipt(sku, location_id, self._opening_quantity)
                yield SourceEvent(record, value, f"{_OPENING}:{number}")

    def _rows(self, behind: int) -> Iterator[Item]:
        """Yield what all rows but the first `behind` stand for."""
        self._ignored.clear()
        self.files.rewind()
        ordinals: dict[str, int] = {}
        number = 0
        for path in self.files.paths:
            for line, row, pick in self._cells(path):
                number += 1
                cursor = f"{_ROW}:{number}"
                if isinstance(row, str):
                    item: Item | str = Reject(str(path), line, row, "", cursor)
                elif not row:
                    item = BLANK_LINE
                else:
                    item = _translate(row, pick, ordinals, str(path), line, cursor)
                if number <= behind:
                    continue
                if isinstance(item, str):
                    self._ignored[item] += 1
                else:
                    yield item

    def _cells(self, path: Path) -> Iterator[tuple[int, Sequence[str] | str, "_Columns"]]:
        """Yield line, row and how to pick its columns, for every row of a file but its header."""
        with self.files.open(path) as stream:
            rows = csv_rows(stream)
            _, header = next(rows, (1, []))
            columns = _Columns(header, path)
            for line, row in rows:
                yield line, row, columns


class _Columns:
    """Where a file has the columns that matter."""

    def __init__(self, header: Sequence[str] | str, path: Path) -> None:
        missing = [name for name in translate.COLUMNS if isinstance(header, str) or name not in header]
        if missing:
            raise SourceError(f"File {path} is not Online Retail: its first line lacks {', '.join(missing)}.")
        self.width = len(header)
        self.pick = itemgetter(*(list(header).index(name) for name in translate.COLUMNS))
        self.invoice = list(header).index("InvoiceNo")


def _translate(
    row: Sequence[str], columns: _Columns, ordinals: dict[str, int], origin: str, line: int, cursor: Cursor
) -> Item | str:
    """Return what a row stands for, and count it among the rows of its invoice, whatever it is."""
    invoice = row[columns.invoice] if len(row) > columns.invoice else ""
    ordinal = ordinals[invoice] = ordinals.get(invoice, 0) + 1
    if len(row) != columns.width:
        reason = f"{len(row)} columns instead of {columns.width}"
        return Reject(origin, line, reason, ",".join(row), cursor)
    try:
        number, code, quantity, date, country = columns.pick(row)
        event = translate.event_of(number, ordinal, code, quantity, date, country)
    except translate.InvalidRow as error:
        return Reject(origin, line, str(error), ",".join(row), cursor)
    return event if isinstance(event, str) else SourceEvent(*event, cursor)


def _parse(cursor: Cursor | None) -> tuple[str, int]:
    """Return stage and number of a cursor. Raises SourceError for one that is not ours."""
    if cursor is None:
        return _OPENING, 0
    stage, _, number = cursor.partition(":")
    if stage not in {_OPENING, _ROW} or not number.isdecimal():
        raise SourceError(f"{cursor!r} is no cursor of {translate.SOURCE_ID}.")
    return stage, int(number)
