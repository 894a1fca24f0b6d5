"""
Two channels, both ways, on a real Kafka: what one sells, the other one stops selling.

Webhooks come twice, in any order, and some tell of our own writes; channels throttle, fail, lose answers and are down
for a while; a stock worker and a delivery are killed. In the end both show what there is, and no echo has moved stock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.embedded.ports import free_port
from streams.app import ensure_topics
from streams.settings import Settings
from tests.connectors.serving import serving
from tests.connectors.shop import until
from tests.connectors.simulators import orders, shopify, square, webhook_receiver
from tests.connectors.simulators.webhooks import Message, Sender
from tests.connectors.simulators.webhooks import shopify as as_shopify
from tests.connectors.simulators.webhooks import square as as_square
from tests.connectors.simulators.webhooks import standard as as_standard
from tests.processes import OnhandProcess

pytestmark = pytest.mark.kafka

RunOnhand = Callable[..., OnhandProcess]
UNITS = 100
ORDERS = 40
BACK_SECONDS = (
    90.0  # A circuit that has opened asks again after 30 s, and a killed member's session ends first.
)
NOTIFICATION_URL = "https://stock.example/in/till"
FILE = """
[accounts.shop]
kind = "shopify"
directions = ["in", "out"]
channel_id = "{web}"
secrets = ["file:hmac"]
default_location_id = "dc"
api = {{ base_url = "{shopify}", token = "file:shopify" }}
delivery = {{ location = "77" }}

[accounts.till]
kind = "square"
directions = ["in", "out"]
channel_id = "{pos}"
secrets = ["file:hmac"]
notification_url = "https://stock.example/in/till"
default_location_id = "dc"
locations = {{ LSIMULATED = "dc" }}
skus = {{ {skus} }}
api = {{ base_url = "{square}", token = "file:square" }}
delivery = {{ location = "LSIMULATED" }}

