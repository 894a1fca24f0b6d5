"""The client of Shopify's GraphQL Admin API: figures out by compare-and-set, and what the shop shows."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.egress.answers import Answer, object_of
from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.egress.keys import Keys
from connectors.egress.mapped import Write, slices, write_parts
from connectors.protocols import BatchRefused, ChannelUnavailable, ItemResult, Verdict
from connectors.shopify.budget import PointBudget, cost_of
from connectors.shopify.outgoing import (
    CHECK,
    FIND,
    ITEM,
    LEVELS,
    LOCATION,
    SET,
    Conflict,
    Page,
    body_of,
    data_of,
    levels_of,
    outcomes_of,
    page_of,
    quantities,
    search_of,
)

ROUNDS = 4  # A figure that changed under each of these is sold by the second; it gets its own backoff.
ITEMS_PER_QUERY = 250  # Shopify's limit of `nodes`, and of quantities in one mutation.
PATIENCE_SECONDS = (
    2.0  # A batch takes several queries; starting it anew for want of a few points would never end.
)
NAMES_PER_SEARCH = 50  # Keeps a search's text and its cost well below the limits.

NOT_STOCKED = "Shopify does not stock this item at the location, or does not track it"
BUSY = "the figure changed at the channel each time before it was written"


class ShopifyApi:
    """
    One shop and one of its locations, see ItemApi.

    Each write says which figure it replaces: the one that was written or read last. If the shop has another by now,
    as after a sale, nothing is written; that figure is read and the write tried again, up to ROUNDS times. location is
    the number of the location, without gid.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        location: str,
        *,
        version: str = "2026-04",
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/admin/api/{version}/graphql.json"
        self._location = location.removeprefix(LOCATION)
        self._budget = PointBudget(time.monotonic)
        self._keys = Keys()
        self._known: dict[str, int] = {}
        self._http = Http(
            {"Content-Type": "application/json", "X-Shopify-Access-Token": token},
            answer_timeout_seconds=answer_timeout_seconds,
        )

    async def find(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the inventory items of variants by their SKU."""
        found: dict[str, list[str]] = {}
        for some in slices(names, NAMES_PER_SEARCH):
            page = Page({}, None)
            while True:
                variables = {"query": search_of(some), "after": page.after}
                page = page_of(await self._ask("find", FIND, variables))
                for sku, identifiers in page.found.items():
                    found.setdefault(sku, []).extend(identifiers)
                if page.after is None:
                    break
        return found

    async def write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Set what is available, each figure in place of the one that is there."""
        results = await write_parts(slices(writes, ITEMS_PER_QUERY), self._write)
        return [results[write.identifier] for write in writes]

    async def read(self, identifiers: Sequence[str]) -> Mapping[str, int]:
        """Return what is available of items at the location."""
        found: dict[str, int] = {}
        for some in slices(identifiers, ITEMS_PER_QUERY):
            variables = {"ids": [ITEM + one for one in some], "location": LOCATION + self._location}
            found |= levels_of(await self._ask("levels", LEVELS, variables))
        self._known |= found
        return found

    async def check(self) -> None:
        """Ask for the location. Raises ChannelUnavailable, also if there is none."""
        data = await self._ask("check", CHECK, {"location": LOCATION + self._location})
        if data.get("location") is None:
            raise ChannelUnavailable(
                f"the shop has no location {self._location}, or the token may not see it"
            )

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        results: dict[str, ItemResult] = {}
        left = list(writes)
        for _ in range(ROUNDS):
            results |= await self._compare(left)
            left = [write for write in left if write.identifier not in results]
            if not left:
                break
            results |= await self._set(left)
            left = [write for write in left if write.identifier not in results]
        busy = ItemResult(Verdict.FAILED, BUSY)
        return [results.get(write.identifier, busy) for write in writes]

    async def _compare(self, writes: Sequence[Write]) -> dict[str, ItemResult]:
        """Learn the figures that are to be replaced; return a refusal for items that have none."""
        unknown = [write.identifier for write in writes if write.identifier not in self._known]
        shown = await self.read(unknown) if unknown else {}
        return {one: ItemResult(Verdict.REFUSED, NOT_STOCKED) for one in unknown if one not in shown}

    async def _set(self, writes: Sequence[Write]) -> dict[str, ItemResult]:
        """Write once; return the final results, without those that are to be tried again."""
        variables: dict[str, Any] = {"input": quantities(writes, self._known, self._location)}
        variables["key"] = self._keys.key(body_of(SET, variables))
        try:
            outcomes = outcomes_of(await self._ask("set", SET, variables), writes)
        except BatchRefused:
            self._keys.answered()
            raise
        self._keys.answered()  # Without an answer the key stays: if it was written, the same again changes nothing.
        final = {}
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Conflict):
                del self._known[write.identifier]
            elif outcome.verdict is Verdict.DELIVERED:
                self._known[write.identifier] = write.quantity
            if not isinstance(outcome, Conflict) and outcome.verdict is not Verdict.UNSENT:
                final[write.identifier] = outcome
        return final

    async def _ask(self, operation: str, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask once there are points for it, and learn what it cost. Raises ChannelUnavailable."""
        wait = self._budget.wait_seconds(operation)
        if wait <= PATIENCE_SECONDS:
            await asyncio.sleep(wait)
        else:
            raise ChannelUnavailable(
                "waiting for points of Shopify's budget", retry_after_seconds=wait, throttled=True
            )
        answer = await self._http.request("POST", self._url, content=body_of(query, variables))
        self._learn(operation, answer)
        return data_of(answer, time.time())

    def _learn(self, operation: str, answer: Answer) -> None:
        if answer.successful and (cost := cost_of(object_of(answer))) is not None:
            self._budget.learn(operation, cost)
