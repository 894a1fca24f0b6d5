"""
WooCommerce's orders that changed within a window: pages by number, read from the last to the first.

An order that changes while pages are read leaves the window and moves all later ones a place forward. Read forwards,
the first of the next page would be skipped; read backwards, one is read twice.
"""

import time
from collections.abc import AsyncIterator
from functools import partial

from connectors.accounts.model import WooCommerceAccount
from connectors.egress.answers import Answer, json_of, require_success
from connectors.egress.http import Http
from connectors.polling.windows import Pages, Polled, Window, entries_of, rfc3339_seconds
from connectors.questions import Open

PAGE = 50  # Shops on shared hosts take seconds for 100.
PER_SECOND = 2.0  # The same hosts; WooCommerce itself sets no limit.
ORDER = "order"


def pages_of(entry: WooCommerceAccount, secret: Open) -> Pages:
    """Return how this shop is polled; its account has [api]."""
    assert entry.api is not None, "the model asks for it"
    keys = secret(entry.api.consumer_key), secret(entry.api.consumer_secret)
    http = Http(auth=keys, rate_per_second=PER_SECOND)
    return partial(_pages, http, f"{entry.api.base_url}/wp-json/wc/v3/orders")


async def _pages(http: Http, url: str, window: Window) -> AsyncIterator[list[Polled]]:
    async def page(number: int) -> Answer:
        params: dict[str, str | int] = {
            "modified_after": rfc3339_seconds(window.since - 1_000),  # It means later than, not from.
            "modified_before": rfc3339_seconds(window.until + 1_999),
            "dates_are_gmt": "true",
            "orderby": "modified",
            "order": "asc",
            "per_page": PAGE,
            "page": number,
        }
        answer = await http.request("GET", url, params=params)
        require_success(answer, time.time())
        return answer

    first = await page(1)
    last = _pages_total(first)
    for number in range(last, 0, -1):
        answer = first if last == 1 else await page(number)
        yield [Polled(ORDER, order) for order in entries_of(json_of(answer))]


def _pages_total(answer: Answer) -> int:
    """Return how many pages there are, at least the one that was read."""
    total = answer.headers.get("x-wp-totalpages", "1")
    return max(1, int(total)) if total.isascii() and total.isdigit() else 1
