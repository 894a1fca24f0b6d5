"""How policies are found, replaced and refused (semantics 9)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import policy
from streams.domain.errors import GiveUp, Reason
from streams.domain.policy import ChannelPlan, ChannelPolicy, LocationPolicy, Plan, StockPolicySet
from tests.domain.shop import LOCATIONS, NOW, SKU

CHANNELS = ("pos", "web")
RULES = ("location_ids", "share_basis_points", "buffer", "cap", "ring_fence", "priority")
DEFAULTS: tuple[Any, ...] = (None, 10_000, 0, None, 0, 0)


def document(sku: str = SKU, **fields: Any) -> StockPolicySet:
    """A policy document."""
    return StockPolicySet(**{"event_id": "p-1", "source_id": "erp", "sku": sku, "occurred_at": NOW, **fields})


def rules() -> st.SearchStrategy[tuple[ChannelPolicy, ...]]:
    """Rules for some channels, * among them, each rule stated or not."""

    def of(channel_id: str) -> st.SearchStrategy[ChannelPolicy]:
        places = st.none() | st.lists(st.sampled_from(LOCATIONS)).map(tuple)
        figures = [st.none() | st.integers(0, 50) for _ in RULES[1:]]
        return st.builds(ChannelPolicy, st.just(channel_id), places, *figures)

    chosen = st.lists(st.sampled_from([*CHANNELS, "*"]), unique=True)
    return chosen.flatmap(lambda names: st.tuples(*map(of, names)))


def safeties() -> st.SearchStrategy[tuple[LocationPolicy, ...]]:
    """Safety stock for some locations, * among them."""
    names = st.sampled_from([*LOCATIONS, "*"])
    return st.dictionaries(names, st.integers(0, 50)).map(
        lambda found: tuple(itertools.starmap(LocationPolicy, found.items()))
    )


def documents(sku: str) -> st.SearchStrategy[StockPolicySet | None]:
    """A document or none."""
    network = st.none() | st.integers(0, 9)
    made = st.builds(
        lambda safety, channels, locations: document(
            sku, network_safety=safety, channels=channels, locations=locations
        ),
        network,
        rules(),
        safeties(),
    )
    return st.none() | made


def stated(source: StockPolicySet | None, channel_id: str, rule: str) -> Any:
    """What a document says of one rule of one channel, None when nothing."""
    for found in () if source is None else source.channels:
        if found.channel_id == channel_id:
            return getattr(found, rule)
    return None


@given(documents(SKU), documents("*"))
def test_each_rule_is_found_by_itself_from_narrow_to_wide(
    own: StockPolicySet | None, general: StockPolicySet | None
) -> None:
    """SKU and channel, SKU and every channel, every SKU and the channel, every SKU and channel, default."""
    plan = policy.resolve(own, general, CHANNELS)
    for channel, (rule, default) in itertools.product(plan.channels, zip(RULES, DEFAULTS, strict=True)):
        places = itertools.product((own, general), (channel.channel_id, "*"))
        answers = [stated(source, name, rule) for source, name in places]
        expected = next((answer for answer in answers if answer is not None), default)
        if rule == "location_ids" and expected is not None:
            expected = frozenset(expected)
        assert getattr(channel, rule) == expected, (channel.channel_id, rule)


@given(documents(SKU), documents("*"))
def test_safety_stock_is_found_from_narrow_to_wide(
    own: StockPolicySet | None, general: StockPolicySet | None
) -> None:
    """SKU and location, SKU and every location, every SKU and the location, every SKU and location, none."""
    plan = policy.resolve(own, general, CHANNELS)
    for location_id in LOCATIONS:
        found = [
            rule.safety_stock
            for source in (own, general)
            for name in (location_id, "*")
            for rule in (() if source is None else source.locations)
            if rule.location_id == name
        ]
        assert plan.safety_stock_at(location_id) == next(iter(found), 0)


@given(documents(SKU), documents("*"))
def test_network_safety_is_the_skus_own_before_the_general_one(
    own: StockPolicySet | None, general: StockPolicySet | None
) -> None:
    """A stated zero counts as stated."""
    answers = [source.network_safety for source in (own, general) if source is not None]
    expected = next((answer for answer in answers if answer is not None), 0)
    assert policy.resolve(own, general, CHANNELS).network_safety == expected


def test_without_documents_everything_is_for_sale_everywhere() -> None:
    """The plain plan: no rule at all, channels in order of their ids."""
    assert policy.resolve(None, None, ["web", "pos"]) == Plan((ChannelPlan("pos"), ChannelPlan("web")))


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
    channels=(ChannelPolicy("web", ("store",), 10_000, 0, 0, 0, 0), ChannelPolicy("*")),
    locations=(LocationPolicy("store", 0), LocationPolicy("*", 1_000_000_000)),
)


def test_a_sensible_document_passes() -> None:
    """The limits themselves are within them."""
    policy.check(SENSIBLE, NOW)
    policy.check(SENSIBLE._replace(occurred_at=NOW + 300_000), NOW)
    policy.check(SENSIBLE._replace(occurred_at=946_684_800_000), NOW)


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
        ({"locations": (LocationPolicy("", 1),)}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("a", 1), LocationPolicy("a", 2))}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("a", -1),)}, Reason.INVALID_POLICY),
        ({"locations": (LocationPolicy("a", 1_000_000_001),)}, Reason.INVALID_POLICY),
    ],
)
def test_a_document_that_makes_no_sense_is_given_up(fields: dict[str, Any], reason: Reason) -> None:
    """Each limit, one step beyond, with its reason."""
    with pytest.raises(GiveUp) as refused:
        policy.check(SENSIBLE._replace(**fields), NOW)
    assert refused.value.reason is reason
    assert refused.value.message
