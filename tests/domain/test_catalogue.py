"""What several sources say of a SKU becomes one item, in whatever order they say it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import catalogue
from streams.domain.catalogue import BundleComponent, Item, ItemDescribed, ItemUnit
from streams.domain.errors import GiveUp, Reason
from tests.domain.shop import NOW, SKU

GTIN_13, GTIN_12, GTIN_8, GTIN_14 = "4006381333931", "036000291452", "96385074", "10614141000415"
AUTHORITY = {"category": "pim", "gtins": "erp"}


def described(**fields: Any) -> ItemDescribed:
    """A description of the one SKU."""
    return ItemDescribed(**{"event_id": "d-1", "source_id": "pim", "sku": SKU, "occurred_at": NOW, **fields})


def merged(*descriptions: ItemDescribed, authority: dict[str, str] | None = None) -> Item:
    """All descriptions, merged one by one."""
    item: Item | None = None
    for one in descriptions:
        item = catalogue.merge(item, one, authority or {})
    assert item is not None
    return item


ANY_DESCRIPTION = st.builds(
    ItemDescribed,
    event_id=st.sampled_from(["a", "b", "c"]),
    source_id=st.sampled_from(["erp", "pim", "shop"]),
    sku=st.just(SKU),
    occurred_at=st.integers(NOW - 3, NOW),
    name=st.none(),
    category=st.sampled_from([None, "", "shoes", "shoes/trainers"]),
    gtins=st.sampled_from([None, (), (GTIN_13,), (GTIN_8,)]),
    aliases=st.sampled_from([None, ("old-1",)]),
    units=st.sampled_from([None, (ItemUnit("case", 12),)]),
    components=st.sampled_from([None, (), (BundleComponent("part", 2),)]),
)


@given(data=st.data(), descriptions=st.lists(ANY_DESCRIPTION, min_size=1, max_size=6))
def test_any_order_and_repetition_of_descriptions_gives_the_same_item(
    data: st.DataObject, descriptions: list[ItemDescribed]
) -> None:
    """Partitions, retries and resends decide the order; an identity says the same each time it is sent."""
    once = list({(one.source_id, one.event_id): one for one in descriptions}.values())
    again = data.draw(st.permutations(once + once))
    assert merged(*again, authority=AUTHORITY) == merged(*once, authority=AUTHORITY)


def test_the_newer_description_wins_without_an_authority() -> None:
    """Whoever says it."""
    old, new = described(category="shoes"), described(event_id="d-2", source_id="erp", occurred_at=NOW + 1)
    item = merged(old, new._replace(category="boots"))
    assert item.category == "boots"
    assert merged(new._replace(category="boots"), old) == item


def test_the_authority_wins_over_newer_descriptions_of_others() -> None:
    """And only for its attribute: another is decided by time."""
    pim = described(category="shoes", name="Old name")
    shop = described(source_id="shop", occurred_at=NOW + 9, category="misc", name="New name")
    item = merged(pim, shop, authority=AUTHORITY)
    assert (item.category, item.name) == ("shoes", "New name")
    assert {origin.attribute: origin.source_id for origin in item.origins} == {
        "category": "pim",
        "name": "shop",
    }


def test_another_source_fills_in_what_the_authority_has_not_said() -> None:
    """A first catalogue may come from anywhere."""
    assert merged(described(source_id="shop", category="misc"), authority=AUTHORITY).category == "misc"


def test_saying_nothing_keeps_an_attribute_and_saying_it_is_empty_takes_it_back() -> None:
    """Null and an empty list mean different things."""
    first = described(aliases=("old-1",), components=(BundleComponent("part", 1),))
    silent = described(event_id="d-2", occurred_at=NOW + 1, name="Shoe")
    emptied = described(event_id="d-3", occurred_at=NOW + 2, components=())
    assert merged(first, silent).components == (BundleComponent("part", 1),)
    item = merged(first, silent, emptied)
    assert (item.components, item.aliases) == ((), ("old-1",))


@pytest.mark.parametrize("gtin", [GTIN_13, GTIN_12, GTIN_8, GTIN_14])
def test_real_gtins_are_known_as_such_and_a_slip_in_any_digit_is_found(gtin: str) -> None:
    """GS1's check digit catches every single wrong digit."""
    assert catalogue.is_gtin(gtin)
    for place in range(len(gtin)):
        slipped = gtin[:place] + str((int(gtin[place]) + 1) % 10) + gtin[place + 1 :]
        assert not catalogue.is_gtin(slipped)


