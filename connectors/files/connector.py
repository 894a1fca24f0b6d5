"""CSV and JSON-lines files as a Source, by a declarative mapping."""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from connectors.files.client import InputFiles, csv_rows, json_rows
from connectors.files.mapping import Mapping
from connectors.files.translate import InvalidRow, Translator
from connectors.items.identifiers import Unresolved
from connectors.protocols import Cursor, Reject, SourceError, SourceEvent

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
BLANK_LINE = "blank line"

Parsed = dict[str, Any] | Sequence[str] | str
"""A row by column; or cells that do not fit the header; or a sentence when it is no row at all."""


class FileSource:
    """
    Files of one kind as one stream, in the order given; ordinals go on from file to file.

    A cursor is a number of rows, over all files; reading on from one reads those rows again, to count
    ordinals. resolve returns an event's value with the SKU that its identifier stands for, or raises Unresolved:
    then the row is rejected. Raises SourceError for files that are not there, of unknown kind, or without a column
    that the mapping needs.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        mapping: Mapping,
        resolve: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.files = InputFiles(paths, mapping.encoding)
        self.source_id = mapping.source_id
        self._mapping = mapping
        self._resolve = resolve
        self._translator = Translator(mapping)
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
        ordinals: Counter[tuple[str, ...]] = Counter()
        number = 0
        for path in self.files.paths:
            for line, parsed in self._rows(path):
                number += 1
                item = self._item(parsed, ordinals, str(path), line, str(number))
                if number <= behind:
                    continue
                if isinstance(item, str):
                    self._ignored[item] += 1
                else:
                    yield item

    def _item(
        self, parsed: Parsed, ordinals: Counter[tuple[str, ...]], origin: str, line: int, cursor: Cursor
    ) -> SourceEvent | Reject | str:
        """Return the event of a row, or why it is none; its ordinal counts either way, if it can be told."""
        if isinstance(parsed, str):
            return Reject(origin, line, parsed, "", cursor)
        if not parsed:
            return BLANK_LINE
        if not isinstance(parsed, dict):
            return Reject(origin, line, "more or fewer columns than the header", ",".join(parsed), cursor)
        try:
            group = self._translator.group_of(parsed)
            ordinals[group] += 1
            event = self._translator.event_of(parsed, ordinals[group])
            if isinstance(event, str):
                return event
            record, value = event
            resolved = value if self._resolve is None else self._resolve(value)
        except (InvalidRow, Unresolved) as error:
            return Reject(origin, line, str(error), json.dumps(parsed), cursor)
        return SourceEvent(record, resolved, cursor)

    def _rows(self, path: Path) -> Iterator[tuple[int, Parsed]]:
        kind = self._mapping.format or kind_of(path)
        with self.files.open(path) as stream:
            if kind == "jsonl":
                yield from json_rows(stream)
                return
            rows = csv_rows(stream, self._mapping.delimiter)
            _, header = next(rows, (1, "empty file"))
            names = self._header(path, header)
            for line, row in rows:
                fits = len(row) == len(names) and not isinstance(row, str)
                yield line, dict(zip(names, row, strict=True)) if fits else row

    def _header(self, path: Path, header: Sequence[str] | str) -> list[str]:
        if isinstance(header, str):
            raise SourceError(f"File {path} has no header line: {header}.")
        names = [name.strip() for name in header]
        missing = sorted(set(self._mapping.columns()) - set(names))
        if missing:
            raise SourceError(f"File {path} lacks columns that the mapping names: {', '.join(missing)}.")
        if len(set(names)) < len(names):
            raise SourceError(f"File {path} has two columns of one name in its header: {', '.join(names)}.")
        return names


def kind_of(path: Path) -> str:
    """Return csv or jsonl by the file's name, which may end in .gz besides. Raises SourceError."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    kind = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if kind is None:
        raise SourceError(
            f"Cannot tell what {path} is by its name; set format in the mapping to csv or jsonl."
        )
    return kind


def rows_behind(cursor: Cursor | None) -> int:
    """Return the number of rows behind a cursor. Raises SourceError for one that is not ours."""
    if cursor is None:
        return 0
    if not cursor.isdecimal():
        raise SourceError(f"{cursor!r} is no cursor of a file.")
    return int(cursor)
