"""
Silence: which sources were not heard for too long, and what that means for channels (semantics 9).

A location whose sources were not heard for longer than a channel allows counts as empty for that channel, and for
that channel only. It is judged by location on purpose: a silent store never hides the warehouse's fresh stock.
"""

from collections.abc import Iterable, Mapping

from streams.domain.policy import ChannelPlan, Plan
from streams.domain.stock import Level

MILLISECONDS = 1_000
NEVER = 0
"""When a source was heard that never was."""

Silences = Mapping[str, int]
"""By source_id: the longest limit, in seconds, that its silence exceeds. Sources that exceed none are missing."""


def exceeded(heard_at: int, now: int, limits: Iterable[int]) -> int:
    """Return the longest of some limits (seconds) that a silence exceeds, 0 when it exceeds none."""
    silence = now - heard_at
    return max((limit for limit in limits if silence > limit * MILLISECONDS), default=0)


def heard_plan(plan: Plan, locations: tuple[Level, ...], silences: Silences) -> Plan:
    """Return the plan with each channel selling from those locations only whose sources it takes to be fresh."""
    if plan.sources is None:
        return plan
    channels = tuple(
        channel
        if channel.maximum_staleness_seconds is None
        else _without_stale(channel, channel.maximum_staleness_seconds, plan, locations, silences)
        for channel in plan.channels
    )
    return plan if channels == plan.channels else plan._replace(channels=channels)


def _without_stale(
    channel: ChannelPlan, limit: int, plan: Plan, locations: tuple[Level, ...], silences: Silences
) -> ChannelPlan:
    held = {level.location_id for level in locations}
    stale = {
        name
        for name in held
        if any(silences.get(source_id, 0) >= limit for source_id in plan.sources_at(name).source_ids)
    }
    if not stale:
        return channel
    wanted = held if channel.location_ids is None else channel.location_ids
    return channel._replace(location_ids=frozenset(wanted - stale))
