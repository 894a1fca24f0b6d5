"""One SKU at a time: what a checkout asks of the stock agent."""

import time
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from connectors.reservations.client import ReservationClient
from connectors.reservations.errors import InvalidRequest, Refused
from connectors.reservations.translate import Answer
from streams.domain import hold_requests
from streams.domain.errors import EventRefused
from streams.domain.hold_requests import ConfirmHold, PlaceHold, ReleaseHold, Request
from streams.domain.sku import InvalidSku, normalise_sku
from streams.settings import Settings

SOURCE_ID = "reservations"
HOLD_SECONDS = 15 * 60.0  # What shops give a checkout to pay.
ANSWER_SECONDS = 15.0  # An answer takes 10 ms; when a worker dies and another takes over, up to 12 s.
MILLISECONDS_PER_SECOND = 1_000

AnyRequest = TypeVar("AnyRequest", bound=Request)


class Holds:
    """Holds of single SKUs; a context that is connected while it lasts."""

    def __init__(
        self,
        settings: Settings,
        *,
        owner: str,
        source_id: str = SOURCE_ID,
        timeout_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._bootstrap_servers = settings.bootstrap_servers
        self._owner = owner
        self._source_id = source_id
        self._timeout_seconds = timeout_seconds
        self._opened: ReservationClient | None = None

    async def __aenter__(self) -> Self:
        self._opened = await ReservationClient.open(self._bootstrap_servers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def hold(
        self,
        sku: str,
        quantity: int,
        *,
        channel_id: str | None = None,
        expires_in_seconds: float = HOLD_SECONDS,
        location_id: str | None = None,
        hold_id: str | None = None,
    ) -> Answer:
        """
        Hold units of a SKU: without a location, where the channel has most available, as the answer tells.

        The answer's hold_id is what to name from now on. A hold_id of one's own, such as the checkout's, makes
        the call repeatable: asked again by the same owner it changes the hold and never holds twice.
        """
        return await self._hold_until(
            in_seconds(expires_in_seconds), sku, quantity, hold_id or new_id(), channel_id, location_id
        )

    async def change(
        self,
        sku: str,
        hold_id: str,
        quantity: int,
        *,
        expires_in_seconds: float = HOLD_SECONDS,
        location_id: str | None = None,
    ) -> Answer:
        """Change how many units a hold holds, and until when; if that is refused, it stays as it is."""
        return await self._hold_until(
            in_seconds(expires_in_seconds), sku, quantity, hold_id, None, location_id
        )

    async def confirm(self, sku: str, hold_id: str, order_id: str, *, quantity: int | None = None) -> Answer:
        """
        Reserve a hold's units for an order, all of them or so many; what is left is given back.

        An active hold is never refused its own units; one that has expired asks again like anybody else.
        """
        request = self._request(
            ConfirmHold, sku, hold_id, quantity=0 if quantity is None else quantity, order_id=order_id
        )
        return await self._granted(request)

    async def release(self, sku: str, hold_id: str) -> Answer:
        """Give all of a hold's units back; granted also when it has expired, refused once it is confirmed."""
        return await self._granted(self._request(ReleaseHold, sku, hold_id))

    async def _hold_until(
        self,
        expires_at: int,
        sku: str,
        quantity: int,
        hold_id: str,
        channel_id: str | None = None,
        location_id: str | None = None,
    ) -> Answer:
        request = self._request(
            PlaceHold,
            sku,
            hold_id,
            quantity=quantity,
            channel_id=channel_id,
            location_id=location_id,
            expires_at=expires_at,
        )
        return await self._granted(request)

    async def _granted(self, request: Request) -> Answer:
        answer = await self._client.ask(request, self._timeout_seconds)
        if not answer.accepted:
            raise Refused(answer)
        return answer

    def _request(self, kind: type[AnyRequest], sku: str, hold_id: str, **fields: Any) -> AnyRequest:
        """Return a request under a new id, which the stock agent will answer. Raises InvalidRequest."""
        now = now_ms()
        try:
            values = {
                "event_id": new_id(),
                "source_id": self._source_id,
                "sku": normalise_sku(sku),
                "location_id": None,
                "channel_id": None,
                "quantity": 0,
                "occurred_at": now,
                "hold_id": hold_id,
                "owner": self._owner,
            }
            request = kind(**{**values, **fields})
            hold_requests.check(request, now)
        except (InvalidSku, EventRefused) as error:
            raise InvalidRequest(f"{error}.") from error
        return request

    @property
    def _client(self) -> ReservationClient:
        assert self._opened is not None, "reservations are asked for within `async with`"
        return self._opened


def new_id() -> str:
    """Return an id that nobody else has."""
    return uuid4().hex


def now_ms() -> int:
    """Return UTC milliseconds."""
    return time.time_ns() // 1_000_000


def in_seconds(seconds: float) -> int:
    """Return the moment so many seconds from now, UTC milliseconds."""
    return now_ms() + round(seconds * MILLISECONDS_PER_SECOND)
