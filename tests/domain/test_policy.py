"""How policies are found, replaced and refused (semantics 9)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import policy, policy_rules
from streams.domain.errors import GiveUp, Reason
from streams.domain.policy import (
    ChannelPlan,
    ChannelPolicy,
    LocationGroup,
    LocationPolicy,
    LocationSources,
    Plan,
    SourcesPlan,
    StockPolicySet,
)
from tests.domain.shop import LOCATIONS, NOW, SKU

CHANNELS = ("pos", "web")
RULES = ("share_basis_points", "buffer", "cap", "ring_fence", "priority", "maximum_staleness_seconds")
DEFAULTS: tuple[Any, ...] = (10_000, 0, None, 0, 0, None)
GROUPS = ("north", "south", "undefined")
SOURCES = ("erp", "till", "wms")


def document(sku: str = SKU, **fields: Any) -> StockPolicySet:
    """A policy document."""
    return StockPolicySet(**{"event_id": "p-1", "source_id": "erp", "sku": sku, "occurred_at": NOW, **fields})


def rules() -> st.SearchStrategy[tuple[ChannelPolicy, ...]]:
    """Rules for some channels, * among them, each rule stated or not."""

    def of(channel_id: str) -> st.SearchStrategy[ChannelPolicy]:
        places, groups = (
            st.none() | st.lists(st.sampled_from(names)).map(tuple) for names in (LOCATIONS, GROUPS)
        )
        figures = {name: st.none() | st.integers(0, 50) for name in RULES}
        return st.builds(
            ChannelPolicy,
            channel_id=st.just(channel_id),
            location_ids=places,
            location_group_ids=groups,
            **figures,
        )

    chosen = st.lists(st.sampled_from([*CHANNELS, "*"]), unique=True)
    return chosen.flatmap(lambda names: st.tuples(*map(of, names)))


def safeties() -> st.SearchStrategy[tuple[LocationPolicy, ...]]:
    """Safety stock for some locations, * among them."""
    names = st.sampled_from([*LOCATIONS, "*"])
    return st.dictionaries(names, st.integers(0, 50)).map(
        lambda found: tuple(itertools.starmap(LocationPolicy, found.items()))
    )


def sources() -> st.SearchStrategy[tuple[LocationSources, ...]]:
    """Rules about sources for some locations, * among them, each rule stated or not."""
    ids = st.none() | st.lists(st.sampled_from(SOURCES)).map(tuple)

    def of(location_id: str) -> st.SearchStrategy[LocationSources]:
        return st.builds(LocationSources, st.just(location_id), ids, ids, st.none() | st.integers(0, 50))

    chosen = st.lists(st.sampled_from([*LOCATIONS, "*"]), unique=True)
    return chosen.flatmap(lambda names: st.tuples(*map(of, names)))


def groups() -> st.SearchStrategy[tuple[LocationGroup, ...]]:
    """Some groups of locations."""
    places = st.lists(st.sampled_from(LOCATIONS)).map(tuple)
    return st.dictionaries(st.sampled_from(GROUPS[:2]), places).map(
        lambda found: tuple(itertools.starmap(LocationGroup, found.items()))
    )


def documents(sku: str) -> st.SearchStrategy[StockPolicySet | None]:
    """A document or none."""
    figure = st.none() | st.integers(0, 9)
    made = st.builds(
        StockPolicySet,
        event_id=st.just("p-1"),
        source_id=st.just("erp"),
        sku=st.just(sku),
        occurred_at=st.just(NOW),
        network_safety=figure,
        channels=rules(),
        locations=safeties(),
        backorder_limit=figure,
        low_stock_threshold=figure,
        discrepancy_threshold=figure,
        location_groups=groups(),
        sources=sources(),
    )
    return st.none() | made


def stated(source: StockPolicySet, channel_id: str, rule: str) -> Any:
    """What a document says of one rule of one channel, None when nothing."""
    for found in source.channels:
        if found.channel_id == channel_id:
            return getattr(found, rule)
    return None


KEYS = (SKU, "*/shoes/trainers", "*/shoes", "*")
"""From narrow to wide, for a SKU among the trainers."""


def matching() -> st.SearchStrategy[list[StockPolicySet]]:
    """The documents that concern one SKU, the narrowest first, any of them missing."""
    return st.tuples(*map(documents, KEYS)).map(lambda found: [one for one in found if one is not None])


@given(matching())
def test_each_rule_is_found_by_itself_from_narrow_to_wide(found: list[StockPolicySet]) -> None:
    """In each document the channel comes before every channel; the SKU before its categories before all; default."""
    plan = policy.resolve(found, CHANNELS)
    for channel, (rule, default) in itertools.product(plan.channels, zip(RULES, DEFAULTS, strict=True)):
        places = itertools.product(found, (channel.channel_id, "*"))
        answers = [stated(source, name, rule) for source, name in places]
        expected = next((answer for answer in answers if answer is not None), default)
        assert getattr(channel, rule) == expected, (channel.channel_id, rule)


@given(matching())
def test_where_a_channel_sells_is_one_rule_of_locations_and_groups(found: list[StockPolicySet]) -> None:
    """Who states either decides both; a group is what the narrowest document says, and nothing if none does."""
    plan = policy.resolve(found, CHANNELS)
    defined = {group.group_id: group.location_ids for one in found[::-1] for group in one.location_groups}
    for channel in plan.channels:
        expected = None
        for source, name in itertools.product(found, (channel.channel_id, "*")):
            own, groups = (stated(source, name, rule) for rule in ("location_ids", "location_group_ids"))
            if expected is None and (own is not None or groups is not None):
                grouped = [place for group in groups or () for place in defined.get(group, ())]
                expected = {*(own or ()), *grouped}
        assert channel.location_ids == expected


@given(matching())
def test_safety_stock_is_found_from_narrow_to_wide(found: list[StockPolicySet]) -> None:
    """In each document the location comes before every location; none states it: none is kept back."""
    plan = policy.resolve(found, CHANNELS)
    for location_id in LOCATIONS:
        answers = [
            rule.safety_stock
            for source in found
            for name in (location_id, "*")
            for rule in source.locations
            if rule.location_id == name
        ]
        assert plan.safety_stock_at(location_id) == next(iter(answers), 0)


@given(matching())
def test_sources_are_found_from_narrow_to_wide(found: list[StockPolicySet]) -> None:
    """Each rule by itself, at locations that documents name and at one that none does."""
    plan = policy.resolve(found, CHANNELS)
    for location_id in (*LOCATIONS, "nowhere"):
        rules = [
            rule
            for source in found
            for name in (location_id, "*")
            for rule in source.sources
            if rule.location_id == name
        ]

        def first(name: str, rules: list[LocationSources] = rules) -> Any:
            return next((found for rule in rules if (found := getattr(rule, name)) is not None), None)

        trusted, share = first("trusted_count_source_ids"), first("feed_zero_share_basis_points")
        assert plan.sources_at(location_id) == SourcesPlan(
            frozenset(first("source_ids") or ()),
            None if trusted is None else frozenset(trusted),
            2_000 if share is None else share,
        )


@given(matching())
def test_rules_for_the_whole_sku_are_found_from_narrow_to_wide(found: list[StockPolicySet]) -> None:
    """A stated zero counts as stated."""
    plan = policy.resolve(found, CHANNELS)
    defaults = {
        "network_safety": 0,
        "backorder_limit": 0,
        "low_stock_threshold": None,
        "discrepancy_threshold": None,
    }
    for rule, default in defaults.items():
        answers = (getattr(source, rule) for source in found)
        assert getattr(plan, rule) == next((one for one in answers if one is not None), default), rule


@given(matching())
def test_a_plan_is_plain_just_when_every_channel_sells_everything(found: list[StockPolicySet]) -> None:
    """The fast way of availability must not be taken when any rule of a channel says something."""
    plan = policy.resolve(found, CHANNELS)
    assert plan.plain == (plan.channels == policy.plain_plan(CHANNELS).channels and not plan.network_safety)


def test_the_document_of_a_narrower_category_comes_first() -> None:
    """Semantics 9: SKU over category over channel over global; a category's parents come after itself."""
    assert policy.category_keys("shoes/trainers/kids") == [
        "*/shoes/trainers/kids",
        "*/shoes/trainers",
        "*/shoes",
    ]
    assert policy.category_keys(None) == policy.category_keys("") == []


