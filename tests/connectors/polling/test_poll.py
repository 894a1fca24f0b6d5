"""`onhand poll` on a real Kafka: back-fill, cursors that outlive a process, failures that lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from streams.topology import CHANNEL_CURSORS, CHANNEL_ORDERS, INGRESS_DEAD_LETTERS
from tests.conftest import RunOnhand
from tests.connectors.ingress.topics import Mark, Topics
from tests.connectors.polling.shops import BEGIN, Shop, at, open_shop
from tests.processes import OnhandProcess, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

DONE_SECONDS = 60.0  # A process, a connection, and pauses of half a second between requests.
MINUTES_A_DAY = 1_440
OVERLAP_MINUTES = 10

ACCOUNTS = """
[accounts.{name}]
kind = "shopify"
channel_id = "web"
default_location_id = "store"
api = {{ base_url = "{url}", token = "env:POLLED_TOKEN" }}
poll = {{ every_seconds = 10, overlap_seconds = 600, since = {since} }}
"""


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop with an order on each of three days."""
    with open_shop(Shop()) as found:
        found.orders = {1: 60, 2: MINUTES_A_DAY + 60, 3: 2 * MINUTES_A_DAY + 60}
        yield found


@pytest.fixture
def topics(cluster: Settings) -> Iterator[Topics]:
    """Eyes on all topics."""
    found = Topics(cluster)
    yield found
    found.close()


@pytest.fixture
def poll(
    run_onhand: RunOnhand, cluster: Settings, shop: Shop, tmp_path: Path, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> RunOnhand:  # fmt: skip
    """Return a function that starts `onhand poll` for that shop, under an account of the test's own."""
    monkeypatch.setenv("POLLED_TOKEN", "token")
    path = tmp_path / "accounts.toml"
    name = request.node.name.replace("_", "-")[:60]
    path.write_text(ACCOUNTS.format(name=name, url=shop.url, since=BEGIN.isoformat()), "utf-8")

    def start(*arguments: str) -> OnhandProcess:
        return run_onhand("poll", cluster, "--accounts", str(path), *arguments)

    return start


def ended(process: OnhandProcess) -> None:
    """Wait until a process that polls once has caught up."""
    wait_until(partial(has_ended, process), DONE_SECONDS, "the poll has caught up")
    assert process.child.exit_code() == 0, process.log


def has_ended(process: OnhandProcess) -> bool:
    """Tell whether a process has ended."""
    return process.child.exit_code() is not None


def values(topics: Topics, mark: Mark, topic: str) -> list[dict[str, Any]]:
    """What was written to a topic."""
    return [one.decoded[1] for one in topics.since(mark) if one.topic == topic]


def ordered(topics: Topics, mark: Mark) -> list[str]:
    """The SKUs of all statements."""
    return sorted(value["items"][0]["sku"] for value in values(topics, mark, CHANNEL_ORDERS.name))


def test_a_back_fill_brings_all_since_its_date(poll: RunOnhand, topics: Topics) -> None:
    """Each order once, and a cursor that is about now."""
    mark = topics.mark()
    ended(poll("--once"))
    assert ordered(topics, mark) == ["SKU-1", "SKU-2", "SKU-3"]
    positions = [value["position"] for value in values(topics, mark, CHANNEL_CURSORS.name)]
    assert max(positions) > BEGIN.timestamp() * 1_000 + 3 * 86_400_000 - 1


def test_the_next_poll_goes_on_from_the_cursor(poll: RunOnhand, topics: Topics, shop: Shop) -> None:
    """With the overlap: what changed a while ago comes again, as what it was, and harms nothing."""
    shop.orders[4] = 3 * MINUTES_A_DAY - OVERLAP_MINUTES // 2
    mark = topics.mark()
    ended(poll("--once"))
    again = topics.mark()
    shop.orders[5] = 3 * MINUTES_A_DAY - 1
    ended(poll("--once"))
    assert ordered(topics, again) == ["SKU-4", "SKU-5"]
    stated = [
        value for value in values(topics, mark, CHANNEL_ORDERS.name) if value["items"][0]["sku"] == "SKU-4"
    ]
    assert stated[0] == stated[1]


def test_a_killed_poll_goes_on_where_it_was(poll: RunOnhand, topics: Topics, shop: Shop) -> None:
    """Each day of a back-fill is behind it once it is stored."""
    asked = 0

    def fail_after_the_first_day() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            shop.failures = [503]

    shop.on_request = fail_after_the_first_day
    mark = topics.mark()
    process = poll()
    wait_until(lambda: asked > 2, DONE_SECONDS, "the second day can't be read")
    assert ordered(topics, mark) == ["SKU-1"]
    process.kill()
    shop.on_request, shop.failures = (lambda: None), []
    shop.requests.clear()
    ended(poll("--once"))
    assert shop.requests[0][1]["updated_at_min"] == at(MINUTES_A_DAY - OVERLAP_MINUTES)
    assert ordered(topics, mark) == ["SKU-1", "SKU-2", "SKU-3"]


def test_a_shop_that_fails_now_and_then_is_read_whole(poll: RunOnhand, topics: Topics, shop: Shop) -> None:
    """Patience asked for, failures, and a token that was taken back for a moment."""
    shop.failures = [429, 500, 401, 502]
    mark = topics.mark()
    ended(poll("--once"))
    assert ordered(topics, mark) == ["SKU-1", "SKU-2", "SKU-3"]


def test_a_chosen_date_reads_again_what_was_read(poll: RunOnhand, topics: Topics, request: Any) -> None:
    """Whatever the cursor says: for an account whose mappings were mended."""
    ended(poll("--once"))
    mark = topics.mark()
    account = request.node.name.replace("_", "-")[:60]
    ended(poll("--once", "--account", account, "--since", BEGIN.isoformat()))
    assert ordered(topics, mark) == ["SKU-1", "SKU-2", "SKU-3"]


def test_an_order_that_can_not_be_taken_is_kept_and_hides_no_other(
    poll: RunOnhand, topics: Topics, shop: Shop
) -> None:
    """Its body is a dead letter; the cursor goes on."""
    shop.orders[-7] = MINUTES_A_DAY  # An id below zero is none.
    mark = topics.mark()
    ended(poll("--once"))
    assert ordered(topics, mark) == ["SKU-1", "SKU-2", "SKU-3"]
    letters = [one for one in topics.since(mark) if one.topic == INGRESS_DEAD_LETTERS.name]
    assert {one.headers["__streams.errors.exception"] for one in letters} == {b"UNTRANSLATABLE"}
    assert b'"id": -7' in letters[0].value


def test_a_wrong_wish_is_one_sentence(poll: RunOnhand) -> None:
    """Exit code 2, and what to do."""
    for arguments, said in (
        (("--since", "7d"), "--since needs --account"),
        (("--account", "x"), "no account 'x'"),
    ):
        process = poll(*arguments)
        wait_until(partial(has_ended, process), DONE_SECONDS, "it ends")
        assert process.child.exit_code() == 2
        assert said in process.log
