"""The client of Amazon's Selling Partner API: feeds whose reports are waited for, patches, and listings read back."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from connectors.amazon.outgoing import (
    CONTENT_TYPE,
    DONE,
    FEED_TYPE,
    IN_PROGRESS,
    IN_QUEUE,
    Key,
    feed,
    key_of,
    listing_path,
    patch,
    patch_result,
    quantities_of,
    report_of,
    results_of,
)
from connectors.amazon.token import AccessToken
from connectors.egress.answers import Answer, object_of, require_success
from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.egress.mapped import Write, slices, write_parts
from connectors.egress.pace import TokenBucket
from connectors.protocols import ChannelUnavailable, ItemResult, Verdict

FEEDS_PER_SECOND = 0.0083  # Amazon's rate of createFeed: one in two minutes,
FEEDS_BURST = 15.0  # after so many at once.
PATCHES_MAX = 5  # Amazon takes 5 patches a second: so few are quicker than a feed, which takes minutes.
POLL_SECONDS = 15.0  # A feed takes minutes; getFeed is allowed twice a second.
PATIENCE_SECONDS = 20.0  # Longer, and a rebalance would wait for it.
LISTINGS_PER_REQUEST = 20  # Amazon's limit of identifiers in one search.

FEEDS, DOCUMENTS = "/feeds/2021-06-30/feeds", "/feeds/2021-06-30/documents"


@dataclass(frozen=True, slots=True)
class AmazonCredentials:
    """Where an account is asked, and as whom: endpoint, Login with Amazon, seller and marketplace."""

    base_url: str
    token_url: str
    client_id: str
    client_secret: str
    refresh_token: str
    seller_id: str
    marketplace_id: str


class Pending(NamedTuple):
    """A feed that is at work."""

    feed_id: str
    writes: tuple[Write, ...]


class AmazonApi:
    """
    The listings of one seller in one marketplace, see ItemApi.

    Up to patches_max figures are patched one by one; more go in a feed. A feed takes minutes, far longer than a
    batch may be under way: until its report is there, `write` says that the channel asks for patience, and whoever asks
    next gets the results. No other figure is written meanwhile, so that none overtakes an older one. A feed that was
    at work when a process died is sent again.
    """

    def __init__(
        self,
        credentials: AmazonCredentials,
        *,
        patches_max: int = PATCHES_MAX,
        poll_seconds: float = POLL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._given = credentials
        self._patches_max = patches_max
        self._poll_seconds = poll_seconds
        self._patience_seconds = patience_seconds
        self._http = Http(answer_timeout_seconds=answer_timeout_seconds)
        self._token = AccessToken(
            self._http,
            credentials.token_url,
            credentials.client_id,
            credentials.client_secret,
            credentials.refresh_token,
        )
        self._feeds = TokenBucket(FEEDS_PER_SECOND, time.monotonic, FEEDS_BURST)
        self._pending: Pending | None = None

    async def find(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return names as they are: a listing is known by the seller's own SKU."""
        return {name: (name,) for name in names}

    async def write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Write by patches or by a feed; what is not part of a feed that was at work already is unsent."""
        if self._pending is None and len(writes) <= self._patches_max:
            patched = await write_parts(slices(writes, 1), self._patch)
            return [patched[write.identifier] for write in writes]
        if self._pending is None:
            self._pending = await self._submit(writes)
        results = await self._settled(self._pending)
        self._pending = None
        unsent = ItemResult(Verdict.UNSENT)
        return [results.get(key_of(write), unsent) for write in writes]

    async def read(self, identifiers: Sequence[str]) -> Mapping[str, int]:
        """Return the quantities of listings; a SKU with a comma can't be asked for."""
        found: dict[str, int] = {}
        for some in slices([one for one in identifiers if "," not in one], LISTINGS_PER_REQUEST):
            asked: dict[str, str | int] = {
                "identifiers": ",".join(some),
                "identifiersType": "SKU",
                "pageSize": len(some),
            }
            found |= quantities_of(await self._listings(asked))
        return found

    async def check(self) -> None:
        """Ask for one listing. Raises ChannelUnavailable."""
        await self._listings({"pageSize": 1})

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _patch(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        (write,) = writes
        path = listing_path(self._given.seller_id, write.identifier)
        answer = await self._ask(
            "PATCH", path, content=patch(write), params={"marketplaceIds": self._given.marketplace_id}
        )
        return [patch_result(answer, time.time())]

    async def _submit(self, writes: Sequence[Write]) -> Pending:
        """Upload a document and make a feed of it."""
        wait = self._feeds.wait_seconds()
        if wait:
            raise ChannelUnavailable(
                "waiting for Amazon's budget of feeds", retry_after_seconds=wait, throttled=True
            )
        document = await self._object("POST", DOCUMENTS, {"contentType": CONTENT_TYPE})
        content = feed(self._given.seller_id, writes)
        headers = {"Content-Type": CONTENT_TYPE}
        uploaded = await self._http.request("PUT", _text(document, "url"), content=content, headers=headers)
        require_success(uploaded, time.time())
        self._feeds.take()
        given = {
            "feedType": FEED_TYPE,
            "marketplaceIds": [self._given.marketplace_id],
            "inputFeedDocumentId": _text(document, "feedDocumentId"),
        }
        return Pending(_text(await self._object("POST", FEEDS, given), "feedId"), tuple(writes))

    async def _settled(self, pending: Pending) -> Mapping[Key, ItemResult]:
        """Wait for a feed's report, for a while. Raises ChannelUnavailable, throttled while it is at work."""
        given_up_at = time.monotonic() + self._patience_seconds
        while True:
            told = await self._object("GET", f"{FEEDS}/{pending.feed_id}")
            status = str(told.get("processingStatus"))
            if status not in {IN_QUEUE, IN_PROGRESS}:
                break
            if time.monotonic() + self._poll_seconds > given_up_at:
                raise ChannelUnavailable(
                    f"feed {pending.feed_id} is {status}",
                    retry_after_seconds=self._poll_seconds,
                    throttled=True,
                )
            await asyncio.sleep(self._poll_seconds)
        if status != DONE or not told.get("resultFeedDocumentId"):
            failed = ItemResult(Verdict.FAILED, f"feed {pending.feed_id} ended {status}, without a report")
            return {key_of(write): failed for write in pending.writes}
        return results_of(await self._report(_text(told, "resultFeedDocumentId")), pending.writes)

    async def _report(self, document_id: str) -> Mapping[str, Any]:
        document = await self._object("GET", f"{DOCUMENTS}/{document_id}")
        answer = await self._http.request("GET", _text(document, "url"))
        require_success(answer, time.time())
        return report_of(answer.body, document.get("compressionAlgorithm"))

    async def _listings(self, asked: Mapping[str, str | int]) -> Mapping[str, Any]:
        params = {"marketplaceIds": self._given.marketplace_id, "includedData": "fulfillmentAvailability"}
        answer = await self._ask("GET", listing_path(self._given.seller_id), params=params | dict(asked))
        require_success(answer, time.time())
        return object_of(answer)

    async def _object(
        self, method: str, path: str, given: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Ask for a JSON object. Raises ChannelUnavailable."""
        content = None if given is None else json.dumps(given).encode()
        answer = await self._ask(method, path, content=content)
        require_success(answer, time.time())
        return object_of(answer)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Ask with an access token, and once more with a new one if that one was not good any more."""
        url = f"{self._given.base_url.rstrip('/')}{path}"
        for is_last in (False, True):
            headers = {"x-amz-access-token": await self._token.get(), "Content-Type": "application/json"}
            answer = await self._http.request(method, url, content=content, headers=headers, params=params)
            if is_last or answer.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                break
            self._token.forget()
        return answer


def _text(body: Mapping[str, Any], name: str) -> str:
    """Return a field of an answer. Raises ChannelUnavailable."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ChannelUnavailable(f"Amazon answered without {name}")
    return value
