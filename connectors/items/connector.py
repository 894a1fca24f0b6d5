"""Files of items as a Source: each row one description."""

import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.body import Untranslatable
from connectors.files.client import InputFiles, csv_rows, json_rows
from connectors.files.connector import BLANK_LINE, kind_of, rows_behind
from connectors.items.translate import COLUMNS, RECORD, described, from_cells
from connectors.protocols import Cursor, Reject, SourceError, SourceEvent


class ItemFileSource:
    """
    CSV and JSON-lines files of items, in the order given, said by one source.

    What a file says is as of occurred_at (UTC milliseconds), of its last change without one: so the same file gives
    the same ids. A cursor is a number of rows, over all files. Raises SourceError for files that are not there, of
    unknown kind or without a sku.
    """

    def __init__(self, paths: Sequence[Path], source_id: str, occurred_at: int | None = None) -> None:
        self.files = InputFiles(paths)
        self.source_id = source_id
        self._occurred_at = occurred_at
        self._ignored: Counter[str] = Counter()

    @property
    def ignored(self) -> dict[str, int]:
        """How many rows the latest read has left out so far, by reason."""
        return dict(self._ignored)

    def read(self, after: Cursor | None = None) -> Generator[SourceEvent | Reject, None, None]:
        """Yield what the rows after the cursor stand for, see Source. Raises SourceError."""
        behind = rows_behind(after)
        self._ignored.clear()
        self.files.rewind()
        number = 0
        for path in self.files.paths:
            occurred_at = self._occurred_at
            if occurred_at is None:
                occurred_at = path.stat().st_mtime_ns // 1_000_000
            for line, row in _rows(self.files, path):
                number += 1
                if number <= behind:
                    continue
                if row is None:
                    self._ignored[BLANK_LINE] += 1
                else:
                    yield self._item(row, occurred_at, str(path), line, str(number))

    def _item(
        self, row: Mapping[str, Any] | str, occurred_at: int, origin: str, line: int, cursor: Cursor
    ) -> SourceEvent | Reject:
        if isinstance(row, str):
            return Reject(origin, line, row, "", cursor)
        try:
            is_csv = kind_of(Path(origin)) == "csv"
            value = described(from_cells(row) if is_csv else row, self.source_id, occurred_at)
        except Untranslatable as error:
            return Reject(origin, line, str(error), json.dumps(row), cursor)
        return SourceEvent(RECORD, value, cursor)


def _rows(files: InputFiles, path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str | None]]:
    """Yield the first line of each row, and its cells by column; a sentence when it is no row, None when blank."""
    is_csv = kind_of(path) == "csv"
    with files.open(path) as stream:
        if not is_csv:
            yield from json_rows(stream)
            return
        rows = csv_rows(stream)
        _, header = next(rows, (1, "empty file"))
        names = _columns(path, header)
        for line, cells in rows:
            if isinstance(cells, str) or not cells:
                yield line, cells if isinstance(cells, str) else None
            elif len(cells) != len(names):
                yield line, "more or fewer columns than the header"
            else:
                yield line, dict(zip(names, cells, strict=True))


def _columns(path: Path, header: Sequence[str] | str) -> list[str]:
    if isinstance(header, str):
        raise SourceError(f"File {path} has no header line: {header}.")
    names = [name.strip() for name in header]
    strangers = [name for name in names if name not in COLUMNS]
    if strangers or "sku" not in names or len(set(names)) < len(names):
        raise SourceError(
            f"The header of file {path} must name sku, and otherwise only {', '.join(COLUMNS[1:])}, once each;"
            f" it has {', '.join(names)}."
        )
    return names
