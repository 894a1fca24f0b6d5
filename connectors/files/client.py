"""Reading files: plain or gzip, CSV or JSON lines, with line numbers; damage is reported, never hidden."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO, cast

from connectors.protocols import SourceError

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1: by content, because names lie.
MAX_CELL_CHARACTERS = 131_072  # csv's own default: an unclosed quote ends here, instead of eating the file.

Row = tuple[int, Sequence[str] | str]
"""First line of a CSV row (from 1), and its cells; or a sentence when it is no row."""

JsonRow = tuple[int, dict[str, Any] | str]
"""Line of a JSON object (from 1), and the object; or a sentence when it is none."""


class InputFiles:
    """
    Files that are one stream, in the order given; read_bytes of total_bytes (as stored) are behind us.

    Bytes that are not in the encoding become lone surrogates, so that one bad letter in a column that nobody
    needs costs nothing; who uses a text checks it. Raises SourceError for a file that is not there.
    """

    def __init__(self, paths: Sequence[Path], encoding: str = "utf-8-sig") -> None:
        for path in paths:
            if not path.is_file():
                raise SourceError(f"There is no file {path}.")
        self.paths = tuple(paths)
        self.total_bytes = sum(path.stat().st_size for path in paths)
        self._encoding = encoding
        self._position: Callable[[], int] = lambda: 0
        self._behind_bytes = 0

    @property
    def read_bytes(self) -> int:
        """How much of total_bytes has been read since the latest rewind()."""
        return self._behind_bytes + self._position()

    def rewind(self) -> None:
        """Count read_bytes from 0 again."""
        self._behind_bytes = 0

    @contextmanager
    def open(self, path: Path) -> Iterator[TextIO]:
        """Open one of the files as text. Raises SourceError, also while it is read."""
        try:
            with path.open("rb") as raw:
                self._position = raw.tell
                packed = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
                content = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
                with TextIOWrapper(content, self._encoding, "surrogateescape", newline="") as text:
                    yield text
        except (EOFError, zlib.error) as error:
            raise SourceError(f"File {path} is cut off or damaged ({error}); fetch it again.") from error
        except OSError as error:
            raise SourceError(f"Cannot read {path}: {error.strerror or error}.") from error
        finally:
            self._position = lambda: 0
            self._behind_bytes += path.stat().st_size


def csv_rows(stream: TextIO, delimiter: str = ",") -> Iterator[Row]:
    """Yield each row of a CSV stream, header and blank lines (no cells) included; goes on after a bad row."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            for row in reader:
                yield line, row
                line = reader.line_num + 1
            return
        except csv.Error as error:
            yield line, f"no CSV row: {error}"
            line = reader.line_num + 1


def json_rows(stream: TextIO) -> Iterator[JsonRow]:
    """Yield the object on each line that is not blank; goes on after a bad line."""
    for line, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except ValueError as error:
            yield line, f"no JSON: {error}"
            continue
        except RecursionError:
            yield line, "no JSON that anyone means: nested too deeply"
            continue
        yield (
            line,
            value if isinstance(value, dict) else f"a JSON object is needed, not {type(value).__name__}",
        )