def test_counts_are_trusted_unless_a_policy_names_whose() -> None:
    """None trusts all, an empty list nobody."""
    assert SourcesPlan().trusts("erp")
    assert SourcesPlan(trusted_count_source_ids=frozenset({"wms"})).trusts("wms")
    assert not SourcesPlan(trusted_count_source_ids=frozenset({"wms"})).trusts("erp")
    assert not SourcesPlan(trusted_count_source_ids=frozenset()).trusts("erp")


def test_without_documents_everything_is_for_sale_everywhere() -> None:
    """The plain plan: no rule at all, channels in order of their ids."""
    assert policy.resolve([], ["web", "pos"]) == Plan((ChannelPlan("pos"), ChannelPlan("web")))


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (document(occurred_at=NOW), document(occurred_at=NOW - 1)),
        (document(event_id="b"), document(event_id="a")),
        (document(event_id="a", occurred_at=NOW), document(event_id="b", occurred_at=NOW - 1)),
    ],
)
def test_the_newest_document_wins_whoever_comes_last(newer: StockPolicySet, older: StockPolicySet) -> None:
    """Time decides, then the id; a document never supersedes itself."""
    assert newer.supersedes(older)
    assert newer.supersedes(None)
    assert not older.supersedes(newer)
    assert not newer.supersedes(newer)


