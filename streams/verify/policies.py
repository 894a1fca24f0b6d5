"""Policies in force, recomputed, and what they mean for one SKU (semantics 9): verification's own reading."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from streams.verify.silence import World

ANY = "*"
WHOLE_BASIS_POINTS = 10_000

Location = dict[str, Any]


class ChannelRules(NamedTuple):
    """One channel's rules for one SKU; location_ids None means all, cap None means no limit."""

    location_ids: frozenset[str] | None
    share_basis_points: int
    buffer: int
    cap: int | None
    ring_fence: int
    priority: int
    maximum_staleness_seconds: int | None


class Outlook(NamedTuple):
    """What follows for one SKU in one world: units by channel, and figures of standing alerts by kind."""

    units: dict[str, int]
    standing: dict[str, int]


class PolicyBook:
    """
    The newest policy under each key; (occurred_at, event_id) decides which is newest.

    categories are the paths of SKUs' categories; worlds says which sources may be silent, nothing that it is unknown.
    known_since is the time (UTC milliseconds) before which policies that are forgotten by now may have been in force.
    """

    def __init__(self) -> None:
        self._newest: dict[str, dict[str, Any]] = {}
        self._backorder_limits: dict[str, set[int]] = {}
        self._trusted: list[tuple[str, str, frozenset[str]]] = []
        self.known_since = 0
        self.categories: dict[str, str | None] = {}
        self.worlds: list[World] = [{}]

    def __len__(self) -> int:
        return len(self._newest)

    def add(self, policy: dict[str, Any]) -> None:
        """Take a valid policy, in any order."""
        known = self._newest.get(policy["sku"])
        if known is None or age_of(policy) > age_of(known):
            self._newest[policy["sku"]] = policy
        for rule in policy["sources"]:
            if rule["trusted_count_source_ids"] is not None:
                trusted = frozenset(rule["trusted_count_source_ids"])
                self._trusted.append((policy["sku"], rule["location_id"], trusted))
        if policy["backorder_limit"] is not None:
            self._backorder_limits.setdefault(policy["sku"], set()).add(policy["backorder_limit"])

    def newest(self, sku: str) -> dict[str, Any] | None:
        """Return the policy in force under a key."""
        return self._newest.get(sku)

    def all(self) -> Iterable[dict[str, Any]]:
        """Return every policy in force."""
        return self._newest.values()

    def watched(self) -> tuple[set[str], set[int]]:
        """Return which sources policies name for freshness, and the limits of silence in seconds."""
        sources: set[str] = set()
        limits: set[int] = set()
        for policy in self._newest.values():
            sources.update(name for rule in policy["sources"] for name in rule["source_ids"] or ())
            limits.update(rule["maximum_staleness_seconds"] or 0 for rule in policy["channels"])
        return sources, limits - {0}

    def safety_stock(self, sku: str, location_id: str) -> int:
        """Return the units kept back of a SKU at a location."""
        for policy in self._documents(sku):
            stated: dict[str, int] = {
                rule["location_id"]: rule["safety_stock"] for rule in policy["locations"]
            }
            for name in (location_id, ANY):
                if name in stated:
                    return stated[name]
        return 0

    def backorder_limits(self, sku: str, at_ms: int) -> tuple[int, int] | None:
        """
        Return the least and the greatest backorder limit that may have been in force for a SKU at some time.

        Any policy may have been, and none; of its categories any. None when policies of then are forgotten.
        """
        if at_ms < self.known_since:
            return None
        stated = [
            limit
            for key, limits in self._backorder_limits.items()
            if key in {sku, ANY} or key.startswith("*/")
            for limit in limits
        ]
        return min(0, *stated, 0), max(0, *stated, 0)

    def trusts(self, sku: str, location_id: str, source_id: str) -> bool:
        """Tell whether a source's counts of a SKU at a location set stock."""
        for policy in self._documents(sku):
            for name in (location_id, ANY):
                for rule in policy["sources"]:
                    if rule["location_id"] == name and rule["trusted_count_source_ids"] is not None:
                        return source_id in rule["trusted_count_source_ids"]
        return True

    def may_have_mistrusted(self, sku: str, location_id: str, source_id: str) -> bool:
        """Tell whether any policy, now or once in force, takes a source's counts of a SKU for none."""
        return any(
            source_id not in trusted
            for key, place, trusted in self._trusted
            if (key in {sku, ANY} or key.startswith("*/")) and place in {location_id, ANY}
        )

    def outlooks(self, sku: str, locations: list[Location], channels: Iterable[str]) -> list[Outlook]:
        """Return what may follow for a SKU from its locations' figures, by world; nothing if that is unknown."""
        free = {location["location_id"]: _free(location) for location in locations}
        documents = self._documents(sku)
        rules = {channel: _rules(documents, channel) for channel in channels}
        if not any(rule.maximum_staleness_seconds for rule in rules.values()):
            return [_outlook(documents, free, rules)]
        sources = {name: _sources(documents, name) for name in free}
        if not any(sources.values()):
            return [_outlook(documents, free, rules)]
        return [_outlook(documents, free, _heard(rules, sources, world)) for world in self.worlds]

    def _documents(self, sku: str) -> list[dict[str, Any]]:
        """Return the policies that concern a SKU: its own, those of its category and its parents, that for all."""
        steps = (self.categories.get(sku) or "").split("/")
        paths = ["*/" + "/".join(steps[: len(steps) - cut]) for cut in range(len(steps))]
        return [policy for key in (sku, *paths, ANY) if (policy := self._newest.get(key)) is not None]


