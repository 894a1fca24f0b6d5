"""Webhooks as vendors send them: signed, again until they are answered, twice, and in any order."""

from __future__ import annotations

import asyncio
import hmac
import random
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
from standardwebhooks.webhooks import Webhook

ANSWER_SECONDS = 5.0  # Shopify's limit; the others give more.


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook: what makes it authentic is computed for each attempt, as vendors do."""

    topic: str
    body: bytes
    identifier: str


Sign = Callable[[Message], dict[str, str]]
"""Returns the headers of one attempt."""


def shopify(secret: str) -> Sign:
    """Sign as Shopify."""
    return lambda message: {
        "X-Shopify-Topic": message.topic,
        "X-Shopify-Hmac-Sha256": _hmac(secret, message.body),
        "X-Shopify-Webhook-Id": message.identifier,
        "X-Shopify-Event-Id": message.identifier,
    }


def woocommerce(secret: str) -> Sign:
    """Sign as WooCommerce."""
    return lambda message: {
        "X-WC-Webhook-Topic": message.topic,
        "X-WC-Webhook-Resource": message.topic.partition(".")[0],
        "X-WC-Webhook-Event": message.topic.partition(".")[2],
        "X-WC-Webhook-Signature": _hmac(secret, message.body),
        "X-WC-Webhook-Delivery-ID": message.identifier,
    }


def square(key: str, notification_url: str) -> Sign:
    """Sign as Square: the subscription's address is part of what is signed."""
    return lambda message: {
        "x-square-hmacsha256-signature": _hmac(key, notification_url.encode() + message.body)
    }


def bearing(token: str) -> Sign:
    """Bear a token, as EventBridge does for Amazon."""
    return lambda _message: {"Authorization": f"Bearer {token}"}


def standard(secret: str) -> Sign:
    """Sign by Standard Webhooks, with the specification's own library."""

    def sign(message: Message) -> dict[str, str]:
        now = datetime.now(UTC)
        signature = Webhook(secret).sign(message.identifier, now, message.body.decode())
        return {
            "webhook-id": message.identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }

    return sign


class Sender:
    """
    Sends one subscription's webhooks to a URL.

    Each is tried until it is answered with 2xx, at most attempts_max times, and then given up: what a vendor gives
    up is in given_up. disorder sends a share of them twice, and all of them in another order, several at a time.
    """

    def __init__(
        self,
        url: str,
        sign: Sign,
        *,
        attempts_max: int = 8,
        retry_seconds: float = 0.2,
        source: random.Random | None = None,
    ) -> None:
        self._url = url
        self._sign = sign
        self._attempts_max = attempts_max
        self._retry_seconds = retry_seconds
        self._source = source or random.Random(1)
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS)
        self._total = 0
        self.answers: list[int] = []
        self.given_up: list[Message] = []

    def message(self, topic: str, body: bytes) -> Message:
        """Return a new webhook."""
        self._total += 1
        return Message(topic, body, f"msg_{self._total}")

    async def send(self, message: Message) -> None:
        """Send one webhook until it is taken, or given up."""
        for attempt in range(self._attempts_max):
            try:
                headers = {"Content-Type": "application/json"} | self._sign(message)
                answer = await self._client.post(self._url, content=message.body, headers=headers)
                self.answers.append(answer.status_code)
                if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
                    return
            except httpx.HTTPError:
                self.answers.append(0)
            await asyncio.sleep(self._retry_seconds * (attempt + 1))
        self.given_up.append(message)

    async def disorder(self, messages: Iterable[Message], *, twice: float = 0.3, at_once: int = 4) -> None:
        """Send webhooks as they arrive in the wild."""
        queue = list(messages)
        queue += [message for message in queue if self._source.random() < twice]
        self._source.shuffle(queue)
        turns = asyncio.Semaphore(at_once)

        async def one(message: Message) -> None:
            async with turns:
                await self.send(message)

        await asyncio.gather(*(one(message) for message in queue))

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()


def _hmac(secret: str, message: bytes) -> str:
    return b64encode(hmac.digest(secret.encode(), message, "sha256")).decode()
