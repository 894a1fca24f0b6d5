"""
What every connector is: a source of events, or a sink of availability.

Channel vocabulary stops inside a connector: out of a source come Onhand's own records, and into a sink goes
Onhand's availability. Errors:

    ConnectorError
    ├── SourceError          the source can't be read (further): the message says what to do
    └── SinkError
        ├── ChannelUnavailable   the channel as a whole took nothing: wait, then send again
        └── BatchRefused         the channel refused a batch for what is in it: split it to find the culprit
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

Cursor = str
"""Where a source stands: text that only the source itself understands, safe to store."""


class ConnectorError(Exception):
    """Anything that a connector raises on purpose."""


class SourceError(ConnectorError):
    """The source can't be read, or not any further; the message is one sentence for people."""


class SinkError(ConnectorError):
    """A delivery failed."""


class ChannelUnavailable(SinkError):
    """
    The channel took nothing of the batch, for a reason that has nothing to do with its items.

    retry_after_seconds is how long the channel asked to be left alone, None if it did not say.
    throttled is True when it is alive and only asks for patience, which is no failure.
    """

    def __init__(
        self, reason: str, *, retry_after_seconds: float | None = None, throttled: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        self.throttled = throttled


class BatchRefused(SinkError):
    """The channel refused the batch as a whole because of an item in it, without naming the item."""


class SourceEvent(NamedTuple):
    """One event: the record's name, its value as schemas/ has it, and the cursor to go on after it."""

    record: str
    value: dict[str, Any]
    cursor: Cursor


class Reject(NamedTuple):
    """One input that is no event: where it stands (line from 1), why, and what it said."""

    origin: str
    line: int
    reason: str
    content: str
    cursor: Cursor


class Source(Protocol):
    """
    Where events come from.

    The same input gives the same events with the same ids, always, and in the same order. Nothing is dropped
    silently: what is no event comes out as Reject, what the mapping says to leave out is counted by reason
    in `ignored`.
    """

    @property
    def source_id(self) -> str:
        """The source_id of its events."""

    @property
    def ignored(self) -> dict[str, int]:
        """How many inputs the latest read has left out so far, by reason."""

    def read(self, after: Cursor | None = None) -> Generator[SourceEvent | Reject, None, None]:
        """
        Yield what comes after the cursor, all of it without one.

        Closing the iterator releases what it holds. Raises SourceError.
        """


@dataclass(frozen=True, slots=True)
class Availability:
    """What one channel may sell of one SKU; occurred_at and emitted_at in UTC milliseconds."""

    sku: str
    channel_id: str
    available_to_sell: int
    version: int
    occurred_at: int
    emitted_at: int


class Verdict(StrEnum):
    """What became of one item of a batch."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # For good: sending the same again gets the same answer.
    FAILED = "failed"  # For now.
    UNSENT = "unsent"  # The channel did not look at it, because of others in the batch.


class ItemResult(NamedTuple):
    """The verdict on one item, and the channel's words for it."""

    verdict: Verdict
    reason: str = ""


class Sink(Protocol):
    """
    Where availability goes: one request to one channel, and nothing else.

    Waiting, order, batches, retries and dead letters are the same for every channel and live in
    connectors.egress.
    """

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """
        Send one batch, at most one item a SKU, and return a result for each item in the same order.

        Raises ChannelUnavailable, BatchRefused.
        """

    async def close(self) -> None:
        """Release connections."""


class Figure(NamedTuple):
    """What a channel shows of one item now; one of it may be a pack of several units."""

    quantity: int
    pack_size: int = 1

    def shows(self, units: int) -> bool:
        """Tell whether it is what so many units come to, whole packs only."""
        return self.quantity == units // self.pack_size


class ReadableSink(Sink, Protocol):
    """A sink whose channel can be asked what it shows."""

    async def read(self, skus: Sequence[str]) -> Mapping[str, Sequence[Figure]]:
        """
        Return what the channel shows of SKUs, for each of its items of that SKU; unknown ones are left out.

        Raises ChannelUnavailable.
        """
