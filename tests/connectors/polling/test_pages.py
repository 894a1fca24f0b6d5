"""Reading a window of a channel's orders: all of them, whatever changes or fails meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.accounts.model import Entry
from connectors.accounts.reading import parse_accounts
from connectors.accounts.secrets import SecretReference
from connectors.ingress.channels import CHANNELS
from connectors.polling import windows
from connectors.polling.service import pages_of
from connectors.polling.windows import WINDOW_MS, Window, window_from
from connectors.protocols import ChannelUnavailable
from tests.connectors.polling.shops import BEGIN, Shop, open_shop

START = int(BEGIN.timestamp() * 1_000)
DAY = Window(START, START + WINDOW_MS)
KINDS = ("shopify", "woocommerce", "square")
APIS = {
    "shopify": 'api = { base_url = "URL", token = "env:T" }',
    "woocommerce": 'api = { base_url = "URL", consumer_key = "env:K", consumer_secret = "env:S" }',
    "square": 'api = { base_url = "URL", token = "env:T" }\nlocations = { L = "store" }',
}


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop with seven orders, one a minute."""
    with open_shop(Shop()) as found:
        found.orders = {number: number for number in range(1, 8)}
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask without the pauses that spare a real shop."""
    for kind in KINDS:
        monkeypatch.setattr(f"connectors.{kind}.poll.PER_SECOND", 1_000.0)


def entry_of(kind: str, shop: Shop) -> Entry:
    """An account of a shop that is polled."""
    skus = ", ".join(f'V{number} = "SKU-{number}"' for number in range(1, 10))
    head = f'[accounts.it]\nkind = "{kind}"\ndefault_location_id = "store"\npoll = {{}}\n'
    text = f"{head}{APIS[kind].replace('URL', shop.url)}\nskus = {{ {skus} }}\n"
    return parse_accounts(text).accounts["it"]


async def read(kind: str, shop: Shop, window: Window = DAY) -> list[str]:
    """The SKUs that are ordered in a window, in the order in which they come."""
    entry = entry_of(kind, shop)
    pages = pages_of(entry, lambda _reference: "secret")
    skus: list[str] = []
    async for page in pages(window):
        for polled in page:
            translation = CHANNELS[kind].translate(entry.account("it"), polled.topic, polled.body)
            assert not translation.refusals
            skus += [item.sku for order in translation.orders for item in order.items]
    return skus


@pytest.mark.parametrize("kind", KINDS)
async def test_all_pages_of_a_window_are_read(kind: str, shop: Shop) -> None:
    """Seven orders, two a page; each becomes a statement."""
    assert sorted(await read(kind, shop)) == [f"SKU-{number}" for number in range(1, 8)]


@pytest.mark.parametrize("kind", KINDS)
async def test_only_what_changed_within_the_window_is_read(kind: str, shop: Shop) -> None:
    """Its ends included: what changed in the same second might be missed otherwise."""
    window = Window(START + 3 * 60_000, START + 5 * 60_000)
    assert sorted(await read(kind, shop, window)) == ["SKU-3", "SKU-4", "SKU-5"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_window_without_orders_is_read(kind: str, shop: Shop) -> None:
    """Nothing is wrong with a quiet day."""
    assert await read(kind, shop, Window(START - WINDOW_MS, START - 1_000)) == []


@pytest.mark.parametrize("kind", ["woocommerce"])
async def test_an_order_that_changes_meanwhile_hides_no_other(kind: str, shop: Shop) -> None:
    """It leaves the window at any moment, and all later ones move a place forward on their pages."""
    moments = 5  # Requests that reading takes: the first page, then four from the last to the first.
    for moment in range(moments):
        shop.orders = {number: number for number in range(1, 8)}
        asked = 0

        def change(moment: int = moment) -> None:
            nonlocal asked
            if asked == moment:
                shop.orders[1] = 2_000  # More than a day later.
            asked += 1

        shop.on_request = change
        found = set(await read(kind, shop))
        assert found >= {f"SKU-{number}" for number in range(2, 8)}, f"changed before request {moment}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [429, 500, 401])
async def test_a_channel_that_fails_says_so(kind: str, status: int, shop: Shop) -> None:
    """Half a window is none: whoever asked tries again."""
    shop.failures = [status]
    with pytest.raises(ChannelUnavailable) as caught:
        await read(kind, shop)
    assert caught.value.throttled is (status == 429)


async def test_a_next_page_elsewhere_is_not_asked_for(shop: Shop) -> None:
    """The token would go with the request."""
    entry = entry_of("shopify", shop)
    shop.url = "http://elsewhere.example"
    with pytest.raises(ChannelUnavailable, match="another address"):
        async for _ in pages_of(entry, lambda _reference: "secret")(DAY):
            pass


def test_windows_follow_each_other_with_an_overlap() -> None:
    """A day at most, and never beyond now: a cursor in the future would miss what is to come."""
    assert window_from(START, 600_000, START + 2 * WINDOW_MS) == Window(START - 600_000, START + WINDOW_MS)
    assert window_from(START, 0, START + 5) == Window(START, START + 5)
    assert window_from(START + 10, 0, START) == Window(START, START)


@pytest.mark.parametrize("value", [{"orders": {}}, {"orders": "x"}, [], {"orders": 7}])
def test_an_answer_without_its_list_is_no_answer(value: object) -> None:
    """Taken for an empty one it would move the cursor past what it has not said."""
    if value == []:
        assert windows.entries_of(value) == []
        return
    with pytest.raises(ChannelUnavailable):
        windows.entries_of(value, "orders")


def test_secrets_are_opened_by_their_references(shop: Shop) -> None:
    """One for each credential."""
    opened: list[SecretReference] = []

    def secret(reference: SecretReference) -> str:
        opened.append(reference)
        return "x"

    pages_of(entry_of("woocommerce", shop), secret)
    assert [str(reference) for reference in opened] == ["env:K", "env:S"]
