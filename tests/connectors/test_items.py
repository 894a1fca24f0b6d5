"""Items at the edge: files of descriptions, and what identifiers mean by what was described."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.connector import FileSource
from connectors.files.mapping import parse_mapping
from connectors.items.connector import ItemFileSource
from connectors.items.identifiers import Identifiers, Meaning, Unresolved, item_of
from connectors.protocols import Reject, SourceError, SourceEvent
from schemas import latest, wire
from streams.domain.catalogue import BundleComponent, Item, ItemUnit
from tests.connectors.contract import SourceContract
from tests.domain.shop import NOW
from tests.schemas.samples import example

UNIT_GTIN, CASE_GTIN = "5901234123457", "15901234123454"

CSV = f"""sku,name,category,gtins,aliases,units,components
MUG,Mug,kitchen/mugs,{UNIT_GTIN},OLD-MUG; TASSE,case=12={CASE_GTIN};pallet=480,
SPOON, Spoon ,kitchen,,,,
GIFT-SET,Gift set,,,,,MUG=1; SPOON=2

PLATE,,,not-a-gtin,,,
,Nobody,,,,,
BOWL,-,,-,,,
JUG,too,many,columns,in,this,row,really
POT,,,,,case,
PAN,,,,,,MUG=some
"""


def shop_file(folder: Path, text: str = CSV, name: str = "items.csv") -> Path:
    """A file with these items."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def descriptions(source: ItemFileSource) -> list[dict[str, Any]]:
    """What the rows of a source say."""
    return [found.value for found in source.read() if isinstance(found, SourceEvent)]


class TestItemFile(SourceContract):
    """The contract for files of items."""

    rows_total = 10
    bad_lines = (6, 7, 9, 10, 11)

    def make_source(self, folder: Path) -> ItemFileSource:
        """Return the shop's items."""
        return ItemFileSource([shop_file(folder)], "pim", NOW)


def test_cells_become_attributes(tmp_path: Path) -> None:
    """An empty cell says nothing; a dash takes back."""
    mug, spoon, gift, bowl = descriptions(ItemFileSource([shop_file(tmp_path)], "pim", NOW))
    assert (mug["name"], mug["category"], mug["gtins"]) == ("Mug", "kitchen/mugs", [UNIT_GTIN])
    assert mug["aliases"] == ["OLD-MUG", "TASSE"]
    assert mug["units"] == [
        {"unit": "case", "units": 12, "gtin": CASE_GTIN},
        {"unit": "pallet", "units": 480, "gtin": None},
    ]
    assert (spoon["name"], spoon["gtins"], spoon["components"]) == ("Spoon", None, None)
    assert gift["components"] == [{"sku": "MUG", "quantity": 1}, {"sku": "SPOON", "quantity": 2}]
    assert (bowl["name"], bowl["gtins"], bowl["aliases"]) == ("", [], None)


def test_json_lines_say_the_same_as_cells(tmp_path: Path) -> None:
    """They have the names of the schema, and give the same ids."""
    names = ("sku", "name", "category", "gtins", "aliases", "units", "components")
    of_cells = descriptions(ItemFileSource([shop_file(tmp_path)], "pim", NOW))
    lines = "\n".join(json.dumps({name: value[name] for name in names}) for value in of_cells)
    of_lines = descriptions(ItemFileSource([shop_file(tmp_path, lines, "items.jsonl")], "pim", NOW))
    assert of_lines == of_cells


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{}", "sku: missing or empty"),
        ('{"sku": "A", "colour": "red"}', "colour: unknown; an item has sku, name"),
        ('{"sku": "A", "gtins": [7]}', "gtins[0]: not a text"),
        ('{"sku": "A", "components": [{"sku": "A", "quantity": 1}]}', "bundle of itself"),
        ('{"sku": "A", "units": [{"unit": "case", "units": 0}]}', "units[0].units: not between 1"),
        ('{"sku": "*", "name": "all"}', "stands for a policy"),
        ('{"sku": "A", "name": "\\ud800"}', "name: no valid Unicode text"),
        ("[]", "a JSON object is needed"),
    ],
)
def test_a_line_that_is_no_item_is_rejected_with_its_reason(tmp_path: Path, line: str, reason: str) -> None:
    """And the line after it is taken."""
    path = shop_file(tmp_path, f'{line}\n{{"sku": "B"}}\n', "items.jsonl")
    reject, taken = ItemFileSource([path], "pim", NOW).read()
    assert isinstance(reject, Reject)
    assert reason in reject.reason
    assert isinstance(taken, SourceEvent)


