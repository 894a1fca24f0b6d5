"""Standard Webhooks: signatures, the window against replays, rotation; and the strict shape of bodies."""

from __future__ import annotations

from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from connectors.authenticity import NotAuthentic
from connectors.standard_webhooks.signature import (
    TOLERANCE_SECONDS,
    InvalidSecret,
    Message,
    headers,
    verify,
)
from connectors.standard_webhooks.translate import RECORDS, translate
from connectors.translation import Account, Translation
from schemas import wire
from tests.connectors.mutations import fuzz
from tests.connectors.translated import told
from tests.connectors.translating import fixture, fixtures, reasons

ACCOUNT = Account(
    "partner",
    "partner-till",
    "partner",
    locations={"bonn": "store-bonn", "leeds": "dc-leeds"},
    skus={"AB": "AB-1"},
)
MESSAGE = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
NOW = 1_784_021_400
BODY = '{"type": "SaleRecorded", "data": {"sku": "Ä-1"}}'.encode()
OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def sent(**changes: Any) -> Translation:
    """Return what the fixture of a sale becomes with fields of its data changed, None taking one away."""
    body = fixture("standard_webhooks/sale.json")
    body["data"].update(changes)
    body["data"] = {name: value for name, value in body["data"].items() if value is not None}
    return translate(ACCOUNT, MESSAGE, body)


def test_the_signature_is_that_of_the_specification() -> None:
    """Its own example, and what its authors' package accepts."""
    signed = headers(OLD, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    fresh = headers(NEW, MESSAGE, _package_time(), BODY)
    Webhook(NEW).verify(BODY, fresh)


def _package_time() -> int:
    """Return the time by the clock, which the authors' package asks itself."""
    from time import time

    return int(time())


@pytest.mark.parametrize("seconds", [0, -TOLERANCE_SECONDS, TOLERANCE_SECONDS])
def test_a_signed_request_within_the_window_is_believed(seconds: int) -> None:
    """Header names in any case, as HTTP has them."""
    signed = {name.title(): value for name, value in headers(OLD, MESSAGE, NOW + seconds, BODY).items()}
    assert verify([OLD], signed, BODY, NOW) == Message(MESSAGE, NOW + seconds, 0)


def test_secrets_rotate_without_a_gap() -> None:
    """Whichever side changes first: several secrets here, several signatures in one header there."""
    old, new = headers(OLD, MESSAGE, NOW, BODY), headers(NEW, MESSAGE, NOW, BODY)
    assert verify([OLD, NEW], old, BODY, NOW) == verify([NEW, OLD], new, BODY, NOW)
    both = old | {"webhook-signature": f"v1a,xyz {old['webhook-signature']} {new['webhook-signature']}"}
    assert verify([NEW], both, BODY, NOW) == verify([OLD], both, BODY, NOW)
    assert [verify([OLD, NEW], signed, BODY, NOW).secret for signed in (old, new)] == [0, 1]


@pytest.mark.parametrize(
    ("changes", "body", "secrets", "reason"),
    [
        ({}, BODY + b" ", [OLD], "no signature"),
        ({}, BODY, [NEW], "no signature"),
        ({}, BODY, [], "no signature"),
        ({"webhook-id": "msg_other"}, BODY, [OLD], "no signature"),
        ({"webhook-timestamp": str(NOW + 1)}, BODY, [OLD], "no signature"),
        ({"webhook-timestamp": str(NOW - 301)}, BODY, [OLD], "301 s off"),
        ({"webhook-timestamp": str(NOW + 301)}, BODY, [OLD], "-301 s off"),
        ({"webhook-timestamp": "soon"}, BODY, [OLD], "webhook-timestamp is missing or no number"),
        ({"webhook-timestamp": "9" * 40}, BODY, [OLD], "webhook-timestamp is missing or no number"),
        ({"webhook-timestamp": "١٧٨٤٠٢١٤٠٠"}, BODY, [OLD], "webhook-timestamp is missing or no number"),
        ({"webhook-id": ""}, BODY, [OLD], "webhook-id is missing"),
        ({"webhook-id": "a b"}, BODY, [OLD], "webhook-id is missing"),
        ({"webhook-signature": ""}, BODY, [OLD], "no signature"),
        ({"webhook-signature": "v1"}, BODY, [OLD], "no signature"),
        ({"webhook-signature": "v1,\udcff"}, BODY, [OLD], "no signature"),
        ({"webhook-signature": "v1,AAAA " * 1_000}, BODY, [OLD], "no signature"),
        ({}, b"\xff", [OLD], "no UTF-8"),
    ],
)
def test_a_forged_replayed_or_damaged_request_is_refused(
    changes: dict[str, str], body: bytes, secrets: list[str], reason: str
) -> None:
    """By one error, whatever is wrong with it."""
    with pytest.raises(NotAuthentic, match=reason):
        verify(secrets, headers(OLD, MESSAGE, NOW, BODY) | changes, body, NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "\xe4\xf6"])
def test_a_secret_that_is_none_is_the_accounts_fault(secret: str) -> None:
    """It must not look like a forgery."""
    with pytest.raises(InvalidSecret):
        verify([secret], headers(OLD, MESSAGE, NOW, BODY), BODY, NOW)