SENSIBLE = document(
    network_safety=0,
    channels=(ChannelPolicy("web", ("store",), 10_000, 0, 0, 0, 0, ("north",), 10), ChannelPolicy("*")),
    backorder_limit=-1_000_000_000,
    low_stock_threshold=0,
    discrepancy_threshold=0,
    location_groups=(LocationGroup("north", ("store",)), LocationGroup("south", ())),
    sources=(LocationSources("store", ("till",), (), None), LocationSources("*")),
    locations=(LocationPolicy("store", 0), LocationPolicy("*", 1_000_000_000)),
)


def test_a_sensible_document_passes() -> None:
    """The limits themselves are within them."""
    policy_rules.check(SENSIBLE, NOW)
    policy_rules.check(SENSIBLE._replace(occurred_at=NOW + 300_000), NOW)
    policy_rules.check(SENSIBLE._replace(occurred_at=946_684_800_000), NOW)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_id": ""}, Reason.INVALID_IDENTITY),
        ({"source_id": ""}, Reason.INVALID_IDENTITY),
        ({"event_id": "x" * 512}, Reason.INVALID_IDENTITY),
        ({"occurred_at": 946_684_799_999}, Reason.INVALID_TIME),
        ({"occurred_at": NOW + 300_001}, Reason.FUTURE_EVENT),
        ({"network_safety": -1}, Reason.INVALID_POLICY),
        ({"network_safety": 1_000_000_001}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy(""),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web"), ChannelPolicy("web"))}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", share_basis_points=-1),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", share_basis_points=10_001),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", buffer=-1),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", cap=-1),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", ring_fence=-1),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", priority=-1),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", maximum_staleness_seconds=9),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", location_ids=("",)),)}, Reason.INVALID_POLICY),
        ({"channels": (ChannelPolicy("web", location_group_ids=("",)),)}, Reason.INVALID_POLICY),
        ({"backorder_limit": -1_000_000_001}, Reason.INVALID_POLICY),
        ({"backorder_limit": 1_000_000_001}, Reason.INVALID_POLICY),
        ({"low_stock_threshold": -1}, Reason.INVALID_POLICY),
        ({"discrepancy_threshold": -1}, Reason.INVALID_POLICY),
        ({"location_groups": (LocationGroup("", ()),)}, Reason.INVALID_POLICY),
        ({"location_groups": (LocationGroup("a", ()), LocationGroup("a", ()))}, Reason.INVALID_POLICY),
        ({"location_groups": (LocationGroup("a", ("",)),)}, Reason.INVALID_POLICY),
        ({"sources": (LocationSources(""),)}, Reason.INVALID_POLICY),
        ({"sources": (LocationSources("a"), LocationSources("a"))}, Reason.INVALID_POLICY),
        ({"sources": (LocationSources("a", ("",)),)}, Reason.INVALID_POLICY),
        ({"sources": (LocationSources("a", None, ("",)),)}, Reason.INVALID_POLICY),
        ({"sources": (LocationSources("a", None, None, 1),)}, Reason.INVALID_POLICY),
        ({"sku": "*", "sources": (LocationSources("a", None, None, 10_001),)}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("", 1),)}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("a", 1), LocationPolicy("a", 2))}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("a", -1),)}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("a", 1_000_000_001),)}, Reason.INVALID_POLICY),
    ],
)
def test_a_document_that_makes_no_sense_is_given_up(fields: dict[str, Any], reason: Reason) -> None:
    """Each limit, one step beyond, with its reason."""
    with pytest.raises(GiveUp) as refused:
        policy_rules.check(SENSIBLE._replace(**fields), NOW)
    assert refused.value.reason is reason
    assert refused.value.message


def test_the_share_of_a_feed_is_said_for_every_sku() -> None:
    """A feed is about all SKUs of a location."""
    policy_rules.check(document("*", sources=(LocationSources("a", None, None, 10_000),)), NOW)


@pytest.mark.parametrize("key", [SKU, "*", "*/shoes", "*/shoes/trainers", "*/Möbel & Licht/x"])
def test_a_document_stands_under_a_sku_a_category_or_a_star(key: str) -> None:
    """The three kinds of keys."""
    policy_rules.check(document(key), NOW)


@pytest.mark.parametrize(
    "key", ["", " a", "*/", "*//a", "*/a/", "*/a//b", "*/a /b", "*/cafe\u0301", "*/" + "x" * 199]
)
def test_a_key_that_is_none_of_them_is_given_up(key: str) -> None:
    """A document under it would never be found, and nobody would know why."""
    with pytest.raises(GiveUp) as refused:
        policy_rules.check(document(key), NOW)
    assert refused.value.reason is Reason.INVALID_SKU
