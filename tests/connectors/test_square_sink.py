"""The Square sink on its simulator."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from connectors.egress.dead_letters import CHANNEL_REFUSED
from connectors.egress.mapped import Write
from connectors.protocols import Availability, ChannelUnavailable, ReadableSink, Verdict
from connectors.square.client import SquareApi
from connectors.square.connector import square_sink
from connectors.square.outgoing import changes
from connectors.translation import Account
from tests.connectors.contract import Sending, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.contract import ANSWER_TIMEOUT_SECONDS, SKUS, ReadableContract
from tests.connectors.simulators.server import Simulator
from tests.connectors.simulators.square import LOCATION, TOKEN, SquareSimulator

DAY_MILLISECONDS = 86_400_000


def make_sink(channel: Simulator, account: Account | None = None, token: str = TOKEN) -> ReadableSink:
    """Return a sink in front of a seller."""
    api = SquareApi(channel.url, token, LOCATION, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
    return square_sink(account or Account("till", "till"), api)


class TestSquareSink(ReadableContract):
    """The contract, in physical counts."""

    def make_simulator(self) -> Simulator:
        """A seller."""
        return SquareSimulator(dict.fromkeys(SKUS, 500))

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """A sink of it."""
        return make_sink(channel, token=TOKEN if credentials == "right" else "EAAAwrong")


class TestSquareSinkWhoseErrorsNameNoField(TestSquareSink):
    """The contract, where the culprit is found by halving the batch."""

    def make_simulator(self) -> Simulator:
        """A seller whose errors do not say which change they are about."""
        return SquareSimulator(dict.fromkeys(SKUS, 500), names_fields=False)


@pytest.fixture
async def seller() -> AsyncIterator[SquareSimulator]:
    """A seller with more variations than a page holds."""
    figures = {"a": 5, "b": 5} | {f"sku-{number}": 5 for number in range(120)}
    async with serving(SquareSimulator(figures)) as simulator:
        yield simulator


@pytest.fixture
async def sink(seller: SquareSimulator) -> AsyncIterator[ReadableSink]:
    """A sink of it."""
    sink = make_sink(seller)
    yield sink
    await sink.close()


def test_a_count_is_of_the_time_when_it_was_told() -> None:
    """What Square sold since is taken off the count, however late it arrives; a day is Square's limit."""
    now = 1_800_000_000.0
    update = Availability("a", "web", 9, 3, 0, int(now * 1_000) - 60_250)
    (change,) = changes([Write("V-A", 9, update)], LOCATION, now)
    assert change["type"] == "PHYSICAL_COUNT"
    assert change["physical_count"] == {
        "reference_id": "onhand-3",
        "catalog_object_id": "V-A",
        "state": "IN_STOCK",
        "location_id": LOCATION,
        "quantity": "9",
        "occurred_at": "2027-01-15T07:58:59.750Z",
    }
    (late,) = changes([Write("V-A", 9, update)], LOCATION, now + 86_400)
    assert late["physical_count"]["occurred_at"] == "2027-01-16T08:00:00.000Z"


async def test_a_count_that_waited_for_days_is_taken_as_of_now(
    seller: SquareSimulator, sink: ReadableSink
) -> None:
    """Square refuses counts older than a day, and after an outage there are some."""
    old = availability("a", 1, 9)
    results = await sink.send([replace(old, emitted_at=old.emitted_at - 3 * DAY_MILLISECONDS)])
    assert results[0].verdict is Verdict.DELIVERED


async def test_a_batch_whose_answer_was_lost_is_not_counted_twice(
    seller: SquareSimulator, sink: ReadableSink
) -> None:
    """The next try carries the same key, and Square answers as the first time."""
    seller.script = ["lost"]
    update = availability("a", 1, 9)
    with pytest.raises(ChannelUnavailable):
        await sink.send([update])
    results = await sink.send([update])
    assert results[0].verdict is Verdict.DELIVERED
    assert seller.replays_total == 1
    assert seller.taken == [("a", 9)]


async def test_an_error_that_names_a_change_costs_one_more_request(
    seller: SquareSimulator, sink: ReadableSink
) -> None:
    """Square takes all of a batch or nothing; without its culprit it goes again at once."""
    seller.bad_skus = {"sku-7"}
    sending = Sending(sink, batch_size=100)
    sending.put(*(availability(f"sku-{number}", 1, 2) for number in range(50)))
    await sending.until_done()
    assert [len(batch) for batch in seller.received] == [50, 49]
    assert sending.dead_letters.reasons == {"sku-7": CHANNEL_REFUSED}


async def test_mapped_variations_are_not_searched_for_and_others_over_pages(
    seller: SquareSimulator,
) -> None:
    """The account's skus name catalogue objects; what is not among them is found by its SKU."""
    account = Account("till", "till", skus={seller.variation_of("a"): "ours"})
    sink = make_sink(seller, account)
    results = await sink.send([availability("ours", 1, 9)])
    assert results[0].verdict is Verdict.DELIVERED
    assert seller.figures["a"] == 9
    assert [request.path for request in seller.requests] == ["/v2/inventory/changes/batch-create"]
    skus = [f"sku-{number}" for number in range(120)]
    results = await sink.send([availability(sku, 1, 2) for sku in skus])
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert len(await sink.read(skus)) == 120
    await sink.close()
