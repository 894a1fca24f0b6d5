"""Verification's own partitioner, rules, fold and policies, against figures worked out by hand."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

import streams.verify
from schemas.wire import encode
from streams.verify.decoding import version_of
from streams.verify.partitioning import _murmur2
from streams.verify.policies import PolicyBook
from streams.verify.silence import Hearing
from tests.verify.world import NOON

ALLOWED_IMPORTS = {"confluent_kafka", "fastavro", "redis", "streams.verify"}


def test_verification_shares_no_code_with_what_it_verifies() -> None:
    """Its modules import the standard library, three client libraries and each other, nothing else."""
    for path in Path(str(streams.verify.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name} imports relatively"
                names = [node.module or ""]
            for name in names:
                known = name.split(".")[0] in sys.stdlib_module_names
                assert known or any(
                    name == good or name.startswith(f"{good}.") for good in ALLOWED_IMPORTS
                ), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, hashed: int) -> None:
    """The hash equals that of Kafka's own tests (UtilsTest.testMurmur2)."""
    assert _murmur2(key) == hashed & 0xFFFFFFFF


def at(location_id: str, on_hand: int, **more: int) -> dict[str, Any]:
    """Return a location of the table."""
    zeros = dict.fromkeys(("unsellable", "reserved", "held", "safety_stock", "incoming"), 0)
    return zeros | {"location_id": location_id, "on_hand": on_hand} | more


def policy(sku: str = "*", event_id: str = "p", **rules: Any) -> dict[str, Any]:
    """Return a policy document."""
    plain = {"event_id": event_id, "sku": sku, "occurred_at": NOON, "network_safety": None}
    plain["backorder_limit"] = None
    nothing: dict[str, Any] = {"low_stock_threshold": None, "location_groups": [], "sources": []}
    return plain | nothing | {"channels": [], "locations": []} | rules


def channel(channel_id: str, **rules: Any) -> dict[str, Any]:
    """Return one channel's rules."""
    names = ("location_ids", "share_basis_points", "buffer", "cap", "ring_fence", "priority")
    newer = ("location_group_ids", "maximum_staleness_seconds")
    return dict.fromkeys((*names, *newer)) | {"channel_id": channel_id} | rules


def book(*policies: dict[str, Any]) -> PolicyBook:
    """Return a book of policies."""
    made = PolicyBook()
    for document in policies:
        made.add(document)
    return made


def units(rules: PolicyBook, locations: list[dict[str, Any]], channels: list[str]) -> dict[str, int]:
    """Return what channels may sell of A where only one thing may be true."""
    (outlook,) = rules.outlooks("A", locations, channels)
    return outlook.units


def test_example_of_semantics_9() -> None:
    """On hand 4, safety 2, reserved 3 gives 0, not -1; and a deficit does not hide other stock."""
    locations = [at("a", 4, safety_stock=2, reserved=3)]
    assert units(book(), locations, ["pos"]) == {"pos": 0}
    assert units(book(), [*locations, at("b", 5)], ["pos"]) == {"pos": 5}


def test_share_buffer_cap_and_network_safety() -> None:
    """Of 11 units 1 is kept back; 50 % of 10 less buffer 2 is 3; the cap of 4 binds the other channel."""
    rules = policy(
        network_safety=1,
        channels=[channel("pos", share_basis_points=5_000, buffer=2), channel("*", cap=4)],
    )
    assert units(book(rules), [at("a", 11)], ["pos", "web"]) == {"pos": 3, "web": 4}


def test_ring_fences_go_to_their_own_channel_and_shrink_by_priority() -> None:
    """Of 10 units pos fences 4: web sees 6, pos 10. Of 5 with fences 4 and 3, priority 0 keeps its 4."""
    fence = policy(channels=[channel("pos", ring_fence=4)])
    assert units(book(fence), [at("a", 10)], ["pos", "web"]) == {"pos": 10, "web": 6}
    both = policy(
        channels=[channel("pos", ring_fence=3, priority=1), channel("web", ring_fence=4, priority=0)]
    )
    assert units(book(both), [at("a", 5)], ["pos", "web"]) == {"pos": 1, "web": 4}


def test_narrower_policy_wins_rule_by_rule() -> None:
    """SKU and channel, SKU and any, any SKU and channel, any and any: each rule from the first that states it."""
    general = policy(channels=[channel("pos", buffer=1, cap=100), channel("*", buffer=2, cap=50)])
    own = policy("A", channels=[channel("*", buffer=3)])
    found = units(book(general, own), [at("a", 200)], ["pos", "web"])
    assert found == {"pos": 100, "web": 50}
    small = units(book(general, own), [at("a", 10)], ["pos", "web"])
    assert small == {"pos": 7, "web": 7}
    assert units(book(general), [at("a", 10)], ["pos", "web"]) == {"pos": 9, "web": 8}


def test_locations_of_a_channel_bound_its_pool() -> None:
    """A channel that sells from one location sees only that one's stock."""
    only_b = policy(channels=[channel("web", location_ids=["b"])])
    assert units(book(only_b), [at("a", 5), at("b", 2)], ["pos", "web"]) == {"pos": 7, "web": 2}


def test_categories_stand_between_a_sku_and_all() -> None:
    """The narrower category before the wider; a SKU that is in none, or in another, is not concerned."""
    rules = book(
        policy(channels=[channel("pos", cap=9, buffer=1)]),
        policy("*/shoes", channels=[channel("*", cap=8)]),
        policy("*/shoes/trainers", channels=[channel("*", cap=7)]),
        policy("*/hats", channels=[channel("*", cap=6)]),
    )
    for category, expected in (
        (None, 9),
        ("shoes", 8),
        ("shoes/boots", 8),
        ("shoes/trainers/kids", 7),
        ("", 9),
    ):
        rules.categories["A"] = category
        assert units(rules, [at("a", 50)], ["pos"]) == {"pos": expected}, category