def _outlook(
    documents: list[dict[str, Any]], free: dict[str, int], rules: dict[str, ChannelRules]
) -> Outlook:
    fences = _ring_fences(free, rules)
    kept_back = sum(fences.values()) + (_first(documents, "network_safety") or 0)
    units = {name: _sellable(free, rule, kept_back, fences[name]) for name, rule in rules.items()}
    standing = {}
    threshold = _first(documents, "low_stock_threshold")
    if threshold is not None and sum(free.values()) <= threshold:
        standing["LOW_STOCK"] = sum(free.values())
    if lacking := sum(rule.ring_fence - fences[name] for name, rule in rules.items()):
        standing["RING_FENCE_SHRUNK"] = lacking
    return Outlook(units, standing)


def _first(documents: list[dict[str, Any]], name: str) -> Any:
    """Return a rule of the whole document from the narrowest policy that states it."""
    return next((policy[name] for policy in documents if policy[name] is not None), None)


def _sources(documents: list[dict[str, Any]], location_id: str) -> list[str]:
    """Return which sources must be heard for a location to be fresh."""
    for policy in documents:
        for name in (location_id, ANY):
            for rule in policy["sources"]:
                if rule["location_id"] == name and rule["source_ids"] is not None:
                    return list(rule["source_ids"])
    return []


def _heard(
    rules: dict[str, ChannelRules], sources: dict[str, list[str]], world: World
) -> dict[str, ChannelRules]:
    """Return the rules with each channel seeing only the locations whose sources it takes to be fresh."""
    heard = {}
    for channel, rule in rules.items():
        limit = rule.maximum_staleness_seconds
        fresh = {
            name
            for name, needed in sources.items()
            if _sees(rule, name) and (limit is None or all(world[source] < limit for source in needed))
        }
        heard[channel] = rule._replace(location_ids=frozenset(fresh))
    return heard


def age_of(policy: dict[str, Any]) -> tuple[int, str]:
    """Return what decides between two policies under one key: the higher is in force."""
    return policy["occurred_at"], policy["event_id"]


def available(location: Location) -> int:
    """Return what is available at a location, by its figures; less than nothing when it is short."""
    bound: int = sum(location[name] for name in ("unsellable", "reserved", "held", "safety_stock"))
    return int(location["on_hand"]) - bound


def _free(location: Location) -> int:
    """Return what can be sold at a location; a deficit counts as nothing, not as less."""
    return max(0, available(location))


def _rules(documents: list[dict[str, Any]], channel_id: str) -> ChannelRules:
    """Return a channel's rules: each from the narrowest policy that states it."""
    stated = [
        rule
        for document in documents
        for name in (channel_id, ANY)
        for rule in document["channels"]
        if rule["channel_id"] == name
    ]

    def first(name: str, default: Any) -> Any:
        return next((rule[name] for rule in stated if rule[name] is not None), default)

    return ChannelRules(
        _sells_from(documents, stated),
        first("share_basis_points", WHOLE_BASIS_POINTS),
        first("buffer", 0),
        first("cap", None),
        first("ring_fence", 0),
        first("priority", 0),
        first("maximum_staleness_seconds", None),
    )


def _sells_from(documents: list[dict[str, Any]], stated: list[dict[str, Any]]) -> frozenset[str] | None:
    """Return the locations of the narrowest rule that names any, by themselves or in groups; None for all."""
    for rule in stated:
        named, groups = rule["location_ids"], rule["location_group_ids"]
        if named is not None or groups is not None:
            members = [member for group in groups or () for member in _members(documents, group)]
            return frozenset([*(named or ()), *members])
    return None


def _members(documents: list[dict[str, Any]], group_id: str) -> list[str]:
    """Return the locations of a group, from the narrowest policy that names it."""
    for policy in documents:
        for group in policy["location_groups"]:
            if group["group_id"] == group_id:
                return list(group["location_ids"])
    return []


def _sees(rules: ChannelRules, location_id: str) -> bool:
    return rules.location_ids is None or location_id in rules.location_ids


def _ring_fences(free: dict[str, int], rules: dict[str, ChannelRules]) -> dict[str, int]:
    """
    Return what each channel's ring-fence really holds.

    By priority, then name, each takes what is left at the locations that it sells from, in their order.
    """
    left = dict(sorted(free.items()))
    held = dict.fromkeys(rules, 0)
    for channel in sorted(rules, key=lambda name: (rules[name].priority, name)):
        for location_id, units in left.items():
            if _sees(rules[channel], location_id):
                taken = min(rules[channel].ring_fence - held[channel], units)
                held[channel] += taken
                left[location_id] -= taken
    return held


def _sellable(free: dict[str, int], rules: ChannelRules, kept_back: int, fence: int) -> int:
    pool = max(0, sum(units for name, units in free.items() if _sees(rules, name)) - kept_back)
    share = pool * rules.share_basis_points // WHOLE_BASIS_POINTS
    units = max(0, share - rules.buffer) + fence
    return units if rules.cap is None else min(rules.cap, units)
