"""The client of Square's API: physical counts out in batches, and what Square counts."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from connectors.egress.answers import object_of, require_success
from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.egress.mapped import Write, slices, write_parts
from connectors.protocols import ChannelUnavailable, ItemResult
from connectors.square.outgoing import (
    changes,
    counts_query,
    cursor_of,
    figures_of,
    found_of,
    payload,
    results_of,
    search,
)

CHANGES_PER_REQUEST = 100  # Square's limit of BatchChangeInventory.
NAMES_PER_SEARCH = 250  # Square's limit of a set query.
IDENTIFIERS_PER_QUESTION = 500  # Half of Square's limit, whose answers come in pages anyway.


class SquareApi:
    """One seller and one of the seller's locations, see ItemApi."""

    def __init__(
        self,
        base_url: str,
        token: str,
        location: str,
        *,
        version: str = "2026-01-22",
        rate_per_second: float | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._base_url = f"{base_url.rstrip('/')}/v2"
        self._location = location
        headers = {"Content-Type": "application/json", "Square-Version": version}
        self._http = Http(
            headers | {"Authorization": f"Bearer {token}"},
            rate_per_second=rate_per_second,
            answer_timeout_seconds=answer_timeout_seconds,
        )

    async def find(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return item variations by SKU."""
        found: dict[str, list[str]] = {}
        for some in slices(names, NAMES_PER_SEARCH):
            cursor = None
            while True:
                body = await self._ask("catalog/search", search(some, cursor))
                for sku, identifiers in found_of(body).items():
                    found.setdefault(sku, []).extend(identifiers)
                if (cursor := cursor_of(body)) is None:
                    break
        return found

    async def write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Count what there is to sell."""
        results = await write_parts(slices(writes, CHANGES_PER_REQUEST), self._count)
        return [results[write.identifier] for write in writes]

    async def read(self, identifiers: Sequence[str]) -> Mapping[str, int]:
        """Return what Square counts at the location; of what was never counted there it says nothing."""
        found: dict[str, int] = {}
        for some in slices(identifiers, IDENTIFIERS_PER_QUESTION):
            cursor = None
            while True:
                body = await self._ask(
                    "inventory/counts/batch-retrieve", counts_query(some, self._location, cursor)
                )
                found |= figures_of(body)
                if (cursor := cursor_of(body)) is None:
                    break
        return found

    async def check(self) -> None:
        """Ask for the location. Raises ChannelUnavailable, also if there is none."""
        answer = await self._http.request("GET", f"{self._base_url}/locations/{self._location}")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ChannelUnavailable(f"the seller has no location {self._location}")
        require_success(answer, time.time())

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _count(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        now = time.time()
        url = f"{self._base_url}/inventory/changes/batch-create"
        content = payload(changes(writes, self._location, now))
        answer = await self._http.request("POST", url, content=content)
        return results_of(answer, writes, now)

    async def _ask(self, path: str, content: bytes) -> Mapping[str, Any]:
        answer = await self._http.request("POST", f"{self._base_url}/{path}", content=content)
        require_success(answer, time.time())
        return object_of(answer)