def test_groups_of_locations_are_the_narrowest_policys() -> None:
    """Named together with locations they are one rule; a group that nobody defines is empty."""
    general = policy(
        channels=[channel("pos", location_group_ids=["north"], location_ids=["c"])],
        location_groups=[{"group_id": "north", "location_ids": ["a"]}],
    )
    places = [at("a", 1), at("b", 20), at("c", 300)]
    assert units(book(general), places, ["pos", "web"]) == {"pos": 301, "web": 321}
    own = policy("A", location_groups=[{"group_id": "north", "location_ids": ["b"]}])
    assert units(book(general, own), places, ["pos"]) == {"pos": 320}
    unknown = policy("A", channels=[channel("pos", location_group_ids=["south"])])
    assert units(book(general, unknown), places, ["pos"]) == {"pos": 0}


def heard_book(*worlds: dict[str, int]) -> PolicyBook:
    """Return a book in which till speaks for a, and web minds a silence of a minute."""
    rules = book(
        policy(
            channels=[channel("web", maximum_staleness_seconds=60)],
            sources=[{"location_id": "a", "source_ids": ["till"], "trusted_count_source_ids": None}],
            low_stock_threshold=5,
        )
    )
    rules.worlds = list(worlds)
    return rules


def test_a_silent_location_is_empty_for_who_minds() -> None:
    """And counts in full for low stock: the goods are there."""
    places = [at("a", 4), at("b", 20)]
    assert units(heard_book({"till": 60}), places, ["pos", "web"]) == {"pos": 24, "web": 20}
    assert units(heard_book({"till": 0}), places, ["pos", "web"]) == {"pos": 24, "web": 24}
    both = heard_book({"till": 0}, {"till": 60}).outlooks("A", [at("a", 4)], ["web"])
    assert [(outlook.units["web"], outlook.standing) for outlook in both] == [
        (4, {"LOW_STOCK": 4}),
        (0, {"LOW_STOCK": 4}),
    ]
    assert heard_book().outlooks("A", places, ["web"]) == [], "too much is unknown"


def test_ring_fences_that_lack_units_stand_as_an_alert() -> None:
    """With what all of them lack together."""
    fences = policy(channels=[channel("pos", ring_fence=3), channel("web", ring_fence=4)])
    (outlook,) = book(fences).outlooks("A", [at("a", 5)], ["pos", "web"])
    assert outlook.standing == {"RING_FENCE_SHRUNK": 2}


def test_a_source_near_its_limit_may_be_silent_or_not() -> None:
    """Ten seconds to either side; a word from the future is none."""
    hearing = Hearing(NOON)
    for source_id, age_seconds in (
        ("fresh", 49),
        ("near", 55),
        ("also near", 65),
        ("stale", 71),
        ("ahead", -301),
    ):
        value = {"source_id": source_id, "heard_at": NOON - age_seconds * 1_000, "heard_by": "x"}
        hearing.add("SourceHeard", value)
    hearing.add("SourceSilence", {"source_id": "fresh", "heard_at": NOON, "told_at": NOON})
    assert hearing.worlds({"fresh", "stale", "ahead", "never"}, {60}) == [
        {"ahead": 60, "fresh": 0, "never": 60, "stale": 60}
    ]
    assert hearing.worlds({"near"}, {60, 50}) == [{"near": 0}, {"near": 50}, {"near": 60}]
    assert hearing.worlds({"also near"}, {60}) == [{"also near": 0}, {"also near": 60}]
    many = Hearing(NOON)
    for number in range(7):
        many.add("SourceHeard", {"source_id": str(number), "heard_at": NOON - 60_000, "heard_by": "x"})
    assert many.worlds(set("0123456"), {60}) == []


def test_safety_stock_resolves_and_newest_policy_wins() -> None:
    """SKU and location before SKU and any before any SKU; of two policies the later, then the higher id."""
    general = policy(
        locations=[{"location_id": "a", "safety_stock": 1}, {"location_id": "*", "safety_stock": 2}]
    )
    own = policy("A", locations=[{"location_id": "b", "safety_stock": 5}])
    rules = book(general, own)
    assert [rules.safety_stock("A", place) for place in ("a", "b", "c")] == [1, 5, 2]
    assert rules.safety_stock("B", "b") == 2
    older = policy("A", "z", locations=[]) | {"occurred_at": NOON - 1}
    rules.add(older)
    assert rules.safety_stock("A", "b") == 5
    rules.add(policy("A", "q", locations=[]))
    assert rules.safety_stock("A", "b") == 2


def test_versions_are_read_without_decoding_the_rest() -> None:
    """The quick look at a version agrees with the record, whatever its size."""
    for version in (0, 1, 63, 64, 8_191, 8_192, 2**40):
        value = {"sku": "\xfc-1", "channel_id": "web", "available_to_sell": version * 3, "version": version}
        assert (
            version_of(encode("ChannelAvailability", value | {"occurred_at": NOON, "emitted_at": NOON}))
            == version
        )
        level = {"sku": "\xfc-1", "version": version, "locations": [], "availability": []}
        assert version_of(encode("StockLevel", level | {"occurred_at": NOON, "updated_at": NOON})) == version
