"""The sink of Standard Webhooks, in front of a receiver that checks every signature."""

import json
from collections.abc import AsyncIterator

import pytest

from connectors.protocols import ChannelUnavailable, Sink, Verdict
from connectors.standard_webhooks.client import WebhookSink
from connectors.standard_webhooks.outgoing import message_id, payload, signed
from connectors.standard_webhooks.signature import InvalidSecret, verify
from tests.connectors.contract import CHANNEL, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.contract import ANSWER_TIMEOUT_SECONDS, SKUS, VendorContract
from tests.connectors.simulators.server import Simulator
from tests.connectors.simulators.webhook_receiver import SECRET, WebhookReceiver

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = 1_800_000_000


class TestWebhookSink(VendorContract):
    """The contract, in signed messages."""

    def make_simulator(self) -> Simulator:
        """A receiver."""
        return WebhookReceiver(dict.fromkeys(SKUS, 500))

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> Sink:
        """A sink of it."""
        secret = SECRET if credentials == "right" else OTHER
        return WebhookSink(CHANNEL, channel.url, [secret], answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    """A receiver of two SKUs."""
    async with serving(WebhookReceiver({"a": 5, "b": 5})) as simulator:
        yield simulator


async def test_a_message_has_the_specifications_shape(receiver: WebhookReceiver) -> None:
    """Type, timestamp and data; times with a zone."""
    sink = WebhookSink(CHANNEL, receiver.url, [SECRET])
    update = availability("a", 3, 7)
    await sink.send([update])
    await sink.close()
    body = receiver.requests[0].json
    assert body["type"] == "availability.updated"
    assert body["timestamp"] == body["data"]["items"][0]["occurred_at"]
    assert body["timestamp"].endswith("Z")
    assert body["data"]["channel_id"] == CHANNEL
    assert {name: body["data"]["items"][0][name] for name in ("sku", "available_to_sell", "version")} == {
        "sku": "a",
        "available_to_sell": 7,
        "version": 3,
    }


async def test_a_message_tried_again_keeps_its_id(receiver: WebhookReceiver) -> None:
    """The receiver can tell that it has it; the same figure told later is another message."""
    receiver.script = ["lost"]
    sink = WebhookSink(CHANNEL, receiver.url, [SECRET])
    update = availability("a", 1, 7)
    with pytest.raises(ChannelUnavailable):
        await sink.send([update])
    assert (await sink.send([update]))[0].verdict is Verdict.DELIVERED
    await sink.close()
    assert len(receiver.seen) == 1
    body = payload(CHANNEL, [update])
    later = json.loads(body) | {"timestamp": "2030-01-01T00:00:00.000Z"}
    assert message_id(body) in receiver.seen
    assert message_id(json.dumps(later).encode()) != message_id(body)


def test_a_message_is_signed_with_every_secret() -> None:
    """A receiver that knows only the old one, or only the new one, accepts it."""
    body = payload(CHANNEL, [availability("a", 1)])
    headers = signed([OTHER, SECRET], body, NOW)
    assert verify([SECRET], headers, body, NOW).message_id == message_id(body)
    assert verify([OTHER], headers, body, NOW).timestamp == NOW


def test_a_secret_that_cannot_sign_is_found_at_the_start() -> None:
    """Not with the first message, hours later."""
    with pytest.raises(InvalidSecret):
        WebhookSink(CHANNEL, "https://shop.example", ["whsec_"])
