"""What every channel simulator does alike: HTTP, a log of requests, and trouble as a test's script says."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Pair = tuple[str, int]
"""A SKU, and the figure that it was given."""

SLOW_SECONDS = 1.0  # Beyond the time-out that tests give their clients.


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it came (monotonic seconds), and what it said; header names in lower case."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; its body is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Simulator(ABC):
    """
    A channel as an ASGI application: it holds figures by SKU, and takes new ones in its vendor's words.

    script has a word for each write to come, then all is well: ok · fail (500) · busy (503, Retry-After 1) · throttle
    (429, Retry-After 1) · expired (401, as for a token that has run out) · slow (answers after the client's time-out)
    · reset (aborts, nothing written) · lost (writes, then aborts). What a vendor says differently, its simulator does.
    While down, it aborts every connection. bad_skus are refused. on_request is called for each write before it is
    answered, after_answer for every request once its answer is made, on_taken for each figure that was written:
    vendors tell of it by a webhook.
    """

    path = ""

    def __init__(self, figures: Mapping[str, int] | None = None) -> None:
        self.url = ""
        self.figures: dict[str, int] = dict(figures or {})
        self.bad_skus: set[str] = set()
        self.script: list[str] = []
        self.down = False
        self.on_request: Callable[[], None] = lambda: None
        self.on_taken: Callable[[str, int], None] = lambda _sku, _quantity: None
        self.after_answer: Callable[[Request], None] = lambda _request: None
        self.requests: list[Request] = []
        self.received: list[list[Pair]] = []
        self.taken: list[Pair] = []

    @property
    def accepted(self) -> list[Pair]:
        """Every figure that was taken, in order."""
        return self.taken

    @abstractmethod
    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the figures that a request would write; None for one that writes nothing."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Return what the vendor answers, and do what it would do."""

    @abstractmethod
    def refusal(self, request: Request) -> Reply | None:
        """Return what the vendor answers to a request without the right credentials, None for the others."""

    def trouble(self, word: str) -> Reply:
        """Return what the vendor answers in trouble."""
        return {
            "fail": Reply(500, b"<html>Internal Server Error</html>"),
            "busy": Reply(503, b"maintenance", {"retry-after": "1"}),
            "throttle": Reply(429, {"message": "too many requests"}, {"retry-after": "1"}),
            "expired": Reply(401, {"message": "the access token has expired"}),
        }[word]

    def take(self, pairs: Iterable[Pair]) -> None:
        """Write figures."""
        for sku, quantity in pairs:
            self.figures[sku] = quantity
            self.taken.append((sku, quantity))
            self.on_taken(sku, quantity)

    def sell(self, sku: str, quantity: int) -> None:
        """Sell units, which the channel takes from its own figure at once."""
        self.figures[sku] -= quantity

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as an ASGI application."""
        assert scope["type"] == "http"
        request = await _request(scope, receive)
        if self.down:
            send.__self__.transport.abort()
            return
        self.requests.append(request)
        reply = self.refusal(request)
        pairs = self.pairs(request) if reply is None else None
        word = "ok"
        if pairs is not None:
            self.received.append(pairs)
            self.on_request()
            word = self.script.pop(0) if self.script else "ok"
        if word == "reset":
            send.__self__.transport.abort()
            return
        if word not in {"ok", "lost", "slow"}:
            reply = self.trouble(word)
        reply = reply or self.answer(request)
        self.after_answer(request)
        if word == "lost":
            send.__self__.transport.abort()
            return
        if word == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})


async def _request(scope: Any, receive: Any) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode()))
    return Request(time.monotonic(), scope["method"], scope["path"], query, headers, body)
