"""`onhand deliver KIND --account ID`: the accounts file says where to, with what credentials and at what pace."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.accounts.check import Tried
from connectors.accounts.reading import parse_accounts
from connectors.accounts.secrets import Vault
from connectors.egress.channels import outgoing_of
from connectors.egress.probes import DELIVERY_PROBES
from streams.app import ensure_topics
from streams.settings import Settings
from tests.connectors.contract import availability
from tests.connectors.serving import serving
from tests.connectors.shop import Shop, until
from tests.connectors.simulators import adobe_commerce, amazon, shopify, square, webhook_receiver, woocommerce
from tests.connectors.simulators.server import Simulator
from tests.processes import ONHAND, OnhandProcess

RunOnhand = Callable[..., OnhandProcess]
SKUS = ("a", "b")
FILE = """
[accounts.shop]
kind = "shopify"
directions = ["out"]
channel_id = "{channel}"
api = {{ base_url = "{shopify}", token = "file:shopify" }}
delivery = {{ location = "77" }}

[accounts.candles]
kind = "woocommerce"
directions = ["out"]
channel_id = "{channel}"
api = {{ base_url = "{woocommerce}", consumer_key = "file:woo-key", consumer_secret = "file:woo-secret" }}

[accounts.till]
kind = "square"
directions = ["out"]
channel_id = "{channel}"
api = {{ base_url = "{square}", token = "file:square" }}
delivery = {{ location = "LSIMULATED", rate = "50/s" }}

[accounts.seller]
kind = "amazon"
directions = ["out"]
channel_id = "{channel}"

[accounts.seller.api]
base_url = "{amazon}"
token_url = "{amazon}/auth/o2/token"
client_id = "file:amazon-client"
client_secret = "file:amazon-secret"
refresh_token = "file:amazon-refresh"
seller_id = "ASELLER"
marketplace_id = "A1PA6795UKMFR9"

[accounts.erp]
kind = "standard_webhooks"
directions = ["out"]
channel_id = "{channel}"
delivery = {{ url = "{webhook}", secrets = ["file:webhook"] }}

[accounts.boutique]
kind = "adobe_commerce"
channel_id = "{channel}"
api = {{ base_url = "{adobe}", token = "file:adobe" }}
delivery = {{ location = "dc_leeds" }}

[accounts.wholesale]
kind = "x12"
directions = ["out"]
channel_id = "{channel}"
delivery = {{ directory = "outbox", sender = "ONHAND", receiver = "PARTNER", warehouse = "DC-LEEDS" }}

[accounts.grocer]
kind = "edifact"
directions = ["out"]
channel_id = "{channel}"
delivery = {{ directory = "outbox", sender = "4012345000009", receiver = "4012345000016" }}

[accounts.partner]
kind = "csv"
channel_id = "{channel}"
delivery = {{ directory = "outbox" }}
"""
SECRETS = {
    "shopify": shopify.TOKEN,
    "woo-key": woocommerce.KEY,
    "woo-secret": woocommerce.SECRET,
    "square": square.TOKEN,
    "amazon-client": amazon.CLIENT,
    "amazon-secret": amazon.SECRET,
    "amazon-refresh": amazon.REFRESH,
    "adobe": adobe_commerce.TOKEN,
    "webhook": webhook_receiver.SECRET,
}
SIMULATORS: dict[str, Callable[[], Simulator]] = {
    "shopify": lambda: shopify.ShopifySimulator(dict.fromkeys(SKUS, 0)),
    "woocommerce": lambda: woocommerce.WooCommerceSimulator(dict.fromkeys(SKUS, 0)),
    "square": lambda: square.SquareSimulator(dict.fromkeys(SKUS, 0)),
    "amazon": lambda: amazon.AmazonSimulator(dict.fromkeys(SKUS, 0)),
    "adobe": lambda: adobe_commerce.AdobeCommerceSimulator(dict.fromkeys(SKUS, 0)),
    "webhook": lambda: webhook_receiver.WebhookReceiver(dict.fromkeys(SKUS, 0)),
}
ACCOUNTS = {
    "shopify": "shop",
    "woocommerce": "candles",
    "square": "till",
    "amazon": "seller",
    "adobe": "boutique",
    "webhook": "erp",
    "csv": "partner",
}


@pytest.fixture
async def channels() -> AsyncIterator[dict[str, Simulator]]:
    """A simulator of each vendor, served."""
    async with AsyncExitStack() as stack:
        yield {kind: await stack.enter_async_context(serving(make())) for kind, make in SIMULATORS.items()}


def folder_of(folder: Path, channel_id: str, channels: dict[str, Simulator]) -> str:
    """Write secrets and the accounts file to a folder, and return the file's text."""
    text = FILE.format(channel=channel_id, **{kind: simulator.url for kind, simulator in channels.items()})
    (folder / "accounts.toml").write_text(text, "utf-8")
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret + "\n", "utf-8")
    (folder / "outbox").mkdir()
    return text


