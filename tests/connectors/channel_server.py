"""A channel's HTTP server, real but scripted: it misbehaves as a test says, and remembers what it got."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Answer = tuple[int, dict[str, str], Any]


@dataclass(frozen=True, slots=True)
class Received:
    """One request: when it came (monotonic seconds), its headers, and its items."""

    at: float
    headers: dict[str, str]
    items: list[dict[str, Any]]


class ChannelServer:
    """
    Answers POSTs by the script, one word a request, then with 200.

    Words: ok · fail (500) · throttle (429, Retry-After 1) · busy (503, Retry-After 1) · slow (answers after the
    client's time-out) · reset (aborts the connection) · redirect (302). Batches with one of bad_skus are
    refused: as a whole with 400, or, if it names items, with 207 or 422.
    """

    path = "/stock"

    def __init__(self, *, names_items_with: int | None = None) -> None:
        self.script: list[str] = []
        self.bad_skus: set[str] = set()
        self.on_request: Callable[[], None] = lambda: None
        self.requests: list[Received] = []
        self.taken: list[tuple[str, int]] = []
        self.url = ""
        self._names_items_with = names_items_with

    @property
    def received(self) -> list[list[tuple[str, int]]]:
        """(SKU, version) of each request, whatever was answered."""
        return [[(item["sku"], item["version"]) for item in request.items] for request in self.requests]

    @property
    def accepted(self) -> list[tuple[str, int]]:
        """Every (SKU, version) that was taken, in order."""
        return self.taken

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as an ASGI application."""
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        items = json.loads(body)
        self.requests.append(Received(time.monotonic(), headers, items))
        self.on_request()
        word = self.script.pop(0) if self.script else "ok"
        if word == "reset":
            send.__self__.transport.abort()
            return
        if word == "slow":
            await asyncio.sleep(1.0)
        status, extra, answer = self._answer(word, items)
        pairs = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, word: str, items: list[dict[str, Any]]) -> Answer:
        scripted: dict[str, Answer] = {
            "fail": (500, {}, "oops"),
            "throttle": (429, {"retry-after": "1"}, "slow down"),
            "busy": (503, {"retry-after": "1"}, "maintenance"),
            "slow": (200, {}, "too late"),
            "redirect": (302, {"location": "/elsewhere"}, "moved"),
        }
        if word in scripted:
            return scripted[word]
        bad = [item["sku"] for item in items if item["sku"] in self.bad_skus]
        if bad and self._names_items_with != 207:
            named = [{"sku": sku, "status": 422, "error": "unknown article"} for sku in bad]
            return (422, {}, {"items": named}) if self._names_items_with else (400, {}, "bad batch")
        self.taken += [(item["sku"], item["version"]) for item in items if item["sku"] not in bad]
        named = [{"sku": sku, "status": 404, "error": "unknown article"} for sku in bad]
        return (207, {}, {"items": named}) if bad else (200, {}, {})
