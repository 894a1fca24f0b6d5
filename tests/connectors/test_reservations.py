"""The client of reservations against a real Kafka and a real worker: granted, refused, unanswered, carts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from connectors.reservations import client as client_module
from connectors.reservations.connector import Reservations
from connectors.reservations.errors import InvalidRequest, Refused, Unanswered, Unreachable
from connectors.reservations.translate import Answer, CartLine, cancellation, summed
from deploy.embedded.stack import EmbeddedStack
from streams.domain.sku import InvalidSku
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.connectors.shop import until
from tests.connectors.stocked_shop import StockedShop, open_shop

SOON_SECONDS = 0.3
WORKER_SECONDS = 60.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockedShop]:
    """A Kafka of this module's own with a worker on it; every test takes SKUs of its own."""
    with open_shop(tmp_path_factory.mktemp("reservations")) as opened:
        yield opened


def reservations(shop: StockedShop, owner: str = "ann", **options: float) -> Reservations:
    """A client of the shop."""
    return Reservations(shop.settings, owner=owner, timeout_seconds=options.pop("seconds", 30.0))


async def refusal(asked: object) -> Refused:
    """The refusal that a request ends in."""
    with pytest.raises(Refused) as refused:
        await asked  # type: ignore[misc]
    return refused.value


@pytest.mark.kafka
async def test_hold_is_placed_changed_and_confirmed(shop: StockedShop) -> None:
    """Each answer says how the hold stands, and the stock agrees."""
    sku = shop.receive(10)
    async with reservations(shop) as desk:
        held = await desk.hold(sku, 3, channel_id="web", expires_in_seconds=600)
        assert (held.sku, held.owner, held.state, held.quantity) == (sku, "ann", "ACTIVE", 3)
        assert (held.location_id, held.available_after) == ("store", 7)
        assert abs(held.expires_at - held.decided_at - 600_000) < 10_000
        changed = await desk.change(sku, held.hold_id, 5)
        assert (changed.hold_id, changed.quantity, changed.available_after) == (held.hold_id, 5, 5)
        confirmed = await desk.confirm(sku, held.hold_id, "order-1", quantity=4)
        assert (confirmed.state, confirmed.quantity) == ("CONFIRMED", 4)
    assert shop.figures(sku) == {"store": (10, 4, 0)}


@pytest.mark.kafka
async def test_released_units_can_be_held_by_somebody_else(shop: StockedShop) -> None:
    """And only the owner may release."""
    sku = shop.receive(1)
    async with reservations(shop) as desk, reservations(shop, "bob") as other:
        held = await desk.hold(sku, 1)
        assert (await refusal(other.release(sku, held.hold_id))).reason == "NOT_OWNER"
        refused = await refusal(other.hold(sku, 1))
        assert (refused.reason, refused.answer.state) == ("INSUFFICIENT_STOCK", "REJECTED")
        assert "INSUFFICIENT_STOCK" in str(refused)
        assert (await desk.release(sku, held.hold_id)).state == "RELEASED"
        assert (await other.hold(sku, 1)).accepted


@pytest.mark.kafka
async def test_hold_id_of_ones_own_never_holds_twice(shop: StockedShop) -> None:
    """A checkout that lost its answer, with its process, asks again under its own number."""
    sku = shop.receive(5)
    async with reservations(shop) as desk:
        await desk.hold(sku, 4, hold_id="checkout-7")
    async with reservations(shop) as desk:
        assert (await desk.hold(sku, 4, hold_id="checkout-7")).available_after == 1


@pytest.mark.kafka
async def test_many_requests_share_one_client(shop: StockedShop) -> None:
    """Each task gets the answer to its own request."""
    skus = [shop.receive(50) for _ in range(2)]
    async with reservations(shop) as desk:
        wanted = [(skus[number % 2], f"hold-{number}", 1 + number % 3) for number in range(200)]
        asked = (desk.hold(sku, quantity, hold_id=hold_id) for sku, hold_id, quantity in wanted)
        answers = await asyncio.gather(*asked, return_exceptions=True)
    found = [one.answer if isinstance(one, Refused) else one for one in answers]
    assert [(one.sku, one.hold_id) for one in found if isinstance(one, Answer)] == [
        (sku, hold_id) for sku, hold_id, _ in wanted
    ]
    for sku in skus:
        granted = [one for one in answers if isinstance(one, Answer) and one.sku == sku]
        assert sum(one.quantity for one in granted) == 50 == shop.figures(sku)["store"][2]


