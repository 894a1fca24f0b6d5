"""The HTTP client of the sink: one POST a batch, with time-outs and a bound on what it reads."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import httpx

from connectors.http_sink.translate import idempotency_key, payload, results_of
from connectors.protocols import Availability, ChannelUnavailable, ItemResult

CONNECT_TIMEOUT_SECONDS = 5.0
ANSWER_TIMEOUT_SECONDS = 30.0  # Between two signs of life; shops write hundreds of items in one request.
REQUEST_TIMEOUT_SECONDS = 60.0  # For the whole of it: a channel that drips must not hold up a rebalance.
ANSWER_MAX_BYTES = 1_048_576  # Room for the verdicts on 10,000 items; an error page needs far less.


class HttpSink:
    """
    Posts batches as JSON to a URL; translate.py says what goes out and what comes back.

    headers are sent with each request, for credentials. Redirects are not followed: a POST that is redirected
    is a mistake in the set-up.
    """

    def __init__(
        self,
        channel_id: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._channel_id = channel_id
        self._url = url
        self._client = httpx.AsyncClient(
            headers={"Content-Type": "application/json", "User-Agent": "onhand", **(headers or {})},
            timeout=httpx.Timeout(answer_timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
            follow_redirects=False,
        )

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Post one batch, see Sink."""
        body = payload(batch)
        key = idempotency_key(self._channel_id, body)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                status, headers, answer = await self._post(body, key)
        except (httpx.HTTPError, TimeoutError) as error:
            raise ChannelUnavailable(f"{type(error).__name__}: {error}") from error
        return results_of(status, headers, answer, batch, time.time())

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()

    async def _post(self, body: bytes, key: str) -> tuple[int, httpx.Headers, bytes]:
        request = self._client.build_request(
            "POST", self._url, content=body, headers={"Idempotency-Key": key}
        )
        response = await self._client.send(request, stream=True)
        try:
            answer = bytearray()
            async for part in response.aiter_bytes():
                answer += part
                if len(answer) > ANSWER_MAX_BYTES:
                    break
            return response.status_code, response.headers, bytes(answer)
        finally:
            await response.aclose()
