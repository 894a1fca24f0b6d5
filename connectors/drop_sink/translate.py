"""Availability as the content of a file: pure. CSV here; other formats are FileFormats beside their readers."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from connectors.protocols import Availability

COLUMNS = ("sku", "available_to_sell", "version", "occurred_at")


class FileFormat(Protocol):
    """How a batch becomes a file."""

    @property
    def suffix(self) -> str:
        """The end of the file's name, such as .csv."""

    def objection(self, update: Availability) -> str | None:
        """Return why the format can't say a value; None if it can."""

    def content(self, batch: Sequence[Availability], number: int, now: float) -> bytes:
        """Return a file of values that it has no objection to; number rises from file to file, now is UTC seconds."""


class Csv:
    """UTF-8, commas, a header line, CRLF: RFC 4180. occurred_at is RFC 3339, UTC."""

    suffix = ".csv"

    def objection(self, update: Availability) -> str | None:  # noqa: ARG002 - as the protocol has it
        """Return None: CSV can say any SKU."""
        return None

    def content(self, batch: Sequence[Availability], number: int, now: float) -> bytes:  # noqa: ARG002 - the same
        """Return one line for each value."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows(
            (update.sku, update.available_to_sell, update.version, _moment(update.occurred_at))
            for update in batch
        )
        return text.getvalue().encode()


def file_name(channel_id: str, number: int, suffix: str) -> str:
    """Return the name of a file; names of one channel sort in the order in which their files were written."""
    return f"availability-{channel_id}-{number:012d}{suffix}"


def number_of(name: str, channel_id: str) -> int | None:
    """Return the number in the name of a file of a channel, None if it is no such name."""
    head, middle = f"availability-{channel_id}-", name.partition(".")[0]
    digits = middle.removeprefix(head)
    return int(digits) if middle.startswith(head) and digits.isascii() and digits.isdigit() else None


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
