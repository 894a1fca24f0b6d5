"""The Online Retail source: its contract, its fixed mapping, and the real ten months."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from connectors.files.connector import FileSource
from connectors.files.mapping import load_mapping
from connectors.online_retail.connector import OnlineRetailSource
from connectors.protocols import Reject, SourceError, SourceEvent
from tests.connectors.contract import SourceContract

ROOT = Path(__file__).parents[2]
REAL = sorted((ROOT.parent / "shared" / "data" / "online-retail").glob("*.csv.gz"))
MAPPING = ROOT / "connectors" / "files" / "examples" / "online-retail.toml"

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
DECEMBER = HEADER + (
    "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
    "536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom\n"
    "536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France\n"
    "536370,22728,ALARM CLOCK BAKELIKE PINK,24,2010-12-01 08:45:00,3.75,12583.0,France\n"
    "C536379,22728,ALARM CLOCK BAKELIKE PINK,-1,2010-12-01 09:41:00,3.75,14527.0,United Kingdom\n"
    "536589,21777,,-10,2010-12-01 16:50:00,0.0,,Japan\n"
    '536590,84029g,"KNITTED ""UNION FLAG"", LARGE",zero,2010-12-01 16:51:00,0.0,,EIRE\n'
    "536591,84029g,KNITTED UNION FLAG,0,2010-12-01 16:52:00,0.0,,EIRE\n"
    "C536592,84029g,KNITTED UNION FLAG,5,2010-12-01 16:53:00,0.0,,EIRE\n"
    "536365,84029g,KNITTED UNION FLAG,2,2010-12-01 16:54:00,0.0,,EIRE\n"
)
JANUARY = HEADER + (
    "536365,22728,ALARM CLOCK BAKELIKE PINK,7,2011-01-04 10:00:00,3.75,12583.0,Unspecified\n"
    "536600,22728,ALARM CLOCK BAKELIKE PINK,1,01/05/2011 8:26,3.75,12583.0,Germany\n"
    "536600,22728,too few columns\n"
)


def two_months(folder: Path) -> list[Path]:
    """Write a plain and a packed file in the shape of the real ones."""
    december, january = folder / "2010-12.csv", folder / "2011-01.csv.gz"
    december.write_text(DECEMBER, "utf-8")
    january.write_bytes(gzip.compress(JANUARY.encode()))
    return [december, january]


def events(source: OnlineRetailSource | FileSource) -> dict[str, SourceEvent]:
    """Return a source's events by id."""
    return {item.value["event_id"]: item for item in source.read() if isinstance(item, SourceEvent)}


class TestOnlineRetailSource(SourceContract):
    """The contract, without opening stock."""

    rows_total = 13
    bad_lines = (8, 3, 4)

    def make_source(self, folder: Path) -> OnlineRetailSource:
        """Return the two small months."""
        return OnlineRetailSource(two_months(folder))


class TestOnlineRetailWithOpeningStock(SourceContract):
    """The contract again, with receipts before the first sale."""

    rows_total = 13 + 6
    bad_lines = (8, 3, 4)

    def make_source(self, folder: Path) -> OnlineRetailSource:
        """Return the two small months with opening stock."""
        return OnlineRetailSource(two_months(folder), 500)


def test_rows_become_events_as_the_design_says(tmp_path: Path) -> None:
    """Ordinals count every row of an invoice, also left out ones, interrupted ones, and on in the next file."""
    found = events(OnlineRetailSource(two_months(tmp_path)))
    told = {
        identity: (
            item.record,
            *(item.value[name] for name in ("sku", "location_id", "channel_id", "quantity", "occurred_at")),
        )
        for identity, item in found.items()
    }
    assert told == {
        "536365:1": ("SaleRecorded", "85123A", "store-london", "pos", 6, 1_291_191_960_000),
        "536365:2": ("SaleRecorded", "71053", "store-london", "pos", 6, 1_291_191_960_000),
        "536370:2": ("SaleRecorded", "22728", "dc-leeds", "web", 24, 1_291_193_100_000),
        "C536379:1": ("ReturnReceived", "22728", "store-london", "pos", 1, 1_291_196_460_000),
        "536589:1": ("StockAdjusted", "21777", "dc-leeds", "marketplace", -10, 1_291_222_200_000),
        "536365:3": ("SaleRecorded", "84029G", "dc-leeds", "web", 2, 1_291_222_440_000),
        "536365:4": ("SaleRecorded", "22728", "dc-leeds", "marketplace", 7, 1_294_135_200_000),
    }
    assert found["C536379:1"].value["disposition"] == "SELLABLE"
    assert found["536589:1"].value["reason"] == "OTHER"


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    """Postage, nothing at all, and a cancellation that would take goods away."""
    source = OnlineRetailSource(two_months(tmp_path))
    list(source.read())
    assert source.ignored == {
        "not goods": 1,
        "quantity 0": 1,
        "cancellation with a positive quantity": 1,
    }


