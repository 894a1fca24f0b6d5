"""
Policies: what a merchant decides about selling, resolved for one SKU (semantics 9).

A document is for one SKU, under */ and a path for a category of SKUs (*/shoes/trainers), or under * for all. Each
rule of it is found by itself, from narrow to wide: the SKU's document, then its category's and those of the
category's parents, then the one for all; in each document what names the channel or location comes before what
says * of it. None leaves a rule to the next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

ANY = "*"
CATEGORY = "*/"
"""What the key of a category's document begins with; no SKU does."""

WHOLE_BASIS_POINTS = 10_000
UNLIMITED = None
DEFAULT_FEED_ZERO_SHARE_BASIS_POINTS = 2_000  # Semantics 6.

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
    """A policy document; it replaces the one under the same key: a SKU, */ and a category's path, or *."""

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
    """
    One channel's rules for one SKU, resolved.

    cap None is unlimited, location_ids None is all, maximum_staleness_seconds None never takes silence amiss.
    """

    channel_id: str
    location_ids: frozenset[str] | None = None
    share_basis_points: int = WHOLE_BASIS_POINTS
    buffer: int = 0
    cap: int | None = UNLIMITED
    ring_fence: int = 0
    priority: int = 0
    maximum_staleness_seconds: int | None = None


class SourcesPlan(NamedTuple):
    """Who speaks for one location, resolved; trusted_count_source_ids None trusts every source's counts."""

    source_ids: frozenset[str] = frozenset()
    trusted_count_source_ids: frozenset[str] | None = None
    feed_zero_share_basis_points: int = DEFAULT_FEED_ZERO_SHARE_BASIS_POINTS

    def trusts(self, source_id: str) -> bool:
        """Return True when a count of that source sets stock; otherwise it only raises a discrepancy."""
        return self.trusted_count_source_ids is None or source_id in self.trusted_count_source_ids


NO_SOURCES = SourcesPlan()


class Plan(NamedTuple):
    """
    All rules for one SKU, resolved; channels in order of channel_id, safety_stock and sources by location or *.

    plain says that every channel sells everything from everywhere. backorder_limit is how many units promises may
    go below zero at a location; a threshold of None raises no alert.
    """

    channels: tuple[ChannelPlan, ...]
    network_safety: int = 0
    safety_stock: dict[str, int] | None = None
    plain: bool = True
    backorder_limit: int = 0
    low_stock_threshold: int | None = None
    discrepancy_threshold: int | None = None
    sources: dict[str, SourcesPlan] | None = None

    def safety_stock_at(self, location_id: str) -> int:
        """Return the units kept back at a location."""
        if self.safety_stock is None:
            return 0
        return self.safety_stock.get(location_id, self.safety_stock.get(ANY, 0))

    def sources_at(self, location_id: str) -> SourcesPlan:
        """Return who speaks for a location."""
        if self.sources is None:
            return NO_SOURCES
        return self.sources.get(location_id) or self.sources.get(ANY, NO_SOURCES)


def plain_plan(channel_ids: Iterable[str]) -> Plan:
    """Return the plan without any policy: every channel sells everything from everywhere."""
    return Plan(tuple(ChannelPlan(channel_id) for channel_id in sorted(channel_ids)))


def category_keys(category: str | None) -> list[str]:
    """Return the keys of the documents for a category and its parents, the narrowest first."""
    parts = category.split("/") if category else []
    return [CATEGORY + "/".join(parts[:length]) for length in range(len(parts), 0, -1)]


def resolve(documents: Sequence[StockPolicySet], channel_ids: Iterable[str]) -> Plan:
    """Return the plan of a SKU from the documents that concern it, the narrowest first."""
    if not documents:
        return plain_plan(channel_ids)
    groups = _groups(documents)
    channels = tuple(_channel_plan(channel_id, documents, groups) for channel_id in sorted(channel_ids))
    network_safety = _first((document.network_safety for document in documents), 0)
    return Plan(
        channels,
        network_safety,
        _safety_stock(documents),
        network_safety == 0 and all(channel == ChannelPlan(channel.channel_id) for channel in channels),
        _first((document.backorder_limit for document in documents), 0),
        next(_stated(document.low_stock_threshold for document in documents), None),
        next(_stated(document.discrepancy_threshold for document in documents), None),
        _sources(documents),
    )


def _channel_plan(
    channel_id: str, documents: Sequence[StockPolicySet], groups: Mapping[str, tuple[str, ...]]
) -> ChannelPlan:
    by_channel = [{rules.channel_id: rules for rules in document.channels} for document in documents]
    found = [rules[name] for rules in by_channel for name in (channel_id, ANY) if name in rules]

    def first(rule: Callable[[ChannelPolicy], Value | None], default: Value) -> Value:
        return _first((rule(policy) for policy in found), default)

    return ChannelPlan(
        channel_id,
        _sells_from(found, groups),
        first(lambda policy: policy.share_basis_points, WHOLE_BASIS_POINTS),
        first(lambda policy: policy.buffer, 0),
        next(_stated(policy.cap for policy in found), UNLIMITED),
        first(lambda policy: policy.ring_fence, 0),
        first(lambda policy: policy.priority, 0),
        next(_stated(policy.maximum_staleness_seconds for policy in found), None),
    )


def _sells_from(
    found: Iterable[ChannelPolicy], groups: Mapping[str, tuple[str, ...]]
) -> frozenset[str] | None:
    """
    Return where a channel sells from, None for everywhere.

    Locations and groups are one rule: a narrower document that names locations is not widened by the groups of a
    wider one. A group that no document defines has no locations.
    """
    for policy in found:
        if policy.location_ids is not None or policy.location_group_ids is not None:
            grouped = (groups.get(name, ()) for name in policy.location_group_ids or ())
            return frozenset(policy.location_ids or ()).union(*grouped)
    return None


def _groups(documents: Sequence[StockPolicySet]) -> dict[str, tuple[str, ...]]:
    """Return the locations of each group, as the narrowest document that names it has them."""
    return {
        group.group_id: group.location_ids
        for document in reversed(documents)
        for group in document.location_groups
    }


def _stated(values: Iterable[Value | None]) -> Iterator[Value]:
    return (value for value in values if value is not None)


def _first(values: Iterable[Value | None], default: Value) -> Value:
    return next(_stated(values), default)


def _safety_stock(documents: Sequence[StockPolicySet]) -> dict[str, int] | None:
    """Return safety stock by location; a document's rule for every location hides the wider documents' rules."""
    merged: dict[str, int] = {}
    for document in reversed(documents):
        own = {rule.location_id: rule.safety_stock for rule in document.locations}
        merged = own if ANY in own else {**merged, **own}
    return merged or None


def _sources(documents: Sequence[StockPolicySet]) -> dict[str, SourcesPlan] | None:
    by_location = [{rules.location_id: rules for rules in document.sources} for document in documents]
    names = {name for rules in by_location for name in rules}
    return {name: _sources_plan(name, by_location) for name in names} or None


def _sources_plan(location_id: str, by_location: Iterable[Mapping[str, LocationSources]]) -> SourcesPlan:
    found = [
        rules[name] for rules in by_location for name in dict.fromkeys((location_id, ANY)) if name in rules
    ]
    trusted = next(_stated(rules.trusted_count_source_ids for rules in found), None)
    return SourcesPlan(
        frozenset(_first((rules.source_ids for rules in found), ())),
        None if trusted is None else frozenset(trusted),
        _first((rules.feed_zero_share_basis_points for rules in found), DEFAULT_FEED_ZERO_SHARE_BASIS_POINTS),
    )
