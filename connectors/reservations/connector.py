"""Reservations wired up: single SKUs, and carts of several as a saga that always ends (semantics 1)."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from connectors.reservations.errors import InvalidRequest, Refused, ReservationError
from connectors.reservations.holds import HOLD_SECONDS, Holds, in_seconds, new_id, now_ms
from connectors.reservations.translate import Answer, Cart, CartLine, cancellation, summed
from streams.domain.hold_requests import ReleaseHold

log = structlog.get_logger(__name__)


class Reservations(Holds):
    """
    Holds units for checkouts, over one connection for any number of requests at a time.

    owner is who holds: only the same owner may change, confirm or release. source_id names the system that asks.
    Whatever is granted is returned as an Answer. Every method raises a ReservationError: Refused with the reason, or
    Unanswered after timeout_seconds. A hold whose caller is gone ends by itself at its time.

    The holds of a cart have one hold_id, the cart's: a hold is known by SKU and id. Carts that want the same SKUs
    ask in the same order, so that of two that can't both be had one is.
    """

    async def hold_cart(
        self,
        lines: Iterable[CartLine | tuple[str, int]],
        *,
        channel_id: str | None = None,
        expires_in_seconds: float = HOLD_SECONDS,
        cart_id: str | None = None,
        location_id: str | None = None,
    ) -> Cart:
        """
        Hold every line of a cart, or nothing of it: raises the error of the first SKU that can't be had.

        Lines of one SKU are summed; without a location each is held where the channel has most of it. What was held
        before the error is given back when this returns; of a caller that dies meanwhile, it ends at its time.
        """
        cart_id, expires_at = cart_id or new_id(), in_seconds(expires_in_seconds)
        asked: list[str] = []
        held: list[Answer] = []
        try:
            for sku, quantity in _summed(lines):
                asked.append(sku)
                held.append(
                    await self._hold_until(expires_at, sku, quantity, cart_id, channel_id, location_id)
                )
        except ReservationError:
            await self._give_back(cart_id, asked)
            raise
        except asyncio.CancelledError:
            await self._abandon(cart_id, asked)
            raise
        return Cart(cart_id, tuple(held))

    async def confirm_cart(self, cart: Cart, order_id: str) -> Cart:
        """
        Reserve all that a cart holds for an order, or nothing of it; return the cart as it is then.

        Refused, as after its time when another has taken the units: what was reserved already is cancelled, the
        rest given back, and the cart is over. Unanswered: call it again, which reserves nothing twice.
        """
        asked = (self.confirm(held.sku, cart.cart_id, order_id) for held in cart.holds)
        found = await asyncio.gather(*asked, return_exceptions=True)
        confirmed = [one for one in found if isinstance(one, Answer)]
        if any(isinstance(one, Refused) for one in found):
            await self._undo(cart, order_id, confirmed)
        _raise_worst(found)
        return Cart(cart.cart_id, tuple(confirmed))

    async def release_cart(self, cart: Cart) -> None:
        """Give back all that a cart holds; raises the first error when every SKU has been asked for."""
        _raise_worst(await self._give_back(cart.cart_id, [held.sku for held in cart.holds]))

    async def _undo(self, cart: Cart, order_id: str, confirmed: Sequence[Answer]) -> None:
        """Cancel what was reserved, and give the rest back."""
        done = {answer.sku for answer in confirmed}
        for answer in confirmed:
            await self._client.store("OrderCancelled", cancellation(answer, order_id, now_ms()))
        await self._give_back(cart.cart_id, [held.sku for held in cart.holds if held.sku not in done])

    async def _give_back(self, cart_id: str, skus: Iterable[str]) -> list[Answer | BaseException]:
        """Release the holds of a cart; one that was never granted is refused that, which is no matter."""
        asked = (self.release(sku, cart_id) for sku in skus)
        found = await asyncio.gather(*asked, return_exceptions=True)
        for error in found:
            if isinstance(error, ReservationError) and not isinstance(error, Refused):
                log.warning("not released, ends at its time", cart_id=cart_id, error=str(error))
        return found

    async def _abandon(self, cart_id: str, skus: Iterable[str]) -> None:
        """Ask for the release of a cart's holds without waiting: the caller does not wait either."""
        for sku in skus:
            request = self._request(ReleaseHold, sku, cart_id)
            await self._client.tell(type(request).__name__, request._asdict())


def _summed(lines: Iterable[CartLine | tuple[str, int]]) -> list[CartLine]:
    """Return a cart's lines by SKU. Raises InvalidRequest for a cart that can't be meant."""
    try:
        found = summed(lines)
    except ValueError as error:
        raise InvalidRequest(f"{error}.") from error
    if not found:
        raise InvalidRequest("A cart has at least one line.")
    return found


def _raise_worst(found: Sequence[Answer | BaseException]) -> None:
    """Raise the first refusal, else the first other error, if there is any."""
    errors = [one for one in found if isinstance(one, BaseException)]
    for error in sorted(errors, key=lambda one: not isinstance(one, Refused)):
        raise error