def test_bodies_become_their_record() -> None:
    """The message's id or the event's own, the account's source and channel, places and products by its mappings."""
    sale, transfer, count = (
        translate(ACCOUNT, MESSAGE, fixture(f"standard_webhooks/{name}.json"))
        for name in ("sale", "transfer", "count")
    )
    assert told(sale) == [
        (
            "SaleRecorded",
            {
                "event_id": MESSAGE,
                "sku": "85123A",
                "location_id": "store-bonn",
                "quantity": 2,
                "occurred_at": "2026-07-14T09:30:00Z",
            },
        )
    ]
    assert {(value["source_id"], value["channel_id"]) for _, value in sale.events} == {
        ("partner-till", "partner")
    }
    assert told(transfer) == [
        (
            "TransferShipped",
            {
                "event_id": "T-7:1",
                "sku": "AB-1",
                "location_id": "store-bonn",
                "quantity": 12,
                "occurred_at": "2026-07-14T11:30:00.250Z",
                "transfer_id": "T-7",
                "to_location_id": "dc-leeds",
                "eta": "2026-07-16T00:00:00Z",
            },
        )
    ]
    assert told(count) == [
        (
            "StockCounted",
            {
                "event_id": MESSAGE,
                "sku": "AB-1",
                "location_id": "dc-leeds",
                "quantity": 0,
                "occurred_at": "2026-07-14T20:00:00Z",
                "as_of": "2026-07-14T19:00:00Z",
                "basis": "PHYSICAL",
                "feed_id": "night",
                "feed_kind": "FULL",
                "sequence": 3,
                "total": 40,
            },
        )
    ]
    assert [each.refusals for each in (sale, transfer, count)] == [(), (), ()]


EXTRAS: dict[str, dict[str, Any]] = {
    "OrderPlaced": {"order_id": "1001", "hold_id": "h-1"},
    "OrderShipped": {"order_id": "1001"},
    "OrderCancelled": {"order_id": "1001"},
    "ReturnReceived": {"disposition": "DAMAGED"},
    "GoodsReceived": {"inbound_id": "PO-7"},
    "InboundAnnounced": {"inbound_id": "PO-7", "eta": "2026-08-01T00:00:00Z"},
    "InboundCancelled": {"inbound_id": "PO-7"},
    "TransferShipped": {"transfer_id": "T-1", "to_location_id": "leeds"},
    "TransferReceived": {"transfer_id": "T-1", "from_location_id": "leeds"},
    "StockAdjusted": {"reason": "FOUND"},
    "DispositionChanged": {"disposition": "EXPIRED"},
    "StockCounted": {"as_of": "2026-07-14T09:00:00Z", "basis": "NET_OF_ORDERS"},
}


@pytest.mark.parametrize("record", RECORDS)
def test_every_record_that_moves_stock_can_be_sent(record: str) -> None:
    """With its own fields, and it fits its schema."""
    extras = EXTRAS.get(record, {})
    body = fixture("standard_webhooks/sale.json") | {"type": record}
    body["data"] |= extras
    translation = translate(ACCOUNT, MESSAGE, body)
    assert reasons(translation) == []
    ((found, value),) = translation.events
    assert wire.decode(wire.encode(found, value))[0] == record
    for name in extras:
        assert value[name] is not None


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"sku": None}, "data.sku: missing or empty"),
        ({"quantity": 0}, "data.quantity: not between 1 and 1000000000"),
        ({"quantity": 1.5}, "data.quantity: a number, not a whole number"),
        ({"quantity": None}, "data.quantity: missing"),
        ({"location_id": "york"}, "data.location_id: location york is not among the account's locations"),
        ({"location_id": None}, "data.location_id: no location, and the account has no default_location_id"),
        ({"occurred_at": "2026-07-14T11:30:00"}, "data.occurred_at: a time without a zone"),
        (
            {"order_id": "7"},
            "data.order_id: a field that SaleRecorded does not have, or that the account says",
        ),
        (
            {"source_id": "me"},
            "data.source_id: a field that SaleRecorded does not have, or that the account says",
        ),
        (
            {"channel_id": "web"},
            "data.channel_id: a field that SaleRecorded does not have, or that the account says",
        ),
        ({"not a word": 1}, "data: a field that SaleRecorded does not have, or that the account says"),
        ({"event_id": "a b"}, "data.event_id: no id of up to 128 printable characters"),
    ],
)
def test_what_does_not_fit_is_refused_by_field(changes: dict[str, Any], refusal: str) -> None:
    """Nothing is guessed, and nothing is let pass that has no meaning."""
    translation = sent(**changes)
    assert (translation.events, reasons(translation)) == ((), [refusal])


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, "type: missing or empty"),
        ({"type": "Sale", "data": {}}, "type: none of "),
        ({"type": "StockPolicySet", "data": {}}, "type: none of "),
        ({"type": "SaleRecorded"}, "data: missing"),
        ({"type": "SaleRecorded", "data": []}, "data: a list, not an object"),
        ({"type": "SaleRecorded", "data": {}, "more": 1}, "more: a field besides data, timestamp, type"),
        ([], "body: a list, not an object"),
    ],
)
def test_what_is_no_message_is_refused(body: object, refusal: str) -> None:
    """By its outer shape."""
    translation = translate(ACCOUNT, MESSAGE, body)
    assert translation.events == ()
    assert [reason.startswith(refusal) for reason in reasons(translation)] == [True], reasons(translation)


def test_damage_gives_typed_refusals_only() -> None:
    """Whatever is in a body."""
    seen = fuzz(translate, ACCOUNT, [(MESSAGE, body) for body in fixtures("standard_webhooks")])
    assert seen["events"] > 1_000
    assert seen["refusals"] > 1_000
