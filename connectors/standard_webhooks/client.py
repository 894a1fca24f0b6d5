"""The client that sends signed messages: one POST a batch, answered as the HTTP sink's README says."""

import time
from collections.abc import Sequence

from connectors.egress.http import ANSWER_TIMEOUT_SECONDS, Http
from connectors.http_sink.translate import results_of
from connectors.protocols import Availability, ItemResult
from connectors.standard_webhooks.outgoing import payload, signed


class WebhookSink:
    """
    Sends batches to a URL, signed with each of the secrets.

    Raises signature.InvalidSecret for a secret that can't sign, when it is made and not with the first message.
    """

    def __init__(
        self,
        channel_id: str,
        url: str,
        secrets: Sequence[str],
        *,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        signed(secrets, b"", 0)
        self._channel_id = channel_id
        self._url = url
        self._secrets = tuple(secrets)
        self._http = Http({"Content-Type": "application/json"}, answer_timeout_seconds=answer_timeout_seconds)

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Send one batch, see Sink."""
        body, now = payload(self._channel_id, batch), time.time()
        headers = signed(self._secrets, body, int(now))
        answer = await self._http.request("POST", self._url, content=body, headers=headers)
        return results_of(*answer, batch, now)

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()
