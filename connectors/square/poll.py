"""Square's orders and counts that changed within a window: searches whose answers have a cursor to the next page."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from connectors.accounts.model import SquareAccount
from connectors.egress.answers import object_of, require_success
from connectors.egress.http import Http
from connectors.polling.windows import Pages, Polled, Window, entries_of, rfc3339_seconds
from connectors.questions import Open
from connectors.square.translate import COUNTED, IN_STOCK, ORDER

PAGE = 100  # Orders; Square allows 1,000.
LOCATIONS = 10  # Of one search for orders, Square's limit.
PER_SECOND = 5.0  # Square names no figure; a till's own requests must not suffer.


def pages_of(entry: SquareAccount, secret: Open) -> Pages:
    """Return how this seller is polled: at the locations that the account maps."""
    assert entry.api is not None, "the model asks for it"
    headers = {
        "Authorization": f"Bearer {secret(entry.api.token)}",
        "Square-Version": entry.api.version,
        "Content-Type": "application/json",
    }
    http = Http(headers, rate_per_second=PER_SECOND)
    return partial(_pages, http, f"{entry.api.base_url}/v2", tuple(entry.locations))


async def _pages(
    http: Http, url: str, locations: Sequence[str], window: Window
) -> AsyncIterator[list[Polled]]:
    since, until = rfc3339_seconds(window.since), rfc3339_seconds(window.until + 999)
    changed = {"date_time_filter": {"updated_at": {"start_at": since, "end_at": until}}}
    order = {"sort_field": "UPDATED_AT", "sort_order": "ASC"}
    for some in (locations[begin : begin + LOCATIONS] for begin in range(0, len(locations), LOCATIONS)):
        search = {"location_ids": some, "query": {"filter": changed, "sort": order}, "limit": PAGE}
        async for answer in _asked(http, f"{url}/orders/search", search):
            yield [Polled(ORDER, {ORDER: one}) for one in entries_of(answer, "orders")]
    counts = {"location_ids": list(locations), "updated_after": since, "states": [IN_STOCK]}
    async for answer in _asked(http, f"{url}/inventory/counts/batch-retrieve", counts):
        found = entries_of(answer, "counts")
        yield (
            [Polled("", {"type": COUNTED, "data": {"object": {"inventory_counts": found}}})] if found else []
        )


async def _asked(http: Http, url: str, question: dict[str, Any]) -> AsyncIterator[Any]:
    """Yield the answers to a search, one for each page."""
    cursor: str | None = None
    while True:
        content = json.dumps(question | ({"cursor": cursor} if cursor else {})).encode()
        answer = await http.request("POST", url, content=content)
        require_success(answer, time.time())
        body = object_of(answer)
        yield body
        cursor = body.get("cursor")
        if not cursor:
            return