@pytest.mark.parametrize("text", ["", "0", "4006381333931 ", "40063813339", "٤٠٠٦٣٨١٣٣٣٩٣١", "400638133393X"])
def test_what_is_no_number_of_the_right_length_is_no_gtin(text: str) -> None:
    """Also not digits of other scripts, which int() would take."""
    assert not catalogue.is_gtin(text)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_id": ""}, Reason.INVALID_IDENTITY),
        ({"source_id": "s" * 600}, Reason.INVALID_IDENTITY),
        ({"occurred_at": NOW + 301_000}, Reason.FUTURE_EVENT),
        ({"occurred_at": 1}, Reason.INVALID_TIME),
        ({"name": "n" * 501}, Reason.INVALID_ITEM),
        ({"category": "shoes//trainers"}, Reason.INVALID_ITEM),
        ({"category": "/shoes"}, Reason.INVALID_ITEM),
        ({"category": "shoes/ trainers"}, Reason.INVALID_ITEM),
        ({"category": "shoes\ntrainers"}, Reason.INVALID_ITEM),
        ({"category": "c" * 199}, Reason.INVALID_ITEM),
        ({"gtins": ("4006381333932",)}, Reason.INVALID_ITEM),
        ({"gtins": (GTIN_13, GTIN_13)}, Reason.INVALID_ITEM),
        ({"aliases": (SKU,)}, Reason.INVALID_ITEM),
        ({"aliases": (" x",)}, Reason.INVALID_ITEM),
        ({"units": (ItemUnit("case", 0),)}, Reason.INVALID_ITEM),
        ({"units": (ItemUnit("", 12),)}, Reason.INVALID_ITEM),
        ({"units": (ItemUnit("case", 12), ItemUnit("case", 6))}, Reason.INVALID_ITEM),
        ({"units": (ItemUnit("case", 12, "123"),)}, Reason.INVALID_ITEM),
        ({"units": (ItemUnit("case", 12, "0" + GTIN_13),), "gtins": (GTIN_13,)}, Reason.INVALID_ITEM),
        ({"components": (BundleComponent(SKU, 1),)}, Reason.INVALID_ITEM),
        ({"components": (BundleComponent("part", 0),)}, Reason.INVALID_ITEM),
        ({"components": (BundleComponent("part", 1), BundleComponent("part", 2))}, Reason.INVALID_ITEM),
        ({"components": (BundleComponent("", 1),)}, Reason.INVALID_ITEM),
    ],
)
def test_a_description_that_makes_no_sense_is_given_up(fields: dict[str, Any], reason: Reason) -> None:
    """With a reason that says which attribute it is."""
    with pytest.raises(GiveUp) as refusal:
        catalogue.check(described(**fields), NOW)
    assert refusal.value.reason is reason


def test_a_whole_description_passes() -> None:
    """All that a shop may say, a GTIN that is the SKU itself among it."""
    one = described(
        sku=GTIN_13,
        name="Trainer",
        category="shoes/trainers",
        gtins=(GTIN_13, GTIN_8),
        aliases=("trainer-old",),
        units=(ItemUnit("case", 12, GTIN_14), ItemUnit("pallet", 480)),
        components=(BundleComponent("lace", 2),),
    )
    catalogue.check(one, NOW)


def test_everything_that_means_an_item_is_named_with_its_units() -> None:
    """GTINs with all their 14 digits, so that one number has one spelling."""
    item = Item(
        SKU, gtins=(GTIN_12,), aliases=("old",), units=(ItemUnit("case", 12, GTIN_14), ItemUnit("box", 6))
    )
    assert list(catalogue.identifiers(item)) == [
        (SKU, 1),
        ("old", 1),
        ("00" + GTIN_12, 1),
        (GTIN_14, 12),
    ]


def test_authority_is_read_from_a_setting() -> None:
    """By attribute; what is no attribute or no source is said."""
    assert catalogue.parse_authority("category=pim, gtins=erp,") == AUTHORITY
    assert catalogue.parse_authority("") == {}
    for wrong in ("colour=pim", "category", "category=", "category=a,category=b"):
        with pytest.raises(ValueError, match=r"attribute=source|two authorities"):
            catalogue.parse_authority(wrong)
