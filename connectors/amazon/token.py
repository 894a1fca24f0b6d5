"""Login with Amazon: a refresh token, which lasts, for access tokens, which last an hour."""

import time
from collections.abc import Callable
from urllib.parse import urlencode

from connectors.egress.answers import object_of, require_success
from connectors.egress.http import Http
from connectors.protocols import ChannelUnavailable

EARLY_SECONDS = 60.0  # A token that ends while a request is on its way is no use.
LIFE_SECONDS = 3_600.0  # If the answer does not say it.


class AccessToken:
    """The access token of one account, renewed in time. Its clock is in monotonic seconds."""

    def __init__(
        self,
        http: Http,
        url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._url = url
        self._credentials = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._clock = clock
        self._token = ""
        self._renew_at = 0.0

    async def get(self) -> str:
        """Return a token that is good for a while. Raises ChannelUnavailable."""
        if not self._token or self._clock() >= self._renew_at:
            await self._renew()
        return self._token

    def forget(self) -> None:
        """Take the token for no longer valid, whatever its life was said to be."""
        self._token = ""

    async def _renew(self) -> None:
        answer = await self._http.request(
            "POST",
            self._url,
            content=urlencode(self._credentials).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        require_success(answer, time.time())
        body = object_of(answer)
        token, life = body.get("access_token"), body.get("expires_in", LIFE_SECONDS)
        if not isinstance(token, str) or not isinstance(life, int | float):
            raise ChannelUnavailable("Login with Amazon answered without an access token")
        self._token, self._renew_at = token, self._clock() + max(0.0, life - EARLY_SECONDS)
