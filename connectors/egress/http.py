"""One request to a channel's API: time-outs, a bound on what is read, a budget; nothing of what an answer means."""

import asyncio
import time
from collections.abc import Mapping

import httpx

from connectors.egress.answers import Answer
from connectors.egress.pace import TokenBucket
from connectors.protocols import ChannelUnavailable

CONNECT_TIMEOUT_SECONDS = 5.0
ANSWER_TIMEOUT_SECONDS = 30.0  # Between two signs of life; shops write hundreds of items in one request.
REQUEST_TIMEOUT_SECONDS = 60.0  # For the whole of it: a channel that drips must not hold up a rebalance.
ANSWER_MAX_BYTES = 16_777_216  # 100 products of WooCommerce with long descriptions and many pictures.
PACE_MAX_SECONDS = 10.0  # Longer waits are left to the delivery, which can do other things meanwhile.


class Http:
    """
    An HTTP client for one account at a channel.

    Redirects are not followed: a write that is redirected is a mistake in the set-up. rate_per_second spaces the
    requests of one batch, where a batch takes several.
    """

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        *,
        auth: tuple[str, str] | None = None,
        rate_per_second: float | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._bucket = TokenBucket(rate_per_second, time.monotonic)
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "onhand", **(headers or {})},
            auth=auth,
            timeout=httpx.Timeout(answer_timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
            follow_redirects=False,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Ask once, and return what was answered, whatever its status. Raises ChannelUnavailable without an answer."""
        await self._pace()
        request = self._client.build_request(method, url, content=content, headers=headers, params=params)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                return await self._answer(request)
        except (httpx.HTTPError, TimeoutError) as error:
            raise ChannelUnavailable(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()

    async def _pace(self) -> None:
        wait = self._bucket.wait_seconds()
        if wait > PACE_MAX_SECONDS:
            raise ChannelUnavailable(
                "the budget of requests is used up", retry_after_seconds=wait, throttled=True
            )
        if wait:
            await asyncio.sleep(wait)
        self._bucket.take()

    async def _answer(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > ANSWER_MAX_BYTES:
                    break
            return Answer(response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()
