"""Shopify's orders that changed within a window: REST, page by page, each linking to the next."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial

from connectors.accounts.model import ShopifyAccount
from connectors.egress.answers import object_of, require_success
from connectors.egress.http import Http
from connectors.polling.windows import Pages, Polled, Window, entries_of, rfc3339_seconds
from connectors.protocols import ChannelUnavailable
from connectors.questions import Open

NEXT = re.compile(r'<([^>]+)>;\s*rel="?next"?')
PAGE = 50  # Orders with all their fulfilments and refunds take up to 20 kB each.
PER_SECOND = 2.0  # The bucket of the smallest plan refills so fast, and webhooks' fetches use it as well.


def pages_of(entry: ShopifyAccount, secret: Open) -> Pages:
    """Return how this shop is polled; its account has [api]."""
    assert entry.api is not None, "the model asks for it"
    http = Http({"X-Shopify-Access-Token": secret(entry.api.token)}, rate_per_second=PER_SECOND)
    return partial(_pages, http, entry.api.base_url, entry.api.version)


async def _pages(http: Http, base_url: str, version: str, window: Window) -> AsyncIterator[list[Polled]]:
    url: str | None = f"{base_url}/admin/api/{version}/orders.json"
    params: Mapping[str, str | int] | None = {
        "status": "any",
        "updated_at_min": rfc3339_seconds(window.since),
        "updated_at_max": rfc3339_seconds(window.until + 999),
        "order": "updated_at asc",
        "limit": PAGE,
    }
    while url is not None:
        answer = await http.request("GET", url, params=params)
        require_success(answer, time.time())
        yield [Polled("", {"order": order}) for order in entries_of(object_of(answer), "orders")]
        url, params = _next(answer.headers.get("link", ""), base_url), None


def _next(link: str, base_url: str) -> str | None:
    """Return the address of the next page. Raises ChannelUnavailable for one elsewhere: the token goes with it."""
    found = NEXT.search(link)
    if found is None:
        return None
    if not found[1].startswith(f"{base_url}/"):
        raise ChannelUnavailable("the next page is at another address than the shop's")
    return found[1]
