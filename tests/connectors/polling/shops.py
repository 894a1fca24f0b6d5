"""Shops that list their orders as Shopify, WooCommerce and Square do: real HTTP, page by page, with failures."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

DAYS = 3
BEGIN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=DAYS)
"""A few windows before now, whenever the tests run."""
Answer = tuple[int, dict[str, str], Any]


def at(minute: int) -> str:
    """So many minutes after the beginning, as all three write it."""
    return datetime.fromtimestamp(BEGIN.timestamp() + minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Shop:
    """
    Orders by id with the minute of their latest change; each has one line of one unit of SKU-<id>.

    Answers of `failures`, statuses, come before any good one. on_request is called before each answer; page is how
    many orders one page has.
    """

    def __init__(self, page: int = 2) -> None:
        self.orders: dict[int, int] = {}
        self.failures: list[int] = []
        self.page = page
        self.on_request: Callable[[], None] = lambda: None
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    def within(self, since: str, until: str) -> list[int]:
        """Ids of orders that changed in a window, the earliest first."""
        found = [number for number, minute in self.orders.items() if since <= at(minute) <= until]
        return sorted(found, key=lambda number: (self.orders[number], number))

    def answer(self, path: str, query: dict[str, str], body: Any) -> Answer:
        """Return the answer to one request."""
        self.on_request()
        if self.failures:
            return self.failures.pop(0), {"Retry-After": "0"}, {}
        if path.endswith("/orders.json"):
            return self._shopify(query)
        if path == "/wp-json/wc/v3/orders":
            return self._woocommerce(query)
        if path == "/v2/orders/search":
            return self._square(body)
        return 200, {}, {"counts": []}

    def _shopify(self, query: dict[str, str]) -> Answer:
        since, until, begin = (
            query["updated_at_min"],
            query["updated_at_max"],
            int(query.get("page_info", "0")),
        )
        found = self.within(since, until)
        headers = {}
        if begin + self.page < len(found):
            more = f"updated_at_min={since}&updated_at_max={until}&page_info={begin + self.page}"
            headers["Link"] = f'<{self.url}/admin/api/2026-04/orders.json?{more}>; rel="next"'
        return 200, headers, {"orders": [self._rest(number) for number in found[begin : begin + self.page]]}

    def _rest(self, number: int) -> dict[str, Any]:
        changed = at(self.orders[number])
        line = {"id": number * 10, "sku": f"SKU-{number}", "variant_id": 1, "quantity": 1}
        return {"id": number, "created_at": changed, "updated_at": changed, "line_items": [line]}

    def _woocommerce(self, query: dict[str, str]) -> Answer:
        found = [
            number
            for number in self.within("", "9")
            if query["modified_after"] < at(self.orders[number]) < query["modified_before"]
        ]
        begin = (int(query["page"]) - 1) * self.page
        pages = -(-len(found) // self.page)
        orders = [self._wp(number) for number in found[begin : begin + self.page]]
        return 200, {"X-WP-TotalPages": str(pages)}, orders

    def _wp(self, number: int) -> dict[str, Any]:
        changed = at(self.orders[number]).removesuffix("Z")
        line = {"id": number * 10, "sku": f"SKU-{number}", "quantity": 1}
        times = {"date_created_gmt": changed, "date_modified_gmt": changed}
        return {"id": number, "status": "processing", "line_items": [line], **times}

    def _square(self, body: Any) -> Answer:
        window = body["query"]["filter"]["date_time_filter"]["updated_at"]
        found, begin = self.within(window["start_at"], window["end_at"]), int(body.get("cursor", 0))
        more = {"cursor": str(begin + self.page)} if begin + self.page < len(found) else {}
        return (
            200,
            {},
            {"orders": [self._till(number) for number in found[begin : begin + self.page]], **more},
        )

    def _till(self, number: int) -> dict[str, Any]:
        changed = at(self.orders[number])
        line = {"uid": f"u{number}", "catalog_object_id": f"V{number}", "quantity": "1"}
        times = {"created_at": changed, "updated_at": changed}
        return {
            "id": f"o{number}",
            "version": 1,
            "state": "OPEN",
            "location_id": "L",
            "line_items": [line],
            **times,
        }


@contextmanager
def open_shop(shop: Shop) -> Iterator[Shop]:
    """Serve a shop on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            shop.requests.append((parts.path, query))
            status, headers, answer = shop.answer(parts.path, query, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(data))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so.
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield shop
    server.shutdown()
    thread.join()
    server.server_close()
