"""The state of one SKU: frozen, whole units (semantics, words)."""

from typing import NamedTuple


class Level(NamedTuple):
    """Stock of a SKU at one location; counted_at is the as_of of the count it is based on, 0 without one."""

    location_id: str
    on_hand: int = 0
    unsellable: int = 0
    reserved: int = 0
    held: int = 0
    safety_stock: int = 0
    incoming: int = 0
    counted_at: int = 0

    @property
    def available(self) -> int:
        """What can still be promised here; negative when more was promised or sold than is there."""
        _, on_hand, unsellable, reserved, held, safety_stock, _, _ = self
        return on_hand - unsellable - reserved - held - safety_stock


class ChannelLevel(NamedTuple):
    """What one channel was told last, and the SKU's version at that time."""

    channel_id: str
    available_to_sell: int
    version: int


class FutureSupply(NamedTuple):
    """What one UTC day (days since 1970) brings and takes at one location, in units."""

    location_id: str
    day: int
    incoming: int = 0
    demand: int = 0


class Promise(NamedTuple):
    """Units available to promise from a UTC day on, until the next entry's day."""

    day: int
    units: int


class StandingAlert(NamedTuple):
    """An alert that was raised and is not over; quantity is what is left, or what ring-fences lack, in units."""

    kind: str
    quantity: int = 0


class Stock(NamedTuple):
    """
    Everything known of a SKU, in the order of its schema StockLevel.

    version rises with every change; locations are in order of location_id, availability in order of channel_id,
    future in order of location_id and day, promises in order of day, standing in order of kind.
    """

    sku: str
    version: int = 0
    locations: tuple[Level, ...] = ()
    availability: tuple[ChannelLevel, ...] = ()
    occurred_at: int = 0
    updated_at: int = 0
    future: tuple[FutureSupply, ...] = ()
    promises: tuple[Promise, ...] = ()
    standing: tuple[StandingAlert, ...] = ()

    def level(self, location_id: str) -> Level:
        """Return the stock at a location, zeros when there is none."""
        for level in self.locations:
            if level[0] == location_id:
                return level
        return Level(location_id)


def with_future(future: tuple[FutureSupply, ...], change: FutureSupply) -> tuple[FutureSupply, ...]:
    """Return the future with a change added to its location and day; what comes to nothing is left out."""
    place = change[:2]
    for index, entry in enumerate(future):
        if entry[:2] == place:
            incoming, demand = entry.incoming + change.incoming, entry.demand + change.demand
            kept = (FutureSupply(*place, incoming, demand),) if incoming or demand else ()
            return (*future[:index], *kept, *future[index + 1 :])
    return tuple(sorted((*future, change))) if change.incoming or change.demand else future
