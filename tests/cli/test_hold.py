"""`onhand hold` against a real Kafka and a real worker: what it prints and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.cli.errors import UserError
from streams.cli.hold import EXIT_REFUSED, EXIT_UNANSWERED, app
from streams.cli.hold_output import WHY
from streams.cli.times import duration_seconds
from streams.domain.errors import Reason
from streams.settings import Settings
from tests.connectors.stocked_shop import StockedShop, open_shop

ESCAPE = "\x1b[2J"  # Clears a terminal that it is printed on.


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockedShop]:
    """A Kafka of this module's own with a worker on it."""
    with open_shop(tmp_path_factory.mktemp("hold-command")) as opened:
        yield opened


def hold(settings: Settings, *arguments: str) -> Result:
    """Type `onhand hold`."""
    return CliRunner().invoke(app, [*arguments, "--bootstrap-servers", settings.bootstrap_servers])


def answered(settings: Settings, *arguments: str, exit_code: int = 0) -> Any:
    """What it prints as JSON."""
    result = hold(settings, *arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


@pytest.mark.kafka
def test_a_hold_from_placing_to_its_order(shop: StockedShop) -> None:
    """Each step is a sentence that names the hold, and an exit code."""
    settings, sku = shop.settings, shop.receive(10)
    placed = hold(
        settings, "place", f" {sku}", "3", "--hold-id", "h-1", "--channel", "web", "--expires-in", "1h"
    )
    assert placed.exit_code == 0, placed.output
    assert placed.stdout.startswith(f"ACTIVE: hold h-1 of {sku}, 3 at store until ")
    assert placed.stdout.endswith("; 7 left available there.\n")
    assert "4 at store until" in hold(settings, "change", sku, "h-1", "4").stdout
    stranger = hold(settings, "release", sku, "h-1", "--owner", "bob")
    assert (stranger.exit_code, stranger.stdout) == (EXIT_REFUSED, "")
    assert stranger.stderr.startswith("onhand hold: NOT_OWNER: it is somebody else's")
    confirmed = answered(settings, "confirm", sku, "h-1", "order-1", "--quantity", "2")
    assert (confirmed["state"], confirmed["quantity"], confirmed["available_after"]) == ("CONFIRMED", 2, 8)
    assert shop.figures(sku) == {"store": (10, 2, 0)}


@pytest.mark.kafka
def test_refusal_ends_with_its_reason(shop: StockedShop) -> None:
    """Exit code 1; as JSON the answer goes where answers go."""
    sku = shop.receive(1)
    refused = answered(shop.settings, "place", sku, "2", exit_code=EXIT_REFUSED)
    assert (refused["accepted"], refused["reason"]) == (False, "INSUFFICIENT_STOCK")
    result = hold(shop.settings, "release", sku, "nothing")
    assert result.exit_code == EXIT_REFUSED
    assert "HOLD_UNKNOWN: this SKU has no such hold" in result.stderr


@pytest.mark.kafka
def test_cart_is_held_or_confirmed_as_a_whole(shop: StockedShop) -> None:
    """One line an SKU; a refusal names the one that can't be had."""
    first, second = sorted((shop.receive(2), shop.receive(2)))
    held = hold(shop.settings, "cart", f"{first}=1", f"{second}=2", "--cart-id", "c-1")
    assert [line.split(",")[0] for line in held.stdout.splitlines()] == [
        f"ACTIVE: hold c-1 of {first}",
        f"ACTIVE: hold c-1 of {second}",
    ]
    refused = hold(shop.settings, "cart", f"{first}=1", f"{second}=1")
    assert refused.exit_code == EXIT_REFUSED
    assert f"of {second} is REJECTED" in refused.stderr
    bought = hold(shop.settings, "cart", f"{first}=1", "--order", "order-7")
    assert bought.stdout.startswith("CONFIRMED: ")
    assert shop.figures(first) == {"store": (2, 1, 1)}


@pytest.mark.kafka
def test_show_lists_who_holds_what(shop: StockedShop) -> None:
    """The active ones, those that end first; with --all also what has ended; no text can steer the terminal."""
    settings, sku = shop.settings, shop.receive(9)
    nothing = hold(settings, "show", sku)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == f"Nothing of {sku} is held.\n"
    hold(settings, "place", sku, "2", "--hold-id", "late", "--expires-in", "2h")
    hold(settings, "place", sku, "1", "--hold-id", f"soon{ESCAPE}", "--expires-in", "1h", "--channel", "web")
    hold(settings, "place", sku, "1", "--hold-id", "gone")
    hold(settings, "release", sku, "gone")
    hold(settings, "place", sku, "99", "--hold-id", "greedy")
    shown = hold(settings, "show", sku)
    cells = [line.split("\t") for line in shown.stdout.splitlines()]
    assert [(row[0], row[1], row[2], row[3], row[4]) for row in cells] == [
        ("soon\\x1b[2J", "ACTIVE", "1", "store", "web"),
        ("late", "ACTIVE", "2", "store", "-"),
    ]
    assert shown.stderr.startswith(f"2 active holds of {sku}: store 3; the first ends ")
    first = hold(settings, "show", sku, "--limit", "1")
    assert len(first.stdout.splitlines()) == 1
    assert first.stderr.endswith("1 more are not shown.\n")
    everything = answered(settings, "show", sku, "--all")
    assert (everything["active_total"], everything["held"]) == (2, {"store": 3})
    states = {one["hold_id"]: one["state"] for one in everything["holds"]}
    assert (states["gone"], states["greedy"]) == ("RELEASED", "REJECTED")


@pytest.mark.kafka
def test_hold_that_is_over_is_never_shown_as_active(shop: StockedShop) -> None:
    """Expiry is a matter of time, not of who has announced it."""
    sku = shop.receive(1)
    hold(shop.settings, "place", sku, "1", "--expires-in", "1s")

    def active() -> int:
        total: int = answered(shop.settings, "show", sku)["active_total"]
        return total

    seen = [answered(shop.settings, "show", sku, "--all") for _ in iter(active, 0)]
    assert all(one["holds"][0]["expires_at"] > one["at"] for one in seen if one["active_total"])
    ended = answered(shop.settings, "show", sku, "--all")
    assert [one["state"] for one in ended["holds"]] == ["EXPIRED"]


@pytest.mark.kafka
def test_silence_is_no_refusal(cluster: Settings) -> None:
    """No worker runs: exit code 3, and what to do."""
    result = hold(cluster, "place", "NOBODY-WORKS", "1", "--hold-id", "h-9", "--timeout", "0.5")
    assert result.exit_code == EXIT_UNANSWERED
    assert "is a worker running? Ask again with the hold id h-9" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("place", "A", "1", "--expires-in", "soon"), "'soon' is no span of time: write 90s, 15m or 2h."),
        (("cart", "A"), "'A' is no line of a cart: write SKU=QUANTITY"),
        (("cart", "A=-2"), "'A=-2' is no line of a cart"),
        (("show", " "), "SKU is empty."),
        (("place", "A", "1"), "does not answer: start it"),
    ],
)
def test_what_the_user_can_mend_is_told_in_a_sentence(
    free_port: Callable[[], int], arguments: tuple[str, ...], sentence: str
) -> None:
    """What was typed, or where there should be a broker."""
    result = hold(Settings(bootstrap_servers=f"127.0.0.1:{free_port()}"), *arguments)
    assert isinstance(result.exception, UserError)
    assert sentence in str(result.exception)


def test_every_reason_of_a_refusal_has_words() -> None:
    """And each of them is one that the stock agent knows."""
    assert set(WHY) <= set(Reason)
    assert {"INSUFFICIENT_STOCK", "UNKNOWN_SKU", "INVALID_TIME", "NOT_OWNER"} <= set(WHY)
    assert {reason for reason in Reason if reason.startswith("HOLD_")} <= set(WHY)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), (" 15m ", 900), ("2h", 7_200), ("1d", 86_400)])
def test_spans_of_time_are_read_as_people_write_them(text: str, seconds: int) -> None:
    """In seconds."""
    assert duration_seconds(text) == seconds
