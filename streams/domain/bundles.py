"""
Bundles: SKUs that consist of units of others (semantics 9).

A bundle lies on no shelf. How many of it a channel may sell follows from what the channel may sell of its components;
the bundle's own policy and figures have no part in it. What moves a bundle by a quantity moves its components instead,
by as many times what it needs of each: it is exploded into events of the same kind, one a component.

A component is never a bundle itself, as with the channels that have bundles: a set of sets is described by what
is in them in the end, and no chain of explosions can run in circles. A set that is packed beforehand and put on a
shelf is a SKU of its own, described without components.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from streams.domain import validation
from streams.domain.catalogue import BundleComponent
from streams.domain.events import OWN_SOURCE, StockEvent

PART_ID_CHARACTERS = (
    200  # A longer id is told by its hash: what is left of the ids' limit is for names of places.
)
SEPARATOR, ESCAPED_SEPARATOR = ":", "%3A"
ESCAPE, ESCAPED_ESCAPE = "%", "%25"


class ComponentAvailability(NamedTuple):
    """What one channel may sell, in units."""

    channel_id: str
    available_to_sell: int


class ComponentLevel(NamedTuple):
    """What each channel may sell of a SKU that is part of a bundle, as of a version of it."""

    sku: str
    version: int
    occurred_at: int
    channels: tuple[ComponentAvailability, ...]


LevelOf = Callable[[str], ComponentLevel | None]
"""Returns the level of a component by its SKU; None when nothing is known of it."""


def available_to_sell(
    components: Sequence[BundleComponent], level_of: LevelOf, channel_ids: Iterable[str]
) -> list[tuple[str, int]]:
    """
    Return (channel_id, bundles) in the order of the channels: min over components of floor(component / needed).

    A component of which nothing is known can't be sold, and so neither can the bundle.
    """
    known = [
        (dict(level.channels), component.quantity)
        for component in components
        if (level := level_of(component.sku)) is not None
    ]
    if len(known) < len(components) or not known:
        return [(channel_id, 0) for channel_id in channel_ids]
    return [
        (channel_id, min(units.get(channel_id, 0) // needed for units, needed in known))
        for channel_id in channel_ids
    ]


def explode(event: StockEvent, components: Iterable[BundleComponent], now: int) -> list[StockEvent]:
    """
    Return what an event of a bundle means for its components: the same, at the same place and time.

    The ids follow from the event's, so that the same event always gives the same parts. Raises GiveUp when a part
    would be refused for what it is, such as for a quantity beyond all bounds: then nothing of the bundle may move.
    """
    parts = [_part(event, component) for component in components]
    for part in parts:
        validation.check(part, now)
    return parts


def _part(event: StockEvent, component: BundleComponent) -> StockEvent:
    part: StockEvent = event._replace(
        event_id=part_id(event.sku, event.source_id, event.event_id, component.sku),
        source_id=OWN_SOURCE,
        sku=component.sku,
        quantity=event.quantity * component.quantity,
    )
    return part


def part_id(*names: str) -> str:
    """Return an id made of names, a different one for any different names; people can read it unless it is long."""
    escaped = (name.replace(ESCAPE, ESCAPED_ESCAPE).replace(SEPARATOR, ESCAPED_SEPARATOR) for name in names)
    text = SEPARATOR.join(escaped)
    if len(text) <= PART_ID_CHARACTERS:
        return text
    return blake2b(text.encode(), digest_size=16).hexdigest()
