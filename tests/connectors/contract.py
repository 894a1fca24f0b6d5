"""What every source and every sink guarantees; each connector's test subclasses the one that fits."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from connectors.egress.dead_letters import CHANNEL_REFUSED, RETRIES_EXHAUSTED
from connectors.egress.delivery import Delivery, DeliveryOptions
from connectors.egress.pace import Backoff, Circuit
from connectors.egress.waiting import Stored, Waiting, WaitingRoom
from connectors.protocols import Availability, Reject, Sink, Source, SourceError, SourceEvent
from schemas import wire
from streams.topology import EVENT_TOPICS

CHANNEL = "web"
DEADLINE_SECONDS = 10.0


class SourceContract(ABC):
    """A source of at least four events, a bad row, and a row that its mapping leaves out."""

    rows_total: int
    bad_lines: tuple[int, ...]

    @abstractmethod
    def make_source(self, folder: Path) -> Source:
        """Return the source, its input written to a folder."""

    def test_two_reads_give_the_same_events_with_the_same_ids(self, tmp_path: Path) -> None:
        """A replay of a replay changes nothing, because every id is the same again."""
        source = self.make_source(tmp_path)
        first, second = list(source.read()), list(self.make_source(tmp_path).read())
        assert first == second == list(source.read())
        ids = [item.value["event_id"] for item in first if isinstance(item, SourceEvent)]
        assert len(ids) >= 4
        assert len(set(ids)) == len(ids)

    def test_reading_goes_on_after_any_cursor(self, tmp_path: Path) -> None:
        """Whatever was the last item stored, what follows it is what follows."""
        source = self.make_source(tmp_path)
        items = list(source.read())
        for number, item in enumerate(items, start=1):
            assert list(source.read(after=item.cursor)) == items[number:]

    def test_bad_rows_come_with_their_line_and_a_reason(self, tmp_path: Path) -> None:
        """A person finds the row and knows what to mend."""
        rejects = [item for item in self.make_source(tmp_path).read() if isinstance(item, Reject)]
        assert tuple(reject.line for reject in rejects) == self.bad_lines
        assert all(reject.reason and Path(reject.origin).is_file() for reject in rejects)

    def test_every_row_is_an_event_or_a_reject_or_counted(self, tmp_path: Path) -> None:
        """Nothing is dropped silently."""
        source = self.make_source(tmp_path)
        items = list(source.read())
        assert source.ignored
        assert len(items) + sum(source.ignored.values()) == self.rows_total

    def test_events_fit_their_schema_and_carry_the_source(self, tmp_path: Path) -> None:
        """What comes out can be published as it is."""
        source = self.make_source(tmp_path)
        for item in source.read():
            if isinstance(item, SourceEvent):
                assert item.record in EVENT_TOPICS
                assert item.value["source_id"] == source.source_id
                assert wire.decode(wire.encode(item.record, item.value)) == (item.record, item.value)

    def test_a_read_that_is_abandoned_releases_its_files(self, tmp_path: Path) -> None:
        """A stop in the middle of a file leaves nothing open."""
        source = self.make_source(tmp_path)
        before = open_files_total()
        with closing(source.read()) as items:
            while open_files_total() == before:
                next(items)  # Opening stock comes before the first row, from files that are closed again.
        assert open_files_total() == before

    def test_a_foreign_cursor_is_refused(self, tmp_path: Path) -> None:
        """A cursor of another source would skip or repeat something unknown."""
        with pytest.raises(SourceError, match="no cursor"):
            list(self.make_source(tmp_path).read(after="somewhere else"))


def open_files_total() -> int:
    """Return how many files this process has open, as Linux and macOS tell it."""
    return len(list(Path("/dev/fd").iterdir()))


class Impatient(random.Random):
    """No jitter and no wait: backoff of 0 s."""

    def uniform(self, a: float, b: float) -> float:
        """Return the shortest wait."""
        return a


class RememberedDeadLetters:
    """Dead letters in a list."""

    def __init__(self) -> None:
        self.letters: list[tuple[Stored, str, str]] = []

    async def add(self, stored: Stored, reason: str, message: str) -> None:
        """Remember a dead letter."""
        self.letters.append((stored, reason, message))

    @property
    def reasons(self) -> dict[str, str]:
        """The reason for each SKU."""
        return {(stored.key or b"").decode(): reason for stored, reason, _ in self.letters}


def availability(sku: str, version: int, quantity: int | None = None) -> Availability:
    """Return a value emitted now; its quantity is its version unless said, for channels that show no versions."""
    now = int(time.time() * 1_000)
    return Availability(sku, CHANNEL, version if quantity is None else quantity, version, now, now)


class Sending:
    """A delivery to a sink under test, with values put in by hand, each at its own offset."""

    def __init__(
        self, sink: Sink, *, batch_size: int = 10, attempts: int = 3, rate: float | None = None
    ) -> None:
        self.room = WaitingRoom()
        self.dead_letters = RememberedDeadLetters()
        impatient = Impatient()
        self.circuit = Circuit(time.monotonic, Backoff(impatient), failures=4, open_seconds=0.05)
        options = DeliveryOptions(CHANNEL, batch_size, rate, attempts)
        self.delivery = Delivery(
            options, self.room, sink, self.dead_letters, circuit=self.circuit, source=impatient
        )
        self.delivery.gate.set()
        self._offset = 0

    def put(self, *updates: Availability) -> None:
        """Let values wait, in the order of their offsets."""
        for update in updates:
            stored = Stored(f"availability-{CHANNEL}", 0, self._offset, update.sku.encode(), b"value")
            self._offset += 1
            self.room.add(Waiting(update, stored))
        self.delivery.notify()

    async def until_done(self) -> None:
        """Deliver until nothing is left to be done, within a deadline."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            running = asyncio.create_task(self.delivery.run())
            try:
                while self.room.lowest(0) is not None:
                    assert not running.done(), running.exception()
                    await asyncio.sleep(0.002)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running


