"""
What each channel may sell of a SKU (semantics 9).

    location_n   = max(0, available at n)
    pool_c       = max(0, Σ location_n over c's locations - Σ ring-fences of all channels - network_safety)
    available_to_sell_c = min(cap_c, max(0, floor(pool_c * share_c) - buffer_c) + ring_fence_c)

A location's deficit never hides another location's stock, and no channel is ever told less than zero.
"""

from collections.abc import Iterable

from streams.domain.policy import WHOLE_BASIS_POINTS, ChannelPlan, Plan
from streams.domain.stock import ChannelLevel, Level, Stock


def available_to_sell(locations: tuple[Level, ...], plan: Plan) -> list[tuple[str, int]]:
    """Return (channel_id, units) in order of channel_id; units are never below zero."""
    if plan.plain:
        total = _pooled(locations, None)
        return [(channel[0], total) for channel in plan.channels]
    ring_fences = kept_ring_fences(locations, plan)
    fenced = sum(ring_fences.values())
    return [
        (channel.channel_id, _for_channel(locations, channel, fenced + plan.network_safety, ring_fences))
        for channel in plan.channels
    ]


def total(locations: tuple[Level, ...]) -> int:
    """Return what can be sold over all locations, whoever sells it."""
    return _pooled(locations, None)


def _for_channel(
    locations: tuple[Level, ...], channel: ChannelPlan, kept_back: int, ring_fences: dict[str, int]
) -> int:
    pool = max(0, _pooled(locations, channel.location_ids) - kept_back)
    shared = pool * channel.share_basis_points // WHOLE_BASIS_POINTS
    units = max(0, shared - channel.buffer) + ring_fences.get(channel.channel_id, 0)
    return units if channel.cap is None else min(channel.cap, units)


def _pooled(locations: tuple[Level, ...], location_ids: frozenset[str] | None) -> int:
    pooled = 0
    for location_id, on_hand, unsellable, reserved, held, safety_stock, _, _ in locations:
        available = on_hand - unsellable - reserved - held - safety_stock
        if available > 0 and (location_ids is None or location_id in location_ids):
            pooled += available
    return pooled


def kept_ring_fences(locations: tuple[Level, ...], plan: Plan) -> dict[str, int]:
    """Return ring-fenced units by channel, shrunk to what is there: lower priority numbers keep theirs first."""
    kept: dict[str, int] = {}
    fenced = [channel for channel in plan.channels if channel.ring_fence]
    left = {level.location_id: max(0, level.available) for level in locations}
    for channel in sorted(fenced, key=lambda channel: (channel.priority, channel.channel_id)):
        kept[channel.channel_id] = _take(left, channel)
    return kept


def _take(left: dict[str, int], channel: ChannelPlan) -> int:
    """Take a channel's ring-fence out of what is left at its locations; return what it got."""
    wanted = channel.ring_fence
    for location_id in sorted(left):
        if channel.location_ids is None or location_id in channel.location_ids:
            taken = min(wanted, left[location_id])
            left[location_id] -= taken
            wanted -= taken
    return channel.ring_fence - wanted


def with_safety_stock(stock: Stock, plan: Plan) -> Stock:
    """Return the stock with each location's safety stock as the plan has it."""
    for level in stock.locations:
        if level.safety_stock != plan.safety_stock_at(level.location_id):
            break
    else:
        return stock
    locations = tuple(
        level._replace(safety_stock=plan.safety_stock_at(level.location_id)) for level in stock.locations
    )
    return stock._replace(locations=locations)


def told(stock: Stock, plan: Plan) -> tuple[tuple[ChannelLevel, ...], tuple[ChannelLevel, ...]]:
    """Return what every channel has now been told, and the part of it that is news (semantics 11)."""
    return told_units(stock, available_to_sell(stock.locations, plan))


def told_units(
    stock: Stock, offered: Iterable[tuple[str, int]]
) -> tuple[tuple[ChannelLevel, ...], tuple[ChannelLevel, ...]]:
    """Return the same, given (channel_id, units) in order of channel_id: a bundle's follow from other SKUs."""
    version = stock.version
    known = {level[0]: level for level in stock.availability}
    now: list[ChannelLevel] = []
    news: list[ChannelLevel] = []
    for channel_id, units in offered:
        level = known.get(channel_id)
        if level is None or level[1] != units:
            level = ChannelLevel(channel_id, units, version)
            news.append(level)
        now.append(level)
    return tuple(now), tuple(news)
