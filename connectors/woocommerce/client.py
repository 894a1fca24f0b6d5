"""The client of WooCommerce's REST API: batches of products and variations, and what the shop shows."""

import time
from collections.abc import Mapping, Sequence

from connectors.egress.answers import Answer, json_of, require_success
from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.egress.mapped import Write, slices, write_parts
from connectors.protocols import ItemResult
from connectors.woocommerce.outgoing import (
    by_parent,
    collection,
    figures_of,
    found_of,
    payload,
    product_of,
    results_of,
)

ITEMS_PER_REQUEST = 100  # WooCommerce's limit of a batch and of a page.
NAMES_PER_SEARCH = 50  # They are part of the address, which servers cut at some thousand characters.

FIELDS = "id,sku,type,parent_id,manage_stock,stock_quantity"  # Of products, whose descriptions are long.


class WooCommerceApi:
    """
    One shop, see ItemApi.

    Simple products go in one batch, the variations of each product in one of their own: that is how WooCommerce
    takes them. Of a batch with n variable products up to n + 1 requests become; rate_per_second spaces them.
    """

    def __init__(
        self,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        *,
        rate_per_second: float | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._base_url = f"{base_url.rstrip('/')}/wp-json/wc/v3"
        self._http = Http(
            {"Content-Type": "application/json"},
            auth=(consumer_key, consumer_secret),
            rate_per_second=rate_per_second,
            answer_timeout_seconds=answer_timeout_seconds,
        )

    async def find(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return products and variations by SKU; a SKU with a comma can't be searched for."""
        found: dict[str, Sequence[str]] = {}
        for some in slices([name for name in names if "," not in name], NAMES_PER_SEARCH):
            query: dict[str, str | int] = {
                "sku": ",".join(some),
                "per_page": ITEMS_PER_REQUEST,
                "_fields": FIELDS,
            }
            answer = await self._get("products", query)
            found |= found_of(answer)
        return found

    async def write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Write quantities, one request for each product that has variations and one for all others."""
        of_identifier = {write.identifier: write for write in writes}
        parts = [
            some
            for family in by_parent(list(of_identifier)).values()
            for some in slices([of_identifier[one] for one in family], ITEMS_PER_REQUEST)
        ]
        results = await write_parts(parts, self._batch)
        return [results[write.identifier] for write in writes]

    async def read(self, identifiers: Sequence[str]) -> Mapping[str, int]:
        """Return the quantities of products whose stock the shop manages."""
        found: dict[str, int] = {}
        for parent, family in by_parent(identifiers).items():
            for some in slices(family, ITEMS_PER_REQUEST):
                numbers = ",".join(product_of(one).number for one in some)
                query: dict[str, str | int] = {
                    "include": numbers,
                    "per_page": ITEMS_PER_REQUEST,
                    "_fields": FIELDS,
                }
                found |= figures_of(await self._get(collection(parent), query), parent)
        return found

    async def check(self) -> None:
        """Ask for a product, which a key with read access may see. Raises ChannelUnavailable."""
        json_of(await self._get("products", {"per_page": 1}))

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _batch(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Write one batch, all of one parent or of none."""
        parent = product_of(writes[0].identifier).parent
        url = f"{self._base_url}/{collection(parent)}/batch"
        answer = await self._http.request("PUT", url, content=payload(writes))
        require_success(answer, time.time())
        return results_of(answer, writes)

    async def _get(self, path: str, query: Mapping[str, str | int]) -> Answer:
        answer = await self._http.request("GET", f"{self._base_url}/{path}", params=query)
        require_success(answer, time.time())
        return answer