[accounts.erp]
kind = "standard_webhooks"
secrets = ["file:erp"]
default_location_id = "dc"
"""


class World:
    """A shop and a till, their webhooks, and what was sold."""

    def __init__(self, skus: list[str], ingress: str) -> None:
        self.skus = skus
        self.left = dict.fromkeys(skus, 0)
        self.shop = shopify.ShopifySimulator(dict.fromkeys(skus, 0))
        self.till = square.SquareSimulator(dict.fromkeys(skus, 0))
        self.of_shop = Sender(f"{ingress}/in/shop", as_shopify("hmac-secret"))
        self.of_till = Sender(f"{ingress}/in/till", as_square("hmac-secret", NOTIFICATION_URL))
        self.of_erp = Sender(f"{ingress}/in/erp", as_standard(webhook_receiver.SECRET))
        self.echoes: set[asyncio.Task[None]] = set()
        self.shop.on_taken = self._echo_of_shop
        self.till.on_taken = self._echo_of_till

    async def receive(self) -> None:
        """Receive goods of every SKU at the warehouse, as an ERP tells of them."""
        for sku in self.skus:
            data = {"sku": sku, "quantity": UNITS, "occurred_at": orders.now()}
            body = orders.encoded({"type": "GoodsReceived", "data": data})
            await self.of_erp.send(self.of_erp.message("", body))
            self.left[sku] = UNITS

    def sell(self, source: random.Random) -> tuple[list[Message], list[Message]]:
        """Sell at both channels, and return the webhooks of the shop and of the till."""
        of_shop, of_till = [], []
        for number in range(ORDERS):
            sku, quantity = source.choice(self.skus), source.randint(1, 3)
            self.shop.sell(sku, quantity)
            order = orders.shopify_order(9_000 + number, sku, quantity)
            of_shop.append(self.of_shop.message("orders/create", orders.encoded(order)))
            if number % 4 == 0:
                self.shop.sell(sku, -quantity)  # Shopify puts back what was cancelled before it left.
                cancelled = orders.encoded(orders.shopify_cancelled(order))
                of_shop.append(self.of_shop.message("orders/cancelled", cancelled))
            else:
                self.left[sku] -= quantity
            sku, quantity = source.choice(self.skus), source.randint(1, 3)
            self.till.sell(sku, quantity)
            self.left[sku] -= quantity
            variation = self.till.variation_of(sku)
            sold = orders.square_order(f"O{number}", square.LOCATION, variation, quantity)
            self.till.orders[sold["id"]] = sold
            of_till.append(self.of_till.message("", orders.encoded(orders.square_event(sold))))
        return of_shop, of_till

    def _echo_of_shop(self, sku: str, quantity: int) -> None:
        item = self.shop.item_of(sku).rpartition("/")[2]
        body = orders.encoded(orders.shopify_level(item, shopify.LOCATION, quantity))
        self._send(self.of_shop, self.of_shop.message("inventory_levels/update", body))

    def _echo_of_till(self, sku: str, quantity: int) -> None:
        body = orders.encoded(orders.square_count(self.till.variation_of(sku), square.LOCATION, quantity))
        self._send(self.of_till, self.of_till.message("", body))

    def _send(self, sender: Sender, message: Message) -> None:
        task = asyncio.create_task(sender.send(message))
        self.echoes.add(task)
        task.add_done_callback(self.echoes.discard)

    async def close(self) -> None:
        """Let echoes arrive, and release connections."""
        await asyncio.gather(*self.echoes)
        for sender in (self.of_shop, self.of_till, self.of_erp):
            await sender.close()


@pytest.fixture
def settings(cluster: Settings) -> Settings:
    """Settings of an installation with two channels of its own."""
    name = uuid4().hex[:8]
    settings = cluster.model_copy(
        update={"channels": (f"web-{name}", f"pos-{name}"), "group_id": f"stock-{name}"}
    )
    ensure_topics(settings)
    return settings


def write_accounts(folder: Path, settings: Settings, world: World) -> str:
    """Write secrets and the accounts file, and return its path."""
    web, pos = settings.channels
    skus = ", ".join(f'"{world.till.variation_of(sku)}" = "{sku}"' for sku in world.skus)
    text = FILE.format(web=web, pos=pos, shopify=world.shop.url, square=world.till.url, skus=skus)
    (folder / "accounts.toml").write_text(text, "utf-8")
    secrets = {
        "hmac": "hmac-secret",
        "shopify": shopify.TOKEN,
        "square": square.TOKEN,
        "erp": webhook_receiver.SECRET,
    }
    for name, secret in secrets.items():
        (folder / name).write_text(secret, "utf-8")
    return str(folder / "accounts.toml")


@pytest.mark.timeout(240)
async def test_what_one_channel_sells_the_other_stops_selling(
    settings: Settings, run_onhand: RunOnhand, tmp_path: Path
) -> None:
    """All of it once, whatever comes twice, late or as an echo."""
    port = free_port()
    skus = [f"e2e-{uuid4().hex[:6]}-{number}" for number in range(6)]
    world = World(skus, f"http://127.0.0.1:{port}")
    async with serving(world.shop), serving(world.till):
        accounts = ("--accounts", write_accounts(tmp_path, settings, world))
        shopify_arguments = ("shopify", "--account", "shop", *accounts)
        to_shop = run_onhand("deliver", settings, *shopify_arguments)
        to_till = run_onhand("deliver", settings, "square", "--account", "till", *accounts)
        # When these are ready, the broker knows of the new topics, which takes it a moment.
        await ready([run_onhand("ingress", settings, "--port", str(port), *accounts), to_shop, to_till])
        stock = run_onhand("worker", settings)
        await ready([stock, run_onhand("orders", settings)])
        await world.receive()
        await until(lambda: both_show(world), "goods at both channels")
        world.shop.script = ["throttle", "fail", "lost"]
        of_shop, of_till = world.sell(random.Random(7))
        told = asyncio.gather(world.of_shop.disorder(of_shop), world.of_till.disorder(of_till))
        world.till.down = True
        await until(lambda: world.of_shop.answers.count(200) > ORDERS // 4, "some webhooks")
        stock.kill()
        to_shop.kill()
        await ready([run_onhand("worker", settings), run_onhand("deliver", settings, *shopify_arguments)])
        world.till.down = False
        await told
        try:
            await until(lambda: both_show(world), "what is left at both channels", BACK_SECONDS)
        except AssertionError as error:
            shown = f"left {world.left}, shop {world.shop.figures}, till {world.till.figures}"
            raise AssertionError(f"{error}: {shown}\n{to_till.log}") from None
        await world.close()
        await until(lambda: both_show(world), "the same after every echo")
    assert world.of_shop.given_up == world.of_till.given_up == []
    assert set(world.of_shop.answers) == {200}


async def ready(processes: list[OnhandProcess]) -> None:
    """Wait until processes are ready."""
    await asyncio.gather(*(asyncio.to_thread(process.wait_ready) for process in processes))


def both_show(world: World) -> bool:
    """Tell whether both channels show what is left."""
    return world.shop.figures == world.till.figures == world.left
