"""The file that keeps what a source could not make events of, with the reason, one JSON object a line."""

import json
from pathlib import Path
from typing import TextIO

from connectors.protocols import Reject, SourceError


class RejectsFile:
    """
    Writes rejects to a file, which comes into being with the first one and replaces that of an earlier run.

    Raises SourceError when it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: TextIO | None = None

    def add(self, reject: Reject) -> None:
        """Keep one reject."""
        entry = {
            "file": reject.origin,
            "line": reject.line,
            "reason": reject.reason,
            "content": reject.content,
        }
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8")
            self._file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise SourceError(f"Cannot write rejects to {self.path}: {error.strerror}.") from error
        self.count += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None
