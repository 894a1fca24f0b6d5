"""What every sink of a vendor's API guarantees beyond the contract of all sinks, on the vendor's simulator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator

import pytest

from connectors.protocols import ChannelUnavailable, Figure, ReadableSink, Sink, Verdict
from tests.connectors.contract import Sending, SinkContract, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.server import Simulator

ANSWER_TIMEOUT_SECONDS = 0.3
SKUS = ("a", "b", *(f"sku-{number}" for number in range(16)))


class VendorContract(SinkContract):
    """A sink in front of its vendor's simulator, which has items for SKUS, each at 500, and knows all troubles."""

    @abstractmethod
    def make_simulator(self) -> Simulator:
        """Return the vendor's simulator."""

    @abstractmethod
    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> Sink:
        """Return the sink in front of it, with the right credentials or wrong ones."""

    @pytest.fixture
    async def channel(self) -> AsyncIterator[Simulator]:
        """The simulator, served."""
        async with serving(self.make_simulator()) as simulator:
            yield simulator

    @pytest.fixture
    async def sink(self, channel: Simulator) -> AsyncIterator[Sink]:
        """The sink in front of it."""
        sink = self.make_sink(channel)
        yield sink
        await sink.close()

    async def test_the_channel_shows_what_was_delivered(self, channel: Simulator, sink: Sink) -> None:
        """The figure at the channel is ours, zero included, and nothing else has changed."""
        sending = Sending(sink)
        sending.put(availability("a", 1, 7), availability("b", 1, 0))
        await sending.until_done()
        assert (channel.figures["a"], channel.figures["b"], channel.figures["sku-1"]) == (7, 0, 500)

    @pytest.mark.parametrize("trouble", ["fail", "busy", "slow", "reset", "lost", "throttle", "expired"])
    async def test_any_trouble_is_got_over(self, channel: Simulator, sink: Sink, trouble: str) -> None:
        """The figures arrive at the next try, and no dead letter is made."""
        channel.script = [trouble]
        sending = Sending(sink, attempts=3)
        sending.put(availability("a", 1, 7), availability("b", 1, 8))
        await sending.until_done()
        assert (channel.figures["a"], channel.figures["b"]) == (7, 8)
        assert sending.dead_letters.letters == []

    async def test_a_burst_of_errors_costs_attempts_and_no_figure(
        self, channel: Simulator, sink: Sink
    ) -> None:
        """The latest figures are there in the end."""
        channel.script = ["fail", "fail", "reset", "fail", "lost", "fail"]
        sending = Sending(sink, attempts=8)
        sending.put(*(availability(sku, 1, 3) for sku in SKUS))
        await sending.until_done()
        assert set(channel.figures.values()) == {3}
        assert sending.dead_letters.letters == []

    async def test_throttling_is_no_attempt(self, channel: Simulator, sink: Sink) -> None:
        """A channel that asks for patience gets it, and no dead letter is made of its patience."""
        channel.script = ["throttle", "throttle"]
        sending = Sending(sink, attempts=1)
        sending.put(availability("a", 1, 7))
        await sending.until_done()
        assert channel.figures["a"] == 7
        assert sending.dead_letters.letters == []

    async def test_an_item_that_the_channel_does_not_have_is_that_items_failure(
        self, channel: Simulator, sink: Sink
    ) -> None:
        """It never counts as delivered, and the others arrive."""
        results = await sink.send([availability("a", 1, 7), availability("nowhere", 1, 5)])
        assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.REFUSED]
        assert results[1].reason
        assert channel.figures["a"] == 7

    async def test_the_same_figure_can_be_written_again_after_someone_changed_it(
        self, channel: Simulator, sink: Sink
    ) -> None:
        """A repair is a new write: the channel must not take it for the old one tried again."""
        await sink.send([availability("a", 1, 7)])
        channel.figures["a"] = 6
        results = await sink.send([availability("a", 1, 7)])
        while results[0].verdict is Verdict.UNSENT:
            results = await sink.send([availability("a", 1, 7)])
        assert results[0].verdict is Verdict.DELIVERED
        assert channel.figures["a"] == 7

    async def test_wrong_credentials_are_no_fault_of_the_items(self, channel: Simulator) -> None:
        """A person has to mend the account; nothing is refused for it."""
        stranger = self.make_sink(channel, credentials="wrong")
        with pytest.raises(ChannelUnavailable) as caught:
            await stranger.send([availability("a", 1)])
        assert not caught.value.throttled
        assert channel.figures["a"] == 500
        await stranger.close()


class ReadableContract(VendorContract):
    """A sink of a channel that can be asked what it shows."""

    @abstractmethod
    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """Return the sink in front of it, with the right credentials or wrong ones."""

    async def test_what_the_channel_shows_can_be_read(self, channel: Simulator, sink: ReadableSink) -> None:
        """Also what somebody changed there; items that it does not have are left out."""
        await sink.send([availability("a", 1, 7)])
        channel.figures["a"] = 6
        assert await sink.read(["a", "b", "nowhere"]) == {"a": [Figure(6)], "b": [Figure(500)]}
