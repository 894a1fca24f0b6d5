"""Files that appear whole or not at all, in a directory that something else empties."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.drop_sink.translate import FileFormat, file_name, number_of
from connectors.protocols import Availability, ChannelUnavailable, ItemResult, Verdict

PARTIAL = ".part"  # Of a name that begins with a dot: no fetcher takes a file that is being written.


class DropSink:
    """
    Writes each batch as one file of a channel, see Sink.

    A file is written under a name that fetchers leave alone, made durable, and then renamed: delivered is what a
    power cut can't take back. Numbers are UTC seconds, and rise in any case: past those of all files that are there.
    A second delivery into one directory would take the same names: give each channel one process.
    """

    def __init__(
        self,
        directory: Path,
        file_format: FileFormat,
        channel_id: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._format = file_format
        self._channel_id = channel_id
        self._clock = clock
        self._latest = -1
        self._closed = False

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Write one file; values that its format can't say are refused."""
        if self._closed:
            raise RuntimeError("the sink is closed")
        objections = [self._format.objection(update) for update in batch]
        good = [update for update, objection in zip(batch, objections, strict=True) if objection is None]
        if good:
            try:
                await asyncio.to_thread(self._write, good)
            except OSError as error:
                raise ChannelUnavailable(f"cannot write to {self._directory}: {error.strerror}") from error
        return [
            ItemResult(Verdict.DELIVERED) if objection is None else ItemResult(Verdict.REFUSED, objection)
            for objection in objections
        ]

    async def close(self) -> None:
        """Take no more."""
        self._closed = True

    def _write(self, batch: Sequence[Availability]) -> None:
        number = self._next_number()
        target = self._directory / file_name(self._channel_id, number, self._format.suffix)
        partial = target.with_name(f".{target.name}{PARTIAL}")
        try:
            with partial.open("wb") as file:
                file.write(self._format.content(batch, number, self._clock()))
                file.flush()
                os.fsync(file.fileno())
            partial.rename(target)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self._latest = number
        _make_durable(self._directory)

    def _next_number(self) -> int:
        if self._latest < 0:
            there = (number_of(path.name, self._channel_id) for path in self._directory.iterdir())
            self._latest = max((number for number in there if number is not None), default=0)
        return max(self._latest + 1, int(self._clock()))


def _make_durable(directory: Path) -> None:
    """Write a directory's names to disk, where the system can do that."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
