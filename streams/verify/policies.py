"""Policies in force, recomputed, and what they mean for one SKU (semantics 9): verification's own reading."""

from collections.abc import Iterable
from typing import Any, NamedTuple

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


class PolicyBook:
    """The newest policy of each SKU and of `*`; (occurred_at, event_id) decides which is newest."""

    def __init__(self) -> None:
        self._newest: dict[str, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def add(self, policy: dict[str, Any]) -> None:
        """Take a valid policy, in any order."""
        known = self._newest.get(policy["sku"])
        if known is None or age_of(policy) > age_of(known):
            self._newest[policy["sku"]] = policy

    def newest(self, sku: str) -> dict[str, Any] | None:
        """Return the policy in force under a key."""
        return self._newest.get(sku)

    def all(self) -> Iterable[dict[str, Any]]:
        """Return every policy in force."""
        return self._newest.values()

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

    def availability(self, sku: str, locations: list[Location], channels: Iterable[str]) -> dict[str, int]:
        """Return what each channel may sell of a SKU, from its locations' figures."""
        free = {location["location_id"]: _free(location) for location in locations}
        documents = self._documents(sku)
        rules = {channel: _rules(documents, channel) for channel in channels}
        fences = _ring_fences(free, rules)
        network = next((d["network_safety"] for d in documents if d["network_safety"] is not None), 0)
        kept_back = sum(fences.values()) + network
        return {channel: _sellable(free, rules[channel], kept_back, fences[channel]) for channel in rules}

    def _documents(self, sku: str) -> list[dict[str, Any]]:
        """Return the SKU's own policy, then the one for every SKU."""
        return [policy for key in (sku, ANY) if (policy := self._newest.get(key)) is not None]


def age_of(policy: dict[str, Any]) -> tuple[int, str]:
    """Return what decides between two policies under one key: the higher is in force."""
    return policy["occurred_at"], policy["event_id"]


def _free(location: Location) -> int:
    """Return what can be promised at a location; a deficit counts as nothing, not as less."""
    bound: int = sum(location[name] for name in ("unsellable", "reserved", "held", "safety_stock"))
    return max(0, int(location["on_hand"]) - bound)


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

    locations = first("location_ids", None)
    return ChannelRules(
        None if locations is None else frozenset(locations),
        first("share_basis_points", WHOLE_BASIS_POINTS),
        first("buffer", 0),
        first("cap", None),
        first("ring_fence", 0),
        first("priority", 0),
    )


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