@pytest.mark.kafka
async def test_every_kind_delivers_to_its_channel(
    cluster: Settings, run_onhand: RunOnhand, tmp_path: Path, channels: dict[str, Simulator]
) -> None:
    """Processes of one channel, each with its account: all show the latest figures, and end cleanly."""
    settings = cluster.model_copy(update={"channels": (f"shop-{uuid4().hex[:8]}",)})
    await asyncio.to_thread(ensure_topics, settings)
    shop = await asyncio.to_thread(Shop, settings)
    folder_of(tmp_path, shop.channel_id, channels)
    shop.emit([("a", 1), ("b", 1), ("a", 2)])
    accounts = str(tmp_path / "accounts.toml")
    processes = {
        kind: run_onhand("deliver", settings, kind, "--account", account, "--accounts", accounts)
        for kind, account in ACCOUNTS.items()
    }
    for kind, simulator in channels.items():
        await until(
            lambda simulator=simulator: simulator.figures == {"a": 20, "b": 10},  # type: ignore[misc]  # Bound now.
            f"figures at {kind}\n{processes[kind].log}",
        )
    await until(lambda: any((tmp_path / "outbox").glob("*.csv")), f"a file\n{processes['csv'].log}")
    codes = await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes.values()))
    assert codes == [0] * len(ACCOUNTS)
    (path,) = (tmp_path / "outbox").iterdir()
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert sorted((row["sku"], row["available_to_sell"]) for row in rows) == [("a", "20"), ("b", "10")]
    for kind, account in ACCOUNTS.items():
        assert await asyncio.to_thread(shop.undelivered, f"onhand-deliver-{kind}-{account}") == 0


async def test_probes_ask_without_writing(tmp_path: Path, channels: dict[str, Simulator]) -> None:
    """`onhand channels check` finds that all is well, and no figure has changed."""
    assert await problems(folder_of(tmp_path, "web", channels), tmp_path) == {}
    assert all(simulator.taken == [] and simulator.received == [] for simulator in channels.values())


async def test_probes_say_what_is_wrong(tmp_path: Path, channels: dict[str, Simulator]) -> None:
    """A token that is not valid, a location that is not there, a directory that is not mounted."""
    text = folder_of(tmp_path, "web", channels)
    (tmp_path / "woo-secret").write_text("cs_wrong", "utf-8")
    (tmp_path / "amazon-refresh").write_text("Atzr|wrong", "utf-8")
    (tmp_path / "outbox").rmdir()
    text = (
        text.replace('location = "77"', 'location = "78"')
        .replace("LSIMULATED", "LWRONG")
        .replace("dc_leeds", "dc_gone")
    )
    found = await problems(text, tmp_path)
    assert found.keys() == {entry for entry in ACCOUNTS.values() if entry != "erp"} | {"wholesale", "grocer"}
    assert "no location 78" in found["shop"]
    assert "status 401" in found["candles"]
    assert "no location LWRONG" in found["till"]
    assert "no source dc_gone" in found["boutique"]
    assert "invalid_grant" in found["seller"]
    assert "no such directory" in found["partner"]


async def problems(text: str, folder: Path) -> dict[str, str]:
    """Return what the probes of a file's accounts say is wrong."""
    found: dict[str, str] = {}
    for account_id, entry in parse_accounts(text).accounts.items():
        probe = DELIVERY_PROBES.get(entry.kind)
        if probe is not None:
            findings = await probe(Tried(account_id, entry, ("web",), Vault({}, folder)))
            found.update((account_id, finding.problem) for finding in findings if not finding.is_ok)
    return found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shopify", "--account", "till"), "has no account 'till' of kind shopify"),
        (("csv", "--account", "partner", "--rate", "often"), "--rate: 'often' is no rate"),
        (("square", "--account", "till"), "Account till: file:square can't be read"),
        (("webhook", "--account", "erp"), "There is no channel 'elsewhere'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Before anything is delivered, with what to do."""
    channel_id = "elsewhere" if "erp" in arguments else "web"
    urls = dict.fromkeys(SIMULATORS, "https://channel.example")
    (tmp_path / "accounts.toml").write_text(FILE.format(channel=channel_id, **urls), "utf-8")
    command = [str(ONHAND), "deliver", *arguments, "--accounts", str(tmp_path / "accounts.toml")]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "200"}
    )
    assert ended.returncode != 0
    assert said in ended.stderr


def test_an_account_that_cannot_go_out_says_what_it_needs() -> None:
    """By line, key and table."""
    text = '[accounts.shop]\nkind = "shopify"\ndirections = ["out"]\nchannel_id = "web"\n'
    with pytest.raises(Exception, match=r"needs \[api\]"):
        parse_accounts(text)


def test_the_batch_of_files_is_larger_than_that_of_requests(tmp_path: Path) -> None:
    """A file has room for all that waits."""
    urls = dict.fromkeys(SIMULATORS, "https://channel.example")
    file = parse_accounts(FILE.format(channel="web", **urls))
    vault = Vault({}, tmp_path)
    assert outgoing_of("partner", file.accounts["partner"], vault).batch_size == 10_000


@pytest.mark.parametrize(("account_id", "head"), [("wholesale", b"ISA*00*"), ("grocer", b"UNB+UNOC:3+")])
async def test_files_of_a_kind_are_in_its_format(tmp_path: Path, account_id: str, head: bytes) -> None:
    """With the parties that the account names."""
    urls = dict.fromkeys(SIMULATORS, "https://channel.example")
    entry = parse_accounts(FILE.format(channel="web", **urls)).accounts[account_id]
    (tmp_path / "outbox").mkdir()
    sink = outgoing_of(account_id, entry, Vault({}, tmp_path)).sink
    await sink.send([availability("a", 1, 7)])
    (path,) = (tmp_path / "outbox").iterdir()
    assert path.read_bytes().startswith(head)
    assert path.name.startswith("availability-web-")