def test_a_file_speaks_as_of_its_last_change(tmp_path: Path) -> None:
    """So that importing it again says nothing new, and a mended file does."""
    path = shop_file(tmp_path, '{"sku": "A"}', "items.jsonl")
    os.utime(path, ns=(NOW * 1_000_000, NOW * 1_000_000))
    (first,) = descriptions(ItemFileSource([path], "pim"))
    assert first["occurred_at"] == NOW
    os.utime(path, ns=((NOW + 1) * 1_000_000, (NOW + 1) * 1_000_000))
    (second,) = descriptions(ItemFileSource([path], "pim"))
    assert second["event_id"] != first["event_id"]


@pytest.mark.parametrize("header", ["name,category", "sku,colour", "sku,sku"])
def test_a_header_that_makes_no_sense_is_refused_before_any_row(tmp_path: Path, header: str) -> None:
    """A misspelt column would lose what it says."""
    source = ItemFileSource([shop_file(tmp_path, f"{header}\nA,B\n")], "pim", NOW)
    with pytest.raises(SourceError, match="must name sku"):
        list(source.read())


# Identifiers ---------------------------------------------------------------------------------------------

MUG = Item("MUG", gtins=(UNIT_GTIN,), aliases=("TASSE",), units=(ItemUnit("case", 12, CASE_GTIN),))


def known(*items: Item, strict: bool = False) -> Identifiers:
    """Identifiers of these items."""
    identifiers = Identifiers(strict=strict)
    for item in items:
        identifiers.put(item)
    return identifiers


@pytest.mark.parametrize(
    ("identifier", "units"),
    [("MUG", 1), ("TASSE", 1), (UNIT_GTIN, 1), (f"0{UNIT_GTIN}", 1), (CASE_GTIN, 12)],
)
def test_every_identifier_means_units_of_its_sku(identifier: str, units: int) -> None:
    """A GTIN in each of its lengths; a case is as many units as are in it."""
    sold = {"sku": identifier, "quantity": 2, "location_id": "store"}
    expected = {"sku": "MUG", "quantity": 2 * units, "location_id": "store"}
    assert known(MUG, strict=True).resolve(sold) == expected


def test_an_identifier_that_two_skus_claim_is_refused_with_both_names() -> None:
    """Either of them could be wrong; nobody guesses. Others are not affected."""
    identifiers = known(MUG, Item("CUP", aliases=("TASSE", "BECHER")))
    with pytest.raises(Unresolved, match="1 of SKU 'CUP' and 1 of SKU 'MUG'"):
        identifiers.resolve({"sku": "TASSE", "quantity": 1})
    assert identifiers.meaning("BECHER") == Meaning("CUP", 1)
    identifiers.put(Item("CUP", aliases=("BECHER",)))
    assert identifiers.meaning("TASSE") == Meaning("MUG", 1)


def test_a_sku_that_is_anothers_alias_or_gtin_is_refused_too() -> None:
    """A shop that has GTINs for SKUs must not sell one article under another's number."""
    identifiers = known(MUG, Item(UNIT_GTIN), Item("TASSE"))
    for identifier in (UNIT_GTIN, "TASSE"):
        with pytest.raises(Unresolved, match="mend the catalogue"):
            identifiers.meaning(identifier)


