"""The client of Adobe Commerce's REST API: source items out in batches, and what a source shows."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from connectors.adobe_commerce.outgoing import Page, criteria, page_of, payload, results_of
from connectors.egress.answers import object_of, require_success
from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.egress.mapped import Write, slices
from connectors.protocols import ChannelUnavailable, ItemResult

NAMES_PER_SEARCH = 50  # They are part of the address, which servers cut at some thousand characters.


class AdobeCommerceApi:
    """
    One shop and one of its inventory sources, see ItemApi.

    Adobe Commerce takes a quantity for any SKU, also for one that no product has. So an item is there only if the
    source already has it: nothing is written for others.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        source: str,
        *,
        rate_per_second: float | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._base_url = f"{base_url.rstrip('/')}/rest/all/V1/inventory"
        self._source = source
        self._http = Http(
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
            rate_per_second=rate_per_second,
            answer_timeout_seconds=answer_timeout_seconds,
        )

    async def find(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the SKUs that the source has, as they are: they are the items' identifiers."""
        return {name: (name,) for name in await self.read(names)}

    async def write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Write quantities in one request."""
        content = payload(writes, self._source)
        answer = await self._http.request("POST", f"{self._base_url}/source-items", content=content)
        return results_of(answer, writes, time.time())

    async def read(self, identifiers: Sequence[str]) -> Mapping[str, int]:
        """Return the source's quantities; a SKU with a comma can't be asked for."""
        found: dict[str, int] = {}
        for some in slices([one for one in identifiers if "," not in one], NAMES_PER_SEARCH):
            number, page = 0, Page({}, has_next=True)
            while page.has_next:
                number += 1
                page = await self._page(some, number)
                found |= page.quantities
        return found

    async def check(self) -> None:
        """Ask for the source. Raises ChannelUnavailable, also if there is none."""
        url = f"{self._base_url}/sources/{quote(self._source, safe='')}"
        answer = await self._http.request("GET", url)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ChannelUnavailable(f"the shop has no source {self._source}")
        require_success(answer, time.time())

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _page(self, names: Sequence[str], number: int) -> Page:
        query = criteria(names, self._source, number)
        answer = await self._http.request("GET", f"{self._base_url}/source-items", params=query)
        require_success(answer, time.time())
        return page_of(object_of(answer), number)