class Channel(ABC):
    """A channel that misbehaves as scripted: one entry a request, then it accepts everything."""

    script: list[str]
    received: list[list[tuple[str, int]]]
    bad_skus: set[str]
    on_request: Callable[[], None]

    @property
    def accepted(self) -> list[tuple[str, int]]:
        """Every (SKU, version) that it took, in order."""
        raise NotImplementedError


class SinkContract:
    """
    A sink in front of a scripted channel.

    A subclass has fixtures `channel` (which knows the script word "fail", refuses bad_skus, and calls
    on_request before it answers) and `sink`.
    """

    async def test_what_waits_arrives(self, channel: Channel, sink: Sink) -> None:
        """The simplest case, in one batch."""
        sending = Sending(sink)
        sending.put(availability("a", 1), availability("b", 1))
        await sending.until_done()
        assert channel.received == [[("a", 1), ("b", 1)]]

    async def test_the_latest_value_wins_while_waiting(self, channel: Channel, sink: Sink) -> None:
        """What nobody needs any more is never sent."""
        sending = Sending(sink)
        sending.put(availability("a", 1), availability("b", 1), availability("a", 2), availability("a", 3))
        await sending.until_done()
        assert channel.received == [[("a", 3), ("b", 1)]]

    async def test_a_newer_value_overtakes_a_failed_one(self, channel: Channel, sink: Sink) -> None:
        """A retry sends the newest, not what failed."""
        channel.script = ["fail"]
        sending = Sending(sink)
        sending.put(availability("a", 1))
        channel.on_request = lambda: sending.put(availability("a", 2))
        await sending.until_done()
        assert channel.received == [[("a", 1)], [("a", 2)]]

    async def test_an_older_value_is_never_sent_after_a_newer_one(self, channel: Channel, sink: Sink) -> None:
        """Not even when it comes in again after the newer one was taken."""
        sending = Sending(sink)
        sending.put(availability("a", 2))
        await sending.until_done()
        sending.put(availability("a", 1), availability("a", 2), availability("b", 1))
        await sending.until_done()
        assert channel.accepted == [("a", 2), ("b", 1)]

    async def test_failures_are_retried(self, channel: Channel, sink: Sink) -> None:
        """A hiccup costs nothing."""
        channel.script = ["fail", "fail"]
        sending = Sending(sink)
        sending.put(availability("a", 1))
        await sending.until_done()
        assert channel.accepted == [("a", 1)]
        assert sending.dead_letters.letters == []

    async def test_retries_are_bounded_and_the_next_value_starts_afresh(
        self, channel: Channel, sink: Sink
    ) -> None:
        """After the last attempt comes a dead letter; a newer value has all its attempts again."""
        channel.script = ["fail"] * 5
        sending = Sending(sink, attempts=3)
        sending.put(availability("a", 1))
        await sending.until_done()
        assert sending.dead_letters.reasons == {"a": RETRIES_EXHAUSTED}
        assert len(channel.received) == 3
        sending.put(availability("a", 2))
        await sending.until_done()
        assert channel.accepted == [("a", 2)]
        assert len(sending.dead_letters.letters) == 1

    async def test_one_bad_item_does_not_fail_its_batch(self, channel: Channel, sink: Sink) -> None:
        """All others arrive, and the bad one is a dead letter with the channel's words."""
        channel.bad_skus = {"sku-5"}
        sending = Sending(sink, batch_size=20)
        sending.put(*(availability(f"sku-{number}", 1) for number in range(16)))
        await sending.until_done()
        assert {sku for sku, _ in channel.accepted} == {f"sku-{n}" for n in range(16)} - {"sku-5"}
        assert sending.dead_letters.reasons == {"sku-5": CHANNEL_REFUSED}

    async def test_nothing_counts_as_done_before_it_is(self, channel: Channel, sink: Sink) -> None:
        """What failed holds its position back, so that a restart would deliver it."""
        channel.script = ["fail"]
        sending = Sending(sink)
        sending.put(availability("a", 1), availability("b", 1))
        positions: list[int | None] = []
        channel.on_request = lambda: positions.append(sending.room.lowest(0))
        await sending.until_done()
        assert positions == [0, 0]

    async def test_closing_releases_connections(self, channel: Channel, sink: Sink) -> None:
        """A closed sink sends no more, and says so."""
        await sink.send([availability("a", 1)])
        await sink.close()
        with pytest.raises(RuntimeError):
            await sink.send([availability("a", 2)])