def test_opening_stock_comes_first_once_for_each_sku_and_location(tmp_path: Path) -> None:
    """Dated the day before the first sale, in no channel, for what any of the files sells."""
    items = list(OnlineRetailSource(two_months(tmp_path), 500).read())
    receipts = [item for item in items if isinstance(item, SourceEvent) and item.record == "GoodsReceived"]
    assert items[: len(receipts)] == receipts
    assert {item.value["event_id"] for item in receipts} == {
        "opening:store-london:85123A",
        "opening:store-london:71053",
        "opening:store-london:22728",
        "opening:dc-leeds:22728",
        "opening:dc-leeds:21777",
        "opening:dc-leeds:84029G",
    }
    assert receipts[0].value == {
        "event_id": "opening:store-london:85123A",
        "source_id": "online-retail",
        "sku": "85123A",
        "location_id": "store-london",
        "channel_id": None,
        "quantity": 500,
        "occurred_at": 1_291_075_200_000,
        "inbound_id": None,
    }


def test_the_example_mapping_says_the_same_as_the_code(tmp_path: Path) -> None:
    """Two implementations of one specification, row by row and reason by reason."""
    files = two_months(tmp_path)
    coded, mapped = OnlineRetailSource(files), FileSource(files, load_mapping(MAPPING))
    by_code, by_mapping = events(coded), events(mapped)
    assert {name: item[:2] for name, item in by_code.items()} == {
        name: item[:2] for name, item in by_mapping.items()
    }
    assert coded.ignored == mapped.ignored


def test_a_file_of_another_shape_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    """One sentence, before anything is published."""
    path = tmp_path / "other.csv"
    path.write_text("InvoiceNo,StockCode\n1,12345\n", "utf-8")
    with pytest.raises(SourceError, match="lacks Quantity, InvoiceDate, Country"):
        list(OnlineRetailSource([path]).read())


@pytest.mark.skipif(not REAL, reason="the real data is not beside the checkout")
def test_the_real_ten_months_give_what_an_independent_count_gives() -> None:
    """Totals by kind, by location and of units, counted again by a plain loop over the rows."""
    counted: Counter[str] = Counter()
    units: Counter[tuple[str, str]] = Counter()
    for path in REAL:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                counted["rows"] += 1
                code, quantity = row["StockCode"].upper(), int(row["Quantity"])
                if not (code[:5].isdigit() and len(code) >= 5 and (code[5:].isalpha() or not code[5:])):
                    counted["not goods"] += 1
                    continue
                adjusted = quantity < 0 and row["InvoiceNo"][0] != "C"
                kind = "sale" if quantity > 0 else "adjustment" if adjusted else "return"
                counted[kind] += 1
                place = "store-london" if row["Country"] == "United Kingdom" else "dc-leeds"
                units[code, place] += quantity if adjusted else -quantity
    assert counted["rows"] == 370_931

    source = OnlineRetailSource(REAL)
    records: Counter[str] = Counter()
    moved: Counter[tuple[str, str]] = Counter()
    for item in source.read():
        assert not isinstance(item, Reject)
        records[item.record] += 1
        sign = -1 if item.record == "SaleRecorded" else 1
        moved[item.value["sku"], item.value["location_id"]] += sign * item.value["quantity"]
    assert records == {
        "SaleRecorded": counted["sale"],
        "ReturnReceived": counted["return"],
        "StockAdjusted": counted["adjustment"],
    }
    assert source.ignored == {"not goods": counted["not goods"]}
    assert moved == units
