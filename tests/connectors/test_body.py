"""Bodies are read field by field: typed, bounded, and refused with a path."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from connectors.body import MAXIMUM_DEPTH, MAXIMUM_VALUES, Part, Untranslatable, body_of, parsed
from connectors.translation import Account
from tests.connectors.mutations import nested
from tests.connectors.translating import ms

ACCOUNT = Account(
    "a",
    "s",
    locations={"1": "one"},
    default_location_id="home",
    skus={"77": " CAFE\u0301 "},
    skus_closed=False,
)


def refused(function: Any, *arguments: Any, **more: Any) -> str:
    """Return the refusal of a call as text."""
    with pytest.raises(Untranslatable) as caught:
        function(*arguments, **more)
    return str(caught.value)


def test_a_refusal_names_the_path_from_the_root() -> None:
    """Also in lists and nested objects."""
    body = body_of({"lines": [{"item": {"quantity": "x"}}]})
    line = next(body.parts("lines"))
    assert refused(line.whole, "item.quantity") == "lines[0].item.quantity: a text, not a whole number"
    assert refused(line.text, "item.quantity.unit") == "lines[0].item.quantity: a text, not an object"
    assert refused(line.text, "item.sku") == "lines[0].item.sku: missing or empty"


@pytest.mark.parametrize(
    ("found", "number"),
    [(2, 2), (2.0, 2), ("2", 2), (" 2.000 ", 2), ("+2", 2), (10**9, 10**9), (0, 0)],
)
def test_whole_numbers_come_as_numbers_or_texts(found: object, number: int) -> None:
    """Square writes texts, PHP writes 2.0."""
    assert Part({"n": found}).whole("n") == number


@pytest.mark.parametrize(
    "found",
    [True, 1.5, "1.5", "", "1e3", "٣", "1 000", None, [], {}, -1, "-1", 10**9 + 1, 10**5_000, float("inf")],
    ids=lambda found: type(found).__name__,
)
def test_what_is_no_whole_number_within_bounds_is_refused(found: object) -> None:
    """Never cut, never guessed."""
    refused(Part({"n": found}).whole, "n")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02T10:00:00.5-0330", "2026-03-02T13:30:00.500+00:00"),
        ("2026-03-02t10:00:00.123999999z", "2026-03-02T10:00:00.123+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
    ],
)
def test_times_are_utc_milliseconds(text: str, utc: str) -> None:
    """Whatever their zone; finer fractions are cut off."""
    assert Part({"t": text}).milliseconds("t") == ms(utc)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:00:00",
        "2026-03-02",
        "2026-02-30T10:00:00Z",
        "2026-03-02T10:00:61Z",
        "2026-03-02T10:00:00+24:00",
        "1999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "٢٠٢٦-03-02T10:00:00Z",
        1_772_000_000_000,
    ],
)
def test_times_that_are_not_certain_are_refused(text: object) -> None:
    """A time without a zone among them, unless the channel documents which one it means."""
    refused(Part({"t": text}).milliseconds, "t")
    assert Part({"t": "2026-03-02T10:00:00"}).milliseconds("t", zone=UTC) == ms("2026-03-02T10:00:00+00:00")


@pytest.mark.parametrize(
    "found", ["somebody@example.com", "a b", "ü", "x" * 129, -1, 10**18, 1.0, True, [], ""]
)
def test_identifiers_are_technical(found: object) -> None:
    """No names, no addresses, nothing endless: they become part of event ids."""
    refused(Part({"id": found}).identifier, "id")


def test_identifiers_are_numbers_or_texts() -> None:
    """The same id, whichever way a channel writes it."""
    assert Part({"id": 42}).identifier("id") == Part({"id": "42"}).identifier("id") == "42"


def test_refusals_do_not_quote_what_they_refuse() -> None:
    """A field may hold anybody's name."""
    body = Part({"n": "Jane Example", "id": "Jane Example", "t": "Jane Example", "kind": "Jane Example"})
    texts = [
        refused(body.whole, "n"),
        refused(body.identifier, "id"),
        refused(body.milliseconds, "t"),
        refused(body.flag, "n"),
        refused(body.one_of, "kind", ("a", "b")),
        refused(body.entries, "n"),
    ]
    assert not any("Jane" in text for text in texts)


@pytest.mark.parametrize("in_lists", [True, False])
def test_depth_is_bounded(in_lists: bool) -> None:
    """Without recursion, so that any depth can be refused."""
    body_of({"id": nested(MAXIMUM_DEPTH - 2, in_lists=in_lists)})
    for depth in (MAXIMUM_DEPTH, 100_000):
        assert "nested deeper" in refused(body_of, {"id": nested(depth, in_lists=in_lists)})


def test_size_is_bounded() -> None:
    """All levels together."""
    assert "holds more" in refused(body_of, {"lines": [{"a": 1}] * MAXIMUM_VALUES})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 200_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"<xml/>",
    ],
)
def test_bytes_that_are_no_json_are_refused(raw: bytes) -> None:
    """As a whole."""
    assert refused(parsed, raw).startswith("body: ")


def test_bytes_of_json_are_read() -> None:
    """With or without a byte order mark."""
    assert parsed(b'\xef\xbb\xbf{"a": 1}') == parsed(b'{"a": 1}') == {"a": 1}


def test_locations_are_mapped_and_never_guessed() -> None:
    """An unknown one is refused; none is the default; an account without locations has only the default."""
    assert ACCOUNT.location_of("1", "l") == "one"
    assert ACCOUNT.location_of(None, "l") == "home"
    assert refused(ACCOUNT.location_of, "2", "l") == "l: location 2 is not among the account's locations"
    assert Account("a", "s", default_location_id="home").location_of("2", "l") == "home"
    assert "default_location_id" in refused(Account("a", "s").location_of, "2", "l")


def test_skus_are_mapped_or_themselves() -> None:
    """In their one spelling; numbers that a channel made up are never SKUs."""
    assert ACCOUNT.sku_of("77", "s") == "CAFÉ"
    assert ACCOUNT.sku_of(" mug ", "s") == "mug"
    assert refused(ACCOUNT.sku_of, "78", "s", opaque=True) == "s: 78 is not among the account's skus"
    assert "skus" in refused(Account("a", "s", skus_closed=True).sku_of, "mug", "s")
    assert "Unicode" in refused(ACCOUNT.sku_of, "\ud800", "s")


def test_events_are_checked_as_the_stock_agent_would() -> None:
    """What it would refuse for ever is refused before it is sent."""
    given = {"sku": "mug", "location_id": "home", "occurred_at": ms("2026-01-01T00:00:00+00:00")}
    assert "quantity 0" in refused(ACCOUNT.event, "SaleRecorded", "1", quantity=0, **given)
    assert "more than 512" in refused(ACCOUNT.event, "SaleRecorded", "1" * 512, quantity=1, **given)
