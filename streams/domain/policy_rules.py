"""When a policy document makes sense (semantics 9): what it says of each rule, and the key that it stands under."""

from collections.abc import Iterable, Sequence

from streams.domain.errors import GiveUp, Reason
from streams.domain.policy import (
    ANY,
    CATEGORY,
    WHOLE_BASIS_POINTS,
    ChannelPolicy,
    LocationSources,
    StockPolicySet,
)
from streams.domain.sku import InvalidSku, normalise_sku, normalise_text
from streams.domain.validation import (
    EARLIEST_MILLISECONDS,
    FUTURE_TOLERANCE_MILLISECONDS,
    MAXIMUM_ID_CHARACTERS,
    MAXIMUM_QUANTITY,
)

MINIMUM_STALENESS_SECONDS = 10  # A source is heard at most every 5 s (agents/sources.py); less would flicker.


def check(policy: StockPolicySet, now: int) -> None:
    """Raise GiveUp unless a policy document makes sense at `now`."""
    check_key(policy.sku)
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
    _check_figures(policy)
    _check_names("channel", [rules.channel_id for rules in policy.channels])
    _check_names("location", [rules.location_id for rules in policy.locations])
    _check_names("group", [group.group_id for group in policy.location_groups])
    _check_names("location's sources", [rules.location_id for rules in policy.sources])
    for rules in policy.channels:
        _check_channel(rules)
    for group in policy.location_groups:
        _check_ids(f"location of group {group.group_id}", group.location_ids)
    for sources in policy.sources:
        _check_sources(sources, policy.sku)


def check_key(key: str) -> None:
    """Raise GiveUp unless a document's key is *, */ and a category's path, or a SKU as it is spelled."""
    try:
        if key.startswith(CATEGORY):
            parts = normalise_text(key).split("/")[1:]
            normal = all(part and part == part.strip() for part in parts) and normalise_text(key) == key
        else:
            normal = key == ANY or normalise_sku(key) == key
    except InvalidSku as error:
        raise GiveUp(Reason.INVALID_SKU, str(error)) from None
    if not normal:
        raise GiveUp(
            Reason.INVALID_SKU,
            f"{key!r} is neither *, nor */ and a category such as */shoes/trainers, nor a normalised SKU"
            " (NFC, no outer white space)",
        )


def _check_figures(policy: StockPolicySet) -> None:
    _check_unit("network_safety", policy.network_safety)
    _check_unit("low_stock_threshold", policy.low_stock_threshold)
    _check_unit("discrepancy_threshold", policy.discrepancy_threshold)
    _check_unit("backorder_limit", policy.backorder_limit, -MAXIMUM_QUANTITY)
    for location in policy.locations:
        _check_unit(f"safety_stock of {location.location_id}", location.safety_stock)


def _check_channel(rules: ChannelPolicy) -> None:
    name = rules.channel_id
    _check_unit(f"share of {name}", rules.share_basis_points, 0, WHOLE_BASIS_POINTS)
    for field in ("buffer", "cap", "ring_fence", "priority"):
        _check_unit(f"{field} of {name}", getattr(rules, field))
    _check_unit(
        f"maximum_staleness_seconds of {name}", rules.maximum_staleness_seconds, MINIMUM_STALENESS_SECONDS
    )
    _check_ids(f"location of {name}", rules.location_ids or ())
    _check_ids(f"location group of {name}", rules.location_group_ids or ())


def _check_sources(rules: LocationSources, key: str) -> None:
    name, share = rules.location_id, rules.feed_zero_share_basis_points
    _check_ids(f"source of {name}", rules.source_ids or ())
    _check_ids(f"trusted source of {name}", rules.trusted_count_source_ids or ())
    _check_unit(f"feed_zero_share_basis_points of {name}", share, 0, WHOLE_BASIS_POINTS)
    if share is not None and key != ANY:
        # A feed is about a location and all SKUs, so only the document for all SKUs can say it.
        raise GiveUp(
            Reason.INVALID_POLICY, f"feed_zero_share_basis_points of {name} belongs in the policy under *"
        )


def _check_unit(name: str, value: int | None, least: int = 0, most: int = MAXIMUM_QUANTITY) -> None:
    if value is not None and not least <= value <= most:
        raise GiveUp(Reason.INVALID_POLICY, f"{name} is {value}, not {least} to {most}")


def _check_ids(what: str, names: Iterable[str]) -> None:
    for name in names:
        if not 0 < len(name) <= MAXIMUM_ID_CHARACTERS:
            raise GiveUp(Reason.INVALID_POLICY, f"the name of a {what} has {len(name)} characters")


def _check_names(what: str, names: Sequence[str]) -> None:
    if not all(names):
        raise GiveUp(Reason.INVALID_POLICY, f"a {what} without a name")
    if len(set(names)) < len(names):
        raise GiveUp(Reason.INVALID_POLICY, f"a {what} is named twice")
