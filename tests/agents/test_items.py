"""Descriptions of items pass through the stock agent and are in force for all workers."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.catalogue import ItemDescribed
from streams.domain.events import GoodsReceived, SaleRecorded
from streams.domain.policy import ChannelPolicy, StockPolicySet
from tests.agents.stockroom import Stockroom
from tests.domain.shop import NOW, SKU, make

IN_FORCE = "stock-items-in-force"


def described(number: int, **fields: Any) -> ItemDescribed:
    """A description; a higher number is newer."""
    defaults: dict[str, Any] = {"event_id": f"d-{number}", "source_id": "pim", "sku": SKU}
    return ItemDescribed(**{**defaults, "occurred_at": NOW - 1_000 + number, **fields})


def test_descriptions_of_one_batch_are_merged() -> None:
    """The second is merged with the first, which is in force only after the batch."""
    room = Stockroom()
    harvest = room.take(described(1, category="shoes"), described(2, name="Trainer"))
    last = harvest.of(IN_FORCE)[-1]
    assert last.key == SKU.encode()
    fields = last.fields()
    assert (fields["category"], fields["name"]) == ("shoes", "Trainer")
    assert room.monitor.outcomes["stock-items", "APPLIED"] == 2


def test_a_later_batch_merges_with_what_was_committed_before_the_topic_brings_it() -> None:
    """Nor does an older state, coming round through the topic, undo it."""
    room = Stockroom()
    first = room.take(described(1, category="shoes"))
    second = room.take(described(2, name="Trainer"))
    room.hear_globals(first)
    third = room.take(described(3, aliases=("old",)))
    room.hear_globals(second)
    room.hear_globals(third)
    fields = room.take(described(4, gtins=("96385074",))).of(IN_FORCE)[-1].fields()
    assert (fields["category"], fields["name"], fields["aliases"]) == ("shoes", "Trainer", ["old"])


def test_an_aborted_batch_leaves_no_item() -> None:
    """What it had merged is gone with it."""
    room = Stockroom()
    room.take(described(1, category="shoes"), commits=False)
    fields = room.take(described(2, name="Trainer")).of(IN_FORCE)[-1].fields()
    assert fields["category"] is None


def test_an_older_description_is_superseded_and_a_repeated_one_a_duplicate() -> None:
    """Neither writes anything."""
    room = Stockroom()
    room.take(described(2, category="shoes"))
    harvest = room.take(described(1, category="boots"), described(2, category="shoes"))
    assert harvest.of(IN_FORCE) == []
    assert room.monitor.outcomes["stock-items", "SUPERSEDED"] == 1
    assert room.monitor.outcomes["stock-items", "DUPLICATE"] == 1


def test_the_authority_setting_decides() -> None:
    """The setting reaches the merge."""
    room = Stockroom(catalogue_authority="category=pim")
    room.take(described(1, category="shoes"))
    harvest = room.take(described(2, source_id="shop", category="misc", name="Trainer"))
    assert harvest.of(IN_FORCE)[-1].fields()["category"] == "shoes"


def test_a_bad_description_is_a_dead_letter() -> None:
    """With its reason; others go on."""
    room = Stockroom()
    harvest = room.take(described(1, gtins=("123",)), described(2, category="shoes"))
    (letter,) = harvest.of("stock-items-dlq")
    assert letter.header("__streams.errors.exception") == "INVALID_ITEM"
    assert len(harvest.of(IN_FORCE)) == 1


def test_a_strict_catalogue_knows_the_skus_that_were_described() -> None:
    """A sale of another one waits."""
    room = Stockroom(catalogue="strict")
    room.take(described(1, category="shoes"))
    harvest = room.take(make(SaleRecorded), make(SaleRecorded, sku="stranger", event_id="e-2"))
    assert [row["sku"] for row in harvest.movements()] == [SKU]
    assert [letter.key for letter in harvest.of("stock-sales-retry")] == [b"stranger"]


@pytest.mark.parametrize("commits", [True, False])
def test_a_restarted_worker_knows_what_is_in_force(commits: bool) -> None:
    """Items come back through the topic, and only those that were committed."""
    room = Stockroom(catalogue="strict")
    room.take(described(1, category="shoes"), commits=commits)
    again = Stockroom(room.all, catalogue="strict")
    harvest = again.take(make(SaleRecorded))
    assert len(harvest.movements()) == int(commits)


def test_a_sku_that_changes_its_category_is_told_by_the_new_categorys_policy() -> None:
    """Between batches, without any event of its own."""
    room = Stockroom()
    buffers = ChannelPolicy("*", buffer=4)
    room.take(
        StockPolicySet("p-1", "hq", "*/shoes", NOW, channels=(buffers,)),
        make(GoodsReceived, quantity=10, inbound_id=None),
    )
    room.take(described(1, category="shoes/trainers"))
    assert room.tick().told() == {("pos", SKU): 6, ("web", SKU): 6}
    room.take(described(2, category="boots"))
    assert room.tick().told() == {("pos", SKU): 10, ("web", SKU): 10}
