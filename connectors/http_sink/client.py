"""The HTTP client of the sink: one POST a batch."""

import time
from collections.abc import Mapping, Sequence

from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.http_sink.translate import idempotency_key, payload, results_of
from connectors.protocols import Availability, ItemResult


class HttpSink:
    """
    Posts batches as JSON to a URL; translate.py says what goes out and what comes back.

    headers are sent with each request, for credentials.
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
        self._http = Http(
            {"Content-Type": "application/json", **(headers or {})},
            answer_timeout_seconds=answer_timeout_seconds,
        )

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Post one batch, see Sink."""
        body = payload(batch)
        key = idempotency_key(self._channel_id, body)
        answer = await self._http.request("POST", self._url, content=body, headers={"Idempotency-Key": key})
        return results_of(*answer, batch, time.time())

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()
