"""What goes to a channel over HTTP and what its answers mean."""

import json

import pytest

from connectors.egress.answers import REASON_MAX_CHARACTERS, retry_after_seconds
from connectors.http_sink.translate import (
    idempotency_key,
    payload,
    results_of,
)
from connectors.protocols import Availability, BatchRefused, ChannelUnavailable

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
BATCH = [Availability(sku, "web", 4, 7, 1_291_191_960_000, 1_291_191_960_100) for sku in ("a", "ä", "c")]


def verdicts(status: int, body: object) -> list[str]:
    """Return the verdicts of an answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [str(result.verdict) for result in results_of(status, {}, data, BATCH, NOW)]


def test_a_batch_is_an_array_of_what_the_channel_needs() -> None:
    """As UTF-8, in the order given."""
    assert json.loads(payload(BATCH))[1] == {
        "sku": "ä",
        "available_to_sell": 4,
        "version": 7,
        "occurred_at": 1_291_191_960_000,
    }
    assert "ä".encode() in payload(BATCH)


def test_the_idempotency_key_follows_content_and_channel() -> None:
    """The same batch again has the same key, anything else another."""
    key = idempotency_key("web", payload(BATCH))
    assert key == idempotency_key("web", payload(BATCH))
    assert len({key, idempotency_key("pos", payload(BATCH)), idempotency_key("web", payload(BATCH[:2]))}) == 3


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_delivers_all(status: int) -> None:
    """Whatever the body says."""
    assert verdicts(status, b"<html>") == ["delivered"] * 3


def test_each_item_has_its_own_verdict() -> None:
    """Refused for good, failed for now, or delivered; unnamed ones of a 207 are delivered."""
    items = [{"sku": "a", "status": 404, "error": "no such article"}, {"sku": "c", "status": 503}]
    assert verdicts(207, {"items": items}) == ["refused", "delivered", "failed"]
    results = results_of(207, {}, json.dumps({"items": items}).encode(), BATCH, NOW)
    assert results[0].reason == "item status 404: no such article"


def test_items_that_a_422_does_not_name_were_not_looked_at() -> None:
    """They are sent again, and do not count as tried."""
    assert verdicts(422, {"items": [{"sku": "ä", "status": 422}]}) == ["unsent", "refused", "unsent"]


@pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 599])
def test_an_item_that_failed_for_now_is_tried_again(status: int) -> None:
    """Busy, throttled or broken: none of it is the value's fault."""
    assert verdicts(207, {"items": [{"sku": "a", "status": status}]})[0] == "failed"


@pytest.mark.parametrize("status", [None, "200", 100, 302])
def test_an_item_status_that_makes_no_sense_is_a_failure(status: object) -> None:
    """Never taken for a delivery."""
    assert verdicts(207, {"items": [{"sku": "a", "status": status}]})[0] == "failed"


@pytest.mark.parametrize("status", [400, 409, 413, 422])
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"items": 1}', b'{"items": [{"sku": "z", "status": 422}]}', b"[1]"]
)
def test_blame_without_a_name_refuses_the_batch(status: int, body: bytes) -> None:
    """It is split until the culprit stands alone."""
    with pytest.raises(BatchRefused, match=f"status {status}"):
        results_of(status, {}, body, BATCH, NOW)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 500, 502, 503])
def test_what_is_not_the_batchs_fault_makes_the_channel_unavailable(status: int) -> None:
    """Wrong credentials must not make dead letters of a whole assortment."""
    with pytest.raises(ChannelUnavailable) as caught:
        results_of(status, {"retry-after": "7"}, b"", BATCH, NOW)
    assert (caught.value.retry_after_seconds, caught.value.throttled) == (7.0, False)


def test_too_many_requests_is_a_wish_and_no_failure() -> None:
    """With or without saying for how long."""
    with pytest.raises(ChannelUnavailable) as caught:
        results_of(429, {}, b"slow down", BATCH, NOW)
    assert (caught.value.retry_after_seconds, caught.value.throttled) == (None, True)


def test_a_multi_status_that_cannot_be_read_is_no_delivery() -> None:
    """Nobody knows what was taken; the values are absolute, so sending again is safe."""
    with pytest.raises(ChannelUnavailable, match="207 without items"):
        results_of(207, {}, b"<html>", BATCH, NOW)


def test_reasons_are_short_and_on_one_line() -> None:
    """They go into headers and logs, and channels answer with whole pages."""
    with pytest.raises(BatchRefused) as caught:
        results_of(400, {}, b"<h1>\n\xff  bad</h1>" * 1_000, BATCH, NOW)
    assert len(str(caught.value)) <= REASON_MAX_CHARACTERS + len("status 400: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("999999999", 3_600.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2038 08:00:00 GMT", 3_600.0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """Bounded, and ignored when damaged."""
    assert retry_after_seconds(value, NOW) == seconds
