"""The HTTP sink against a real server that is slow, throttles, breaks, resets and refuses."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from connectors.egress.dead_letters import CHANNEL_REFUSED
from connectors.http_sink.client import HttpSink
from connectors.protocols import ChannelUnavailable
from tests.connectors.channel_server import ChannelServer
from tests.connectors.contract import CHANNEL, Sending, SinkContract, availability
from tests.connectors.serving import serving

ANSWER_TIMEOUT_SECONDS = 0.3


@pytest.fixture
async def channel() -> AsyncIterator[ChannelServer]:
    """A channel that refuses whole batches."""
    async with serving(ChannelServer()) as server:
        yield server


@pytest.fixture
async def sink(channel: ChannelServer) -> AsyncIterator[HttpSink]:
    """The sink in front of it."""
    sink = HttpSink(
        CHANNEL,
        channel.url,
        {"Authorization": "Bearer secret"},
        answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS,
    )
    yield sink
    await sink.close()


class TestHttpSinkWhoseChannelRefusesBatches(SinkContract):
    """The contract, with a channel that does not name the culprit."""


class TestHttpSinkWhoseChannelNamesItemsWith207(SinkContract):
    """The contract, with a channel that takes the good ones and names the bad."""

    @pytest.fixture
    async def channel(self) -> AsyncIterator[ChannelServer]:
        """A channel that answers 207."""
        async with serving(ChannelServer(names_items_with=207)) as server:
            yield server


class TestHttpSinkWhoseChannelNamesItemsWith422(SinkContract):
    """The contract, with a channel that takes nothing and names the bad."""

    @pytest.fixture
    async def channel(self) -> AsyncIterator[ChannelServer]:
        """A channel that answers 422."""
        async with serving(ChannelServer(names_items_with=422)) as server:
            yield server


@pytest.mark.parametrize("trouble", ["fail", "slow", "reset", "redirect"])
async def test_any_trouble_is_got_over(channel: ChannelServer, sink: HttpSink, trouble: str) -> None:
    """The value arrives at the next try, and no dead letter is made."""
    channel.script = [trouble, trouble]
    sending = Sending(sink, attempts=5)
    sending.put(availability("a", 1), availability("b", 1))
    await sending.until_done()
    assert channel.accepted == [("a", 1), ("b", 1)]
    assert len(channel.requests) == 3
    assert sending.dead_letters.letters == []


@pytest.mark.parametrize("word", ["throttle", "busy"])
async def test_retry_after_is_honoured(channel: ChannelServer, sink: HttpSink, word: str) -> None:
    """Nothing is sent before the channel wants it."""
    channel.script = [word]
    sending = Sending(sink)
    sending.put(availability("a", 1))
    await sending.until_done()
    first, second = (request.at for request in channel.requests)
    assert 1.0 <= second - first < 3.0


async def test_throttling_never_makes_a_dead_letter(channel: ChannelServer, sink: HttpSink) -> None:
    """A channel may ask for patience more often than an item may fail."""
    channel.script = ["throttle"] * 2
    sending = Sending(sink, attempts=1)
    sending.put(availability("a", 1))
    await sending.until_done()
    assert sending.dead_letters.letters == []
    assert channel.accepted == [("a", 1)]


async def test_retries_carry_the_same_key_and_new_content_another(
    channel: ChannelServer, sink: HttpSink
) -> None:
    """A channel that keeps idempotency keys takes a batch once."""
    channel.script = ["fail"]
    sending = Sending(sink)
    sending.put(availability("a", 1))
    await sending.until_done()
    sending.put(availability("a", 2))
    await sending.until_done()
    keys = [request.headers["idempotency-key"] for request in channel.requests]
    assert keys[0] == keys[1] != keys[2]
    assert {request.headers["authorization"] for request in channel.requests} == {"Bearer secret"}
    assert {request.headers["content-type"] for request in channel.requests} == {"application/json"}


async def test_the_rate_budget_is_kept(channel: ChannelServer, sink: HttpSink) -> None:
    """Five requests at twenty a second take 200 ms, and what waits meanwhile is coalesced."""
    sending = Sending(sink, batch_size=2, rate=20.0)
    sending.put(*(availability(f"sku-{number}", 1) for number in range(10)))
    sending.put(availability("sku-9", 2))
    await sending.until_done()
    times = [request.at for request in channel.requests]
    assert len(times) == 5
    assert times[-1] - times[0] >= 0.15  # Less than 200 ms, because the first one had to connect first.
    assert ("sku-9", 1) not in channel.accepted


async def test_an_outage_costs_a_few_probes_and_not_the_whole_queue(
    channel: ChannelServer, sink: HttpSink
) -> None:
    """With the circuit open one item at a time asks; all others wait without using up their attempts."""
    channel.script = ["fail"] * 12
    sending = Sending(sink, attempts=5)
    sending.put(*(availability(f"sku-{number}", 1) for number in range(10)))
    await sending.until_done()
    sizes = [len(batch) for batch in channel.received]
    assert sizes[:4] == [10] * 4
    assert sizes[4:12] == [1] * 8
    assert sizes[12] == 1
    assert len(sending.dead_letters.letters) == 8
    assert len(channel.accepted) == 2


async def test_a_wrong_address_is_no_fault_of_the_items(channel: ChannelServer, sink: HttpSink) -> None:
    """Nobody answers there: the channel is unavailable, in words that a person understands."""
    elsewhere = HttpSink(CHANNEL, "http://127.0.0.1:1/stock")
    with pytest.raises(ChannelUnavailable, match="ConnectError"):
        await elsewhere.send([availability("a", 1)])
    await elsewhere.close()


async def test_splitting_finds_each_culprit_in_a_logarithmic_number_of_requests(
    channel: ChannelServer, sink: HttpSink
) -> None:
    """Three bad ones among 256, and 253 delivered."""
    channel.bad_skus = {"sku-3", "sku-100", "sku-255"}
    sending = Sending(sink, batch_size=256)
    sending.put(*(availability(f"sku-{number}", 1) for number in range(256)))
    await sending.until_done()
    assert sending.dead_letters.reasons == dict.fromkeys(channel.bad_skus, CHANNEL_REFUSED)
    assert len(channel.accepted) == 253
    assert len(channel.requests) <= 3 * 2 * 8 + 1


async def test_deliveries_are_counted_by_channel_and_outcome(channel: ChannelServer, sink: HttpSink) -> None:
    """Delivered, dead-lettered, and how long it took; never by SKU."""

    def count(outcome: str) -> float:
        labels = {"channel": CHANNEL, "outcome": outcome}
        return REGISTRY.get_sample_value("onhand_deliveries_total", labels) or 0.0

    before = count("delivered"), count("dead_lettered")
    channel.bad_skus = {"b"}
    sending = Sending(sink)
    sending.put(availability("a", 1), availability("b", 1))
    await sending.until_done()
    assert (count("delivered"), count("dead_lettered")) == (before[0] + 1, before[1] + 1)
    seconds = REGISTRY.get_sample_value("onhand_delivery_latency_seconds_count", {"channel": CHANNEL})
    assert seconds
    assert REGISTRY.get_sample_value("onhand_delivery_waiting", {"channel": CHANNEL}) == 0.0


async def test_finishing_delivers_what_waits_and_then_ends(channel: ChannelServer, sink: HttpSink) -> None:
    """The drain of a clean stop."""
    sending = Sending(sink, batch_size=1)
    sending.put(*(availability(f"sku-{number}", 1) for number in range(5)))
    sending.delivery.finish()
    await sending.delivery.run()
    assert len(channel.accepted) == 5