def test_what_is_unknown_passes_or_is_refused() -> None:
    """By strictness."""
    sold = {"sku": "STRANGER", "quantity": 1}
    assert known(MUG).resolve(sold) == sold
    with pytest.raises(Unresolved, match="'STRANGER' is no SKU"):
        known(MUG, strict=True).resolve(sold)
    with pytest.raises(Unresolved, match="empty"):
        known(MUG).resolve({"sku": " ", "quantity": 1})


def test_more_units_than_an_event_may_have_are_refused() -> None:
    """Here, where the row is named, and not as a dead letter."""
    with pytest.raises(Unresolved, match="more than"):
        known(MUG).resolve({"sku": CASE_GTIN, "quantity": 100_000_000})


def test_a_bundle_comes_to_its_components() -> None:
    """What a checkout holds, also of a whole carton of them."""
    gift = Item(
        "GIFT-SET",
        units=(ItemUnit("carton", 6, "25901234123451"),),
        components=(BundleComponent("MUG", 1), BundleComponent("SPOON", 2)),
    )
    lines = known(MUG, gift).contents([("25901234123451", 2), ("TASSE", 3), ("PLATE", 1)])
    assert lines == [("MUG", 12), ("SPOON", 24), ("MUG", 3), ("PLATE", 1)]


def test_a_policy_is_not_resolved() -> None:
    """Its key may be * or a category's."""
    policy = {"sku": "*", "channels": []}
    assert known(MUG, strict=True).resolve(policy) is policy


aliases = st.lists(st.sampled_from("abcd"), max_size=3, unique=True).map(tuple)


@given(st.lists(st.tuples(st.sampled_from(("X", "Y", "Z")), aliases), max_size=8))
def test_only_the_latest_item_of_each_sku_counts(history: list[tuple[str, tuple[str, ...]]]) -> None:
    """However identifiers wander from one SKU to another."""
    changed = known(*(Item(sku, aliases=names) for sku, names in history))
    fresh = known(*(Item(sku, aliases=names) for sku, names in dict(history).items()))
    for identifier in "abcd":
        assert outcome(changed, identifier) == outcome(fresh, identifier)


def outcome(identifiers: Identifiers, identifier: str) -> Meaning | str | None:
    """What an identifier means, or why it means nothing."""
    try:
        return identifiers.meaning(identifier)
    except Unresolved as error:
        return str(error)


def test_an_item_is_read_as_its_record_has_it() -> None:
    """Every field of the published example, back and forth."""
    value = example(latest("Item"))
    item = item_of(wire.decode(wire.encode("Item", value))[1])
    assert item.sku == value["sku"]
    assert item.components == tuple(BundleComponent(**part) for part in value["components"])
    assert [origin._asdict() for origin in item.origins] == value["origins"]


def test_rows_of_a_file_are_resolved_before_they_are_published(tmp_path: Path) -> None:
    """Else they would lie on the partition of a SKU that is none; what is refused keeps its line."""
    mapping = parse_mapping(
        'source_id = "till"\nevent_id = { template = "{id}" }\n[fields]\nsku = { column = "article" }\n'
        'location_id = { constant = "store" }\nquantity = { column = "quantity" }\n'
        'occurred_at = { column = "at" }\n[[events]]\nrecord = "SaleRecorded"\n',
    )
    rows = f"id,article,quantity,at\n1,{CASE_GTIN},2,2026-07-01\n2,STRANGER,1,2026-07-01\n"
    path = shop_file(tmp_path, rows, "sales.csv")
    sale, reject = FileSource([path], mapping, known(MUG, strict=True).resolve).read()
    assert isinstance(sale, SourceEvent)
    assert (sale.value["sku"], sale.value["quantity"]) == ("MUG", 24)
    assert isinstance(reject, Reject)
    assert (reject.line, "STRANGER" in reject.reason) == (3, True)
