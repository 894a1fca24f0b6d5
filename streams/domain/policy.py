"""
Policies: what a merchant decides about selling, resolved for one SKU (semantics 9).

A document is for one SKU or, under *, for all. Each rule of it is found separately: SKU and channel, then SKU
and every channel, then every SKU and the channel, then every SKU and channel; None leaves it to the next.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from streams.domain.errors import GiveUp, Reason
from streams.domain.validation import (
    EARLIEST_MILLISECONDS,
    FUTURE_TOLERANCE_MILLISECONDS,
    MAXIMUM_ID_CHARACTERS,
    MAXIMUM_QUANTITY,
)

ANY = "*"
WHOLE_BASIS_POINTS = 10_000
UNLIMITED = None

Value = TypeVar("Value")


class ChannelPolicy(NamedTuple):
    """One channel's rules, in the order of their schema; None leaves a rule to the wider policy."""

    channel_id: str
    location_ids: tuple[str, ...] | None = None
    share_basis_points: int | None = None
    buffer: int | None = None
    cap: int | None = None
    ring_fence: int | None = None
    priority: int | None = None
    location_group_ids: tuple[str, ...] | None = None
    maximum_staleness_seconds: int | None = None


class LocationPolicy(NamedTuple):
    """Units kept back at one location, or under * at each."""

    location_id: str
    safety_stock: int


class LocationGroup(NamedTuple):
    """A name for several locations."""

    group_id: str
    location_ids: tuple[str, ...]


class LocationSources(NamedTuple):
    """Which systems speak for one location, or under * for each; None leaves a rule to the wider policy."""

    location_id: str
    source_ids: tuple[str, ...] | None = None
    trusted_count_source_ids: tuple[str, ...] | None = None
    feed_zero_share_basis_points: int | None = None


class StockPolicySet(NamedTuple):
    """A policy document; it replaces the one under the same SKU, or under *."""

    event_id: str
    source_id: str
    sku: str
    occurred_at: int
    network_safety: int | None = None
    channels: tuple[ChannelPolicy, ...] = ()
    locations: tuple[LocationPolicy, ...] = ()
    backorder_limit: int | None = None
    low_stock_threshold: int | None = None
    discrepancy_threshold: int | None = None
    location_groups: tuple[LocationGroup, ...] = ()
    sources: tuple[LocationSources, ...] = ()

    def supersedes(self, other: "StockPolicySet | None") -> bool:
        """Return True when this document is the newer one; ids decide between equal times."""
        return other is None or (self.occurred_at, self.event_id) > (other.occurred_at, other.event_id)


class ChannelPlan(NamedTuple):
    """One channel's rules for one SKU, resolved; cap None is unlimited, location_ids None is all."""

    channel_id: str
    location_ids: frozenset[str] | None = None
    share_basis_points: int = WHOLE_BASIS_POINTS
    buffer: int = 0
    cap: int | None = UNLIMITED
    ring_fence: int = 0
    priority: int = 0


class Plan(NamedTuple):
    """All rules for one SKU, resolved; channels in order of channel_id, safety_stock by location or *."""

    channels: tuple[ChannelPlan, ...]
    network_safety: int = 0
    safety_stock: dict[str, int] | None = None
    plain: bool = True

    def safety_stock_at(self, location_id: str) -> int:
        """Return the units kept back at a location."""
        if self.safety_stock is None:
            return 0
        return self.safety_stock.get(location_id, self.safety_stock.get(ANY, 0))


def plain_plan(channel_ids: Iterable[str]) -> Plan:
    """Return the plan without any policy: every channel sells everything from everywhere."""
    return Plan(tuple(ChannelPlan(channel_id) for channel_id in sorted(channel_ids)))


def resolve(own: StockPolicySet | None, general: StockPolicySet | None, channel_ids: Iterable[str]) -> Plan:
    """Return the plan of a SKU from its own document and the one for every SKU."""
    if own is None and general is None:
        return plain_plan(channel_ids)
    documents = [document for document in (own, general) if document is not None]
    safeties = [document.network_safety for document in documents]
    return Plan(
        tuple(_channel_plan(channel_id, documents) for channel_id in sorted(channel_ids)),
        _first(safeties, 0),
        _safety_stock(documents),
        plain=False,
    )


