"""Bodies that could not be taken: shown without what is in them, and taken once the account is mended."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from streams.topology import CHANNEL_FETCHES, CHANNEL_ORDERS, INGRESS_DEAD_LETTERS
from tests.connectors.ingress.conftest import RunningIngress, StartIngress
from tests.connectors.ingress.orders_server import OrdersServer, serving_orders
from tests.connectors.ingress.senders import raw, shopify, square, written
from tests.connectors.ingress.topics import Topics
from tests.processes import ONHAND, environment, wait_until

pytestmark = pytest.mark.kafka

ARRIVAL_SECONDS = 30.0


@pytest.fixture(scope="module")
def orders() -> Iterator[OrdersServer]:
    """Square's order API, which has no order."""
    with serving_orders() as server:
        server.always = 404
        yield server


@pytest.fixture(scope="module")
def ingress(module_cluster: Settings, start_ingress: StartIngress, orders: OrdersServer) -> RunningIngress:
    """An ingress whose Square account leads there."""
    return start_ingress(module_cluster, orders.url)


def channels(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `onhand channels …`."""
    command = [str(ONHAND), "channels", *arguments]
    env = {**os.environ, **environment(settings), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=60)


def now() -> str:
    """The moment of the call, so that what other tests have left is not looked at."""
    return datetime.now(UTC).isoformat()


def kept(settings: Settings, account: str, since: str) -> list[dict[str, Any]]:
    """What is kept of an account since a moment."""
    shown = channels(settings, "kept", "--account", account, "--since", since, "--json")
    assert shown.returncode == 0, shown.stderr
    found: list[dict[str, Any]] = json.loads(shown.stdout)
    return found


def test_a_body_is_taken_once_its_account_is_mended(
    ingress: RunningIngress, topics: Topics, module_cluster: Settings, tmp_path: Path
) -> None:
    """A location was not mapped; now it is, and the order is stated as if it came today."""
    since = now()
    body = json.dumps(json.loads(raw("shopify/order_created.json")) | {"location_id": 99}).encode()
    assert ingress.post(shopify("orders/create", body)).json()["errors"] == [
        {"field": "location_id", "reason": "location 99 is not among the account's locations"}
    ]
    ingress.post(shopify("orders/create", b"{"))
    shown = kept(module_cluster, "shop", since)
    assert [one["reason"] for one in shown] == ["UNTRANSLATABLE", "UNREADABLE"]
    assert shown[0]["message"] == "location_id: location 99 is not among the account's locations"
    assert shown[0]["topic"] == "orders/create"
    assert "body" not in shown[0]

    path, mark = written(tmp_path), topics.mark()
    path.write_text(path.read_text("utf-8").replace("42 = ", '99 = "annex", 42 = ', 1), "utf-8")
    arguments = ("retake", "--accounts", str(path), "--account", "shop", "--since", since)
    first = channels(module_cluster, *arguments)
    assert first.returncode == 1, "the broken one is still broken"
    assert first.stdout.splitlines() == [
        "2 bodies: 1 taken, 0 in part, 1 not",
        "  1 times: body: no JSON in UTF-8",
    ]
    (statement,) = topics.since(mark)
    assert statement.topic == CHANNEL_ORDERS.name
    assert {item["location_id"] for item in statement.decoded[1]["items"]} == {"annex"}


def test_what_could_not_be_fetched_is_wished_for_again(
    ingress: RunningIngress, topics: Topics, module_cluster: Settings, tmp_path: Path, orders: OrdersServer
) -> None:
    """The channel had no such order, and has it now."""
    since, mark = now(), topics.mark()
    ingress.post(square(raw("square/order_updated.json")))

    def has_come(topic: str) -> bool:
        return any(one.topic == topic for one in topics.since(mark))

    wait_until(lambda: has_come(INGRESS_DEAD_LETTERS.name), ARRIVAL_SECONDS, "the order can't be fetched")
    assert [one["reason"] for one in kept(module_cluster, "tea", since)] == ["FETCH_REFUSED"]
    orders.always = None
    arguments = ("--accounts", str(written(tmp_path)), "--account", "tea", "--since", since)
    assert channels(module_cluster, "retake", *arguments).returncode == 0
    wait_until(lambda: has_come(CHANNEL_ORDERS.name), ARRIVAL_SECONDS, "the order is stated")
    assert len([one for one in topics.since(mark) if one.topic == CHANNEL_FETCHES.name]) == 2


def test_a_wrong_account_is_one_sentence(module_cluster: Settings, tmp_path: Path) -> None:
    """Exit code 2, and what to do."""
    found = channels(module_cluster, "retake", "--accounts", str(written(tmp_path)), "--account", "nobody")
    assert found.returncode == 2
    assert "has no account 'nobody' that sends to us" in found.stderr
