"""
Orders for bundles: promises that every component has to make (semantics 1 and 3).

An order for a bundle is asked of all its components at once, each of which reserves its units or refuses, as of any
order. It is accepted when all of them have; when one has refused, the others' parts are cancelled. Nothing waits for
a clock: each question is answered exactly once, so every order is decided, whoever fails meanwhile. Until then its
components are reserved, and what each of them has promised was available.

What an order consists of is remembered while any of it is open: it is shipped and cancelled as it was promised,
whatever the bundle consists of by then.
"""

from typing import NamedTuple

from streams.domain.catalogue import BundleComponent
from streams.domain.events import OrderCancelled, OrderPlaced, OrderShipped

OrderEvent = OrderPlaced | OrderShipped | OrderCancelled
SIGNS: dict[type[OrderEvent], int] = {OrderPlaced: 1, OrderShipped: -1, OrderCancelled: -1}
"""What one unit of an event does to what is open of its order."""


class AskedOrder(NamedTuple):
    """
    An order that waits for its components' answers; waiting and accepted are SKUs.

    value is the OrderPlaced as it stands in its topic; reason is why some component has refused.
    """

    value: bytes
    waiting: tuple[str, ...]
    accepted: tuple[str, ...] = ()
    reason: str | None = None


class BundleOrder(NamedTuple):
    """
    What is open of an order for a bundle at one location, in the order of its schema.

    units are bundles ordered less those shipped and cancelled since.
    """

    order_id: str
    location_id: str
    components: tuple[BundleComponent, ...]
    units: int = 0
    asked: tuple[AskedOrder, ...] = ()

    @property
    def settled(self) -> bool:
        """True when nothing is open any more and the order may be forgotten."""
        return self.units <= 0 and not self.asked


def counted(order: BundleOrder, event: OrderEvent) -> BundleOrder:
    """Return an order with an event counted in."""
    return order._replace(units=order.units + SIGNS[type(event)] * event.quantity)


def asking(order: BundleOrder, value: bytes) -> BundleOrder:
    """Return an order that waits for the answers of all its components."""
    waiting = tuple(component.sku for component in order.components)
    return order._replace(asked=(*order.asked, AskedOrder(value, waiting)))


def answered(asked: AskedOrder, sku: str, reason: str | None) -> AskedOrder:
    """Return a question with a component's answer, which is reason None when it has accepted."""
    assert sku in asked.waiting, "a component answers once"
    waiting = tuple(name for name in asked.waiting if name != sku)
    if reason is None:
        return asked._replace(waiting=waiting, accepted=(*asked.accepted, sku))
    return asked._replace(waiting=waiting, reason=asked.reason or reason)


def with_answer(order: BundleOrder, before: AskedOrder, after: AskedOrder) -> BundleOrder:
    """Return an order with a question as it stands now; one that everyone has answered is asked no more."""
    asked = (after if one == before else one for one in order.asked)
    return order._replace(asked=tuple(one for one in asked if one.waiting))