def _channel_plan(channel_id: str, documents: list[StockPolicySet]) -> ChannelPlan:
    by_channel = [{rules.channel_id: rules for rules in document.channels} for document in documents]
    found = [rules[name] for rules in by_channel for name in (channel_id, ANY) if name in rules]

    def first(rule: Callable[[ChannelPolicy], Value | None], default: Value) -> Value:
        return _first([rule(policy) for policy in found], default)

    locations: tuple[str, ...] | None = next(
        (policy.location_ids for policy in found if policy.location_ids is not None), None
    )
    return ChannelPlan(
        channel_id,
        None if locations is None else frozenset(locations),
        first(lambda policy: policy.share_basis_points, WHOLE_BASIS_POINTS),
        first(lambda policy: policy.buffer, 0),
        next((policy.cap for policy in found if policy.cap is not None), UNLIMITED),
        first(lambda policy: policy.ring_fence, 0),
        first(lambda policy: policy.priority, 0),
    )


def _first(values: Iterable[Value | None], default: Value) -> Value:
    return next((value for value in values if value is not None), default)


def _safety_stock(documents: list[StockPolicySet]) -> dict[str, int] | None:
    """Return safety stock by location; a SKU's own rule for every location hides the general rules."""
    merged: dict[str, int] = {}
    for document in reversed(documents):
        own = {rule.location_id: rule.safety_stock for rule in document.locations}
        merged = own if ANY in own else {**merged, **own}
    return merged or None


def check(policy: StockPolicySet, now: int) -> None:
    """Raise GiveUp unless a policy document makes sense at `now`."""
    if not policy.event_id or not policy.source_id:
        raise GiveUp(Reason.INVALID_IDENTITY, "event_id and source_id must not be empty")
    if len(policy.event_id) + len(policy.source_id) > MAXIMUM_ID_CHARACTERS:
        raise GiveUp(
            Reason.INVALID_IDENTITY, f"the ids have more than {MAXIMUM_ID_CHARACTERS} characters together"
        )
    if policy.occurred_at < EARLIEST_MILLISECONDS:
        raise GiveUp(Reason.INVALID_TIME, f"occurred_at {policy.occurred_at} lies before the year 2000")
    if policy.occurred_at > now + FUTURE_TOLERANCE_MILLISECONDS:
        raise GiveUp(Reason.FUTURE_EVENT, "occurred_at lies more than 300 s in the future")
    _check_unit("network_safety", policy.network_safety)
    _check_unique("channel", [rules.channel_id for rules in policy.channels])
    _check_unique("location", [rules.location_id for rules in policy.locations])
    for rules in policy.channels:
        _check_channel(rules)
    for location in policy.locations:
        _check_unit(f"safety_stock of {location.location_id}", location.safety_stock)


def _check_channel(rules: ChannelPolicy) -> None:
    share = rules.share_basis_points
    if share is not None and not 0 <= share <= WHOLE_BASIS_POINTS:
        raise GiveUp(
            Reason.INVALID_POLICY, f"share of {rules.channel_id} is {share}, not 0 to {WHOLE_BASIS_POINTS}"
        )
    for name in ("buffer", "cap", "ring_fence", "priority"):
        _check_unit(f"{name} of {rules.channel_id}", getattr(rules, name))


def _check_unit(name: str, value: int | None) -> None:
    if value is not None and not 0 <= value <= MAXIMUM_QUANTITY:
        raise GiveUp(Reason.INVALID_POLICY, f"{name} is {value}, not 0 to {MAXIMUM_QUANTITY}")


def _check_unique(what: str, names: list[str]) -> None:
    if not all(names):
        raise GiveUp(Reason.INVALID_POLICY, f"a {what} without a name")
    if len(set(names)) < len(names):
        raise GiveUp(Reason.INVALID_POLICY, f"a {what} is named twice")