@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_unanswered_request_is_asked_again_and_counts_once(
    fresh_cluster: Settings, run_worker: RunOnhand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a worker there is no answer; once one comes, all that was asked meanwhile is one hold."""
    monkeypatch.setattr(client_module, "ASK_AGAIN_SECONDS", SOON_SECONDS)
    shop = StockedShop(fresh_cluster)
    async with Reservations(fresh_cluster, owner="ann", timeout_seconds=SOON_SECONDS * 8) as desk:
        with pytest.raises(Unanswered, match="is a worker running") as unanswered:
            await desk.hold("A-1", 1, hold_id="early")
        assert (unanswered.value.sku, unanswered.value.hold_id) == ("A-1", "early")
    async with Reservations(fresh_cluster, owner="ann", timeout_seconds=WORKER_SECONDS) as desk:
        asked = asyncio.create_task(desk.hold("B-1", 1, hold_id="h"))
        await until(lambda: len(shop.values("stock-reservations", "B-1")) > 1, "it is asked again")
        await asyncio.to_thread(run_worker, fresh_cluster)
        assert (await refusal(asked)).reason == "UNKNOWN_SKU"
    asked_again = [row["outcome"] for row in shop.rows("B-1")]
    assert asked_again[0] == "REJECTED"
    assert set(asked_again[1:]) == {"DUPLICATE"}
    assert {one["reason"] for one in shop.values("reservation-results", "B-1")} == {"UNKNOWN_SKU"}
    assert [row["outcome"] for row in shop.rows("A-1")][:2] == ["REJECTED", "DUPLICATE"]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("sku", "quantity", "hold_id", "what"),
    [("A-1", 0, "h", "quantity 0"), (" ", 1, "h", "SKU is empty"), ("A-1", 1, "x" * 600, "hold_id has 600")],
)
async def test_senseless_request_is_not_sent(
    shop: StockedShop, sku: str, quantity: int, hold_id: str, what: str
) -> None:
    """The stock agent would make a dead letter of it and answer nothing."""
    async with reservations(shop) as desk:
        with pytest.raises(InvalidRequest, match=what):
            await desk.hold(sku, quantity, hold_id=hold_id)


@pytest.mark.kafka
async def test_missing_topics_are_named(fresh_stack: EmbeddedStack) -> None:
    """Before anything is asked."""
    settings = Settings(bootstrap_servers=fresh_stack.bootstrap_servers)
    with pytest.raises(
        Unreachable, match="no topic reservation-results, stock-reservations; make all topics"
    ):
        async with Reservations(settings, owner="ann"):
            pass


async def test_broker_that_is_not_there_is_named(free_port: Callable[[], int]) -> None:
    """In one sentence, and soon."""
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"Kafka at {address} does not answer"):
        async with Reservations(Settings(bootstrap_servers=address), owner="ann"):
            pass


# Carts ---------------------------------------------------------------------------------------------------


@pytest.mark.kafka
async def test_cart_is_held_and_confirmed_as_a_whole(shop: StockedShop) -> None:
    """Lines of one SKU are summed, so that they don't take each other's units."""
    first, second = shop.receive(5), shop.receive(2)
    async with reservations(shop) as desk:
        cart = await desk.hold_cart([(first, 2), CartLine(second, 2), (first, 3)], channel_id="web")
        assert {held.sku: held.quantity for held in cart.holds} == {first: 5, second: 2}
        assert {held.hold_id for held in cart.holds} == {cart.cart_id}
        assert cart.expires_at == cart.holds[0].expires_at == cart.holds[1].expires_at
        confirmed = await desk.confirm_cart(cart, "order-1")
        assert {held.state for held in confirmed.holds} == {"CONFIRMED"}
        again = await desk.confirm_cart(cart, "order-1")
        assert [held.quantity for held in again.holds] == [held.quantity for held in confirmed.holds]
    assert shop.figures(first) == {"store": (5, 5, 0)}
    assert shop.figures(second) == {"store": (2, 2, 0)}


@pytest.mark.kafka
@pytest.mark.parametrize("ends_in", ["refusal", "release", "cancelled caller"])
async def test_cart_that_is_not_bought_holds_nothing(shop: StockedShop, ends_in: str) -> None:
    """One SKU that can't be had, a change of mind, or a caller that is cancelled in the middle."""
    skus = sorted(shop.receive(2) for _ in range(3))
    async with reservations(shop) as desk:
        if ends_in == "refusal":
            refused = await refusal(desk.hold_cart([(skus[0], 1), (skus[1], 3), (skus[2], 1)]))
            assert (refused.answer.sku, refused.reason) == (skus[1], "INSUFFICIENT_STOCK")
            assert shop.rows(skus[2])[-1]["event_type"] == "GoodsReceived"
        elif ends_in == "release":
            await desk.release_cart(await desk.hold_cart([(sku, 1) for sku in skus]))
        else:
            asked = asyncio.create_task(desk.hold_cart([(sku, 1) for sku in skus], cart_id="cart-9"))
            await until(lambda: bool(shop.values("reservation-results", skus[0])), "the first is held")
            asked.cancel()
            await asyncio.wait([asked])
            # What was asked before on its connection is decided before.
            for sku in skus:
                await desk.release(sku, (await desk.hold(sku, 2)).hold_id)
    assert [shop.figures(sku)["store"] for sku in skus] == [(2, 0, 0)] * 3


@pytest.mark.kafka
async def test_cart_that_comes_too_late_reserves_nothing(shop: StockedShop) -> None:
    """Its time is over and somebody has taken one SKU: what was reserved of the other is cancelled, once."""
    first, second = sorted((shop.receive(2), shop.receive(2)))
    async with reservations(shop) as desk, reservations(shop, "bob") as other:
        cart = await desk.hold_cart([(first, 1), (second, 2)], expires_in_seconds=SOON_SECONDS)
        await until(lambda: shop.rows(second)[-1]["event_type"] == "HoldExpired", "the hold ends")
        await other.hold(second, 1)
        for _ in range(2):
            refused = await refusal(desk.confirm_cart(cart, "order-2"))
            assert (refused.answer.sku, refused.reason) == (second, "HOLD_EXPIRED")
    shop.wait_applied()
    assert shop.figures(first) == {"store": (2, 0, 0)}
    assert shop.figures(second) == {"store": (2, 0, 1)}
    cancelled = [row["outcome"] for row in shop.rows(first) if row["event_type"] == "OrderCancelled"]
    assert cancelled == ["APPLIED", "DUPLICATE"]


@pytest.mark.parametrize(
    ("lines", "error"),
    [([("A", 0)], ValueError), ([("A", 2), ("A", -1)], ValueError), ([("", 1)], InvalidSku)],
)
def test_cart_with_a_senseless_line_is_refused(lines: list[tuple[str, int]], error: type[Exception]) -> None:
    """Also where the sum would make sense."""
    with pytest.raises(error):
        summed(lines)


def test_lines_of_one_sku_are_one() -> None:
    """However the SKU is written; in order of SKU, as every cart asks."""
    assert summed([("B", 1), (" A", 2), ("B ", 3)]) == [CartLine("A", 2), CartLine("B", 4)]


def test_undoing_a_confirmation_twice_is_one_event() -> None:
    """Also later: its time is when the hold would have ended."""
    now = int(time.time() * 1_000)
    answer = Answer("r", "s", "A", "cart", "ann", True, "CONFIRMED", None, "store", 2, now - 5, 0, 3, now)
    assert cancellation(answer, "o", now) == cancellation(answer, "o", now + 99)
    assert cancellation(answer, "o", now)["quantity"] == 2
