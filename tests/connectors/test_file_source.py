"""The file source: its contract for CSV and JSON lines, and what a mapping can say."""

import gzip
import json
from pathlib import Path

import pytest

from connectors.files.connector import FileSource
from connectors.files.mapping import MappingError, load_mapping, parse_mapping
from connectors.protocols import Reject, SourceError, SourceEvent
from schemas import wire
from tests.connectors.contract import SourceContract
from tests.connectors.mutations import MUTATIONS, SEED, mutations

TILL = """
source_id = "till"
delimiter = ";"
event_id = { template = "{receipt}:{ordinal}", ordinal_within = ["receipt"] }

[fields]
sku = { column = "article" }
location_id = { constant = "store-bonn" }
channel_id = { column = "shop", values = { K = "pos", W = "web" } }
quantity = { column = "quantity" }
occurred_at = { column = "sold at", format = "%d.%m.%Y %H:%M", time_zone = "Europe/Berlin" }

[[ignore]]
reason = "test receipt"
when = [{ column = "receipt", matches = "TEST.*" }]

[[events]]
record = "ReturnReceived"
when = [{ column = "quantity", below = 0 }]
fields.quantity = { column = "quantity", sign = "negate" }
fields.disposition = { column = "state", values = { ok = "SELLABLE", broken = "DAMAGED" }, default = "SELLABLE" }

[[events]]
record = "SaleRecorded"
"""

TILL_ROWS = """receipt;article;shop;quantity;sold at;state
1001;A-1;K;2;01.07.2026 10:00;
1001; Ä-2 ;K;1;01.07.2026 10:00;
1002;A-1;W;-1;01.12.2026 10:05;broken
TEST1;A-1;K;1;01.07.2026 10:06;
1003;A-1;K;one;01.07.2026 10:07;
1003;A-1;K;1.0;01.07.2026 10:07;

1004;A-1;X;1;01.07.2026 10:08;
1005;;K;1;01.07.2026 10:09;
1006;A-1;K;0;01.07.2026 10:10;
1007;A-1;K;1;31.02.2026 10:11;
1008;A-1;K
1009;"A-1";K;3;02.07.2026 23:59;
"""

WAREHOUSE = """
source_id = "wms"
event_id = { template = "{id}" }

[fields]
sku = { column = "line.article", case = "upper" }
location_id = { column = "site", default = "dc-leeds" }
quantity = { column = "line.units" }
occurred_at = { column = "at" }

[[ignore]]
reason = "heartbeat"
when = [{ column = "kind", equals = "ping" }]

[[events]]
record = "GoodsReceived"
when = [{ column = "kind", one_of = ["receipt", "inbound"] }]
fields.inbound_id = { column = "line.order" }

[[events]]
record = "StockAdjusted"
when = [{ column = "kind", equals = "adjustment" }]
fields.reason = { column = "why", case = "upper", default = "OTHER" }
"""

WAREHOUSE_ROWS: list[object] = [
    {"id": 1, "kind": "receipt", "site": "dc-york", "line": {"article": "a-1", "units": 5}, "at": "2026-07-01T10:00Z"},
    {"id": 2, "kind": "ping"},
    {"id": 3, "kind": "adjustment", "line": {"article": "a-1", "units": -2.0}, "at": "2026-07-01T12:00:00+02:00"},
    {"id": 4, "kind": "inbound", "line": {"article": "b", "units": 1, "order": "PO-7"}, "at": "2026-07-01 10:00"},
    {"id": 5, "kind": "adjustment", "line": {"article": "b", "units": 1}, "at": "2026-07-01", "why": "found"},
    {"id": 6, "kind": "adjustment", "line": {"article": "b", "units": True}, "at": "2026-07-01"},
    {"id": 7, "kind": "adjustment", "line": {"article": ["b"], "units": 1}, "at": "2026-07-01"},
    {"id": 8, "kind": "adjustment", "line": {"article": "b", "units": 1}, "at": "2026-07-01", "why": "dropped"},
    {"id": 9, "kind": "move", "line": {"article": "b", "units": 1}, "at": "2026-07-01"},
    [1, 2, 3],
]  # fmt: skip


def till(folder: Path, rows: str = TILL_ROWS) -> FileSource:
    """Return a till's file as a source."""
    path = folder / "till.csv"
    path.write_text(rows, "utf-8")
    return FileSource([path], parse_mapping(TILL))


def warehouse(folder: Path) -> FileSource:
    """Return a warehouse's packed file as a source."""
    lines = [json.dumps(row) for row in WAREHOUSE_ROWS] + ["{broken", ""]
    path = folder / "warehouse.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return FileSource([path], parse_mapping(WAREHOUSE))


class TestCsvSource(SourceContract):
    """The contract for CSV."""

    rows_total = 13
    bad_lines = (6, 9, 10, 11, 12, 13)

    def make_source(self, folder: Path) -> FileSource:
        """Return the till."""
        return till(folder)


class TestJsonLinesSource(SourceContract):
    """The contract for JSON lines."""

    rows_total = 11
    bad_lines = (6, 7, 8, 9, 10, 11)

    def make_source(self, folder: Path) -> FileSource:
        """Return the warehouse."""
        return warehouse(folder)


def values(source: FileSource) -> dict[str, tuple[object, ...]]:
    """Return record and what a mapping decides, by event id."""
    names = ("sku", "location_id", "channel_id", "quantity", "occurred_at")
    return {
        item.value["event_id"]: (item.record, *(item.value[name] for name in names))
        for item in source.read()
        if isinstance(item, SourceEvent)
    }


def reasons(source: FileSource) -> list[str]:
    """Return why rows were rejected, in order."""
    return [item.reason for item in source.read() if isinstance(item, Reject)]


def test_csv_rows_become_what_the_mapping_says(tmp_path: Path) -> None:
    """Names, constants, translations, signs, local times in summer and winter, and ordinals in a receipt."""
    assert values(till(tmp_path)) == {
        "1001:1": ("SaleRecorded", "A-1", "store-bonn", "pos", 2, 1_782_892_800_000),
        "1001:2": ("SaleRecorded", "Ä-2", "store-bonn", "pos", 1, 1_782_892_800_000),
        "1002:1": ("ReturnReceived", "A-1", "store-bonn", "web", 1, 1_796_115_900_000),
        "1003:2": ("SaleRecorded", "A-1", "store-bonn", "pos", 1, 1_782_893_220_000),
        "1009:1": ("SaleRecorded", "A-1", "store-bonn", "pos", 3, 1_783_029_540_000),
    }


def test_json_rows_become_what_the_mapping_says(tmp_path: Path) -> None:
    """Nested names, numbers as numbers, times with and without zone, nulls where the schema allows them."""
    source = warehouse(tmp_path)
    noon = 1_782_900_000_000
    assert values(source) == {
        "1": ("GoodsReceived", "A-1", "dc-york", None, 5, noon),
        "3": ("StockAdjusted", "A-1", "dc-leeds", None, -2, noon),
        "4": ("GoodsReceived", "B", "dc-leeds", None, 1, noon),
        "5": ("StockAdjusted", "B", "dc-leeds", None, 1, noon - 10 * 3_600_000),
    }
    extra = [
        item.value.get("inbound_id", item.value.get("reason"))
        for item in source.read()
        if isinstance(item, SourceEvent)
    ]
    assert extra == [None, "OTHER", "PO-7", "FOUND"]


def test_rejects_say_what_is_wrong_with_which_field(tmp_path: Path) -> None:
    """A person can mend the row, or the mapping, from the reason alone."""
    assert reasons(till(tmp_path)) == [
        "column quantity: 'one' is no number",
        "channel_id: the mapping's values have no 'X'",
        "sku: empty",
        "quantity 0 is not between 1 and 1000000000",
        "occurred_at: '31.02.2026 10:11' is no time of format '%d.%m.%Y %H:%M'",
        "more or fewer columns than the header",
    ]
    assert [reason[:40] for reason in reasons(warehouse(tmp_path))] == [
        "quantity: 'true' is no whole number",
        "sku: column line.article holds list, not",
        "reason: 'DROPPED' is none of FOUND, DAMA",
        "no rule of the mapping takes this row",
        "a JSON object is needed, not list",
        "no JSON: Expecting property name enclose",
    ]


def packed(folder: Path, units: str, rows: str) -> FileSource:
    """Return a supplier's deliveries, counted in what its `unit` column says."""
    path = folder / "deliveries.csv"
    path.write_text(f"note;article;amount;unit\n{rows}", "utf-8")
    mapping = f"""
        source_id = "supplier"
        delimiter = ";"
        event_id = {{ template = "{{note}}:{{ordinal}}", ordinal_within = ["note"] }}
        [fields]
        sku = {{ column = "article" }}
        location_id = {{ constant = "dc-leeds" }}
        quantity = {{ column = "amount", units = {units} }}
        occurred_at = {{ constant = "2026-07-01T10:00Z" }}
        [[events]]
        record = "GoodsReceived"
    """
    return FileSource([path], parse_mapping(mapping))


def test_cases_are_counted_in_units(tmp_path: Path) -> None:
    """By a column that says what was counted; half a case of twelve is six units, half a unit is refused."""
    units = '{ column = "unit", values = { EA = 1, CS = 12 } }'
    source = packed(
        tmp_path, units, "1;A;2;CS\n1;A;2;EA\n1;A;0.5;CS\n1;A;0.5;EA\n1;A;1;PAL\n1;A;many;CS\n1;A;1e9;CS\n"
    )
    assert [(event_id, row[4]) for event_id, row in values(source).items()] == [
        ("1:1", 24),
        ("1:2", 2),
        ("1:3", 6),
    ]
    assert reasons(source) == [
        "quantity: '0.5' is no whole number up to 1000000000",
        "quantity: the mapping's units have no 'PAL'",
        "quantity: 'many' is no number",
        "quantity: '1e9' is no whole number up to 1000000000",
    ]


def test_units_can_be_by_article_or_the_same_for_all(tmp_path: Path) -> None:
    """A case of 12 has its own number at many suppliers; what has none is a unit."""
    by_article = packed(
        tmp_path, '{ column = "article", values = { A-12 = 12 }, default = 1 }', "1;A-12;2;\n1;A;2;\n"
    )
    assert [row[4] for row in values(by_article).values()] == [24, 2]
    always = packed(tmp_path, "6", "1;A;-2;\n1;A;2;\n")
    assert [row[4] for row in values(always).values()] == [12]


def test_a_count_can_be_read_from_a_file(tmp_path: Path) -> None:
    """With the time that it is true for, in the zone of whoever counted, and zero is a count."""
    path = tmp_path / "count.csv"
    path.write_text("article,counted,at\nA,0,01.07.2026 22:00\nB,-1,01.07.2026 22:00\n", "utf-8")
    mapping = """
        source_id = "counters"
        event_id = { template = "{article}:{at}" }
        [fields]
        sku = { column = "article" }
        location_id = { constant = "store-bonn" }
        quantity = { column = "counted" }
        occurred_at = { column = "at", format = "%d.%m.%Y %H:%M", time_zone = "Europe/Berlin" }
        as_of = { column = "at", format = "%d.%m.%Y %H:%M", time_zone = "Europe/Berlin" }
        basis = { constant = "PHYSICAL" }
        [[events]]
        record = "StockCounted"
    """
    source = FileSource([path], parse_mapping(mapping))
    counts = [item.value for item in source.read() if isinstance(item, SourceEvent)]
    assert [(count["sku"], count["quantity"], count["as_of"], count["feed_id"]) for count in counts] == [
        ("A", 0, 1_782_936_000_000, None)
    ]
    assert reasons(source) == ["quantity -1 is not between 0 and 1000000000"]


def test_damage_gives_rejects_only(tmp_path: Path) -> None:
    """Rows of both kinds with whatever may be in them: events that fit their schema, or rejects with a reason."""
    good = [row for row in WAREHOUSE_ROWS if isinstance(row, dict)]
    lines = [json.dumps(row) for row in mutations(good, MUTATIONS, SEED) if not _is_unwritable(row)]
    path = tmp_path / "warehouse.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    seen = [_kinds(FileSource([path], parse_mapping(WAREHOUSE)))]
    rows = [line.split(";") for line in TILL_ROWS.splitlines()[1:] if line.count(";") == 5]
    damaged = [row for row in mutations(rows, MUTATIONS, SEED) if isinstance(row, list)]
    cells = [[str(cell) for cell in row] for row in damaged if not _is_unwritable(row)]
    head = TILL_ROWS.splitlines()[0]
    text = "\n".join([head, *(";".join(row) for row in cells)])
    (tmp_path / "till.csv").write_text(text, "utf-8", "surrogatepass")
    seen.append(_kinds(FileSource([tmp_path / "till.csv"], parse_mapping(TILL))))
    assert all(kinds["SourceEvent"] > 500 and kinds["Reject"] > 500 for kinds in seen), seen


def _is_unwritable(row: object) -> bool:
    """Tell whether JSON can't even say this: a number of thousands of digits, or a depth beyond bounds."""
    try:
        json.dumps(row)
    except (ValueError, RecursionError):
        return True
    return False


def _kinds(source: FileSource) -> dict[str, int]:
    """Return how many events and rejects a source gives, each of them fit to be stored."""
    kinds = {"SourceEvent": 0, "Reject": 0}
    for item in source.read():
        kinds[type(item).__name__] += 1
        if isinstance(item, SourceEvent):
            wire.encode(item.record, item.value)
        else:
            assert item.reason
            json.dumps(item._asdict())
    return kinds


def test_letters_that_are_not_in_the_encoding_matter_only_where_they_are_used(tmp_path: Path) -> None:
    """A misspelt remark costs nothing, a misspelt SKU is a reject."""
    path = tmp_path / "till.csv"
    head = b"receipt;article;shop;quantity;sold at;state\n"
    path.write_bytes(head + b"1;A\xe4;K;1;01.07.2026 10:00;\n2;A-1;K;1;01.07.2026 10:00;\xe4\n")
    source = FileSource([path], parse_mapping(TILL))
    assert list(values(source)) == ["2:1"]
    assert reasons(source) == ["sku: column article is not in the file's encoding"]


def test_a_quote_that_is_never_closed_does_not_eat_the_file(tmp_path: Path) -> None:
    """What it swallowed is one reject with the line where it began."""
    source = till(tmp_path, TILL_ROWS + '1010;"A-1;K;1;02.07.2026 10:00;\n1011;A-1;K;1;02.07.2026 10:00;\n')
    last = list(source.read())[-1]
    assert isinstance(last, Reject)
    assert (last.line, last.reason) == (15, "no CSV row: unexpected end of data")


def test_a_file_cut_off_ends_with_a_sentence(tmp_path: Path) -> None:
    """What was read before stays read; the rest is not taken for the end."""
    whole = gzip.compress(TILL_ROWS.encode())
    path = tmp_path / "till.csv.gz"
    path.write_bytes(whole[: len(whole) - 12])
    with pytest.raises(SourceError, match="cut off or damaged"):
        list(FileSource([path], parse_mapping(TILL)).read())


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "till.csv",
            "receipt;article\n1;A\n",
            "lacks columns that the mapping names: quantity, shop, sold at",
        ),
        ("till.csv", "", "no header line"),
        ("till.csv", "receipt;article;shop;shop;quantity;sold at;state\n", "two columns of one name"),
        ("till.xml", "<till/>", "Cannot tell what .*till.xml is"),
    ],
)
def test_files_that_do_not_fit_are_refused_at_once(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    """One sentence that says what is missing."""
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(SourceError, match=sentence):
        list(FileSource([path], parse_mapping(TILL)).read())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Before anything is read of the files that are there."""
    with pytest.raises(SourceError, match=r"no file .*nowhere\.csv"):
        FileSource([tmp_path / "nowhere.csv"], parse_mapping(TILL))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('source_id = "till"', "", "source_id: Field required"),
        ('source_id = "till"', 'sauce_id = "till"', "sauce_id: there is no such key"),
        ('"Europe/Berlin"', '"Europe/Bonn"', "fields.occurred_at.time_zone: there is no time zone 'Europe/Bonn'"),
        ('record = "SaleRecorded"', 'record = "Sale"', "events.1: there is no event 'Sale'"),
        ('matches = "TEST.*"', 'matches = "("', "ignore.0.when.0.matches: no regular expression"),
        (', matches = "TEST.*"', "", "ignore.0.when.0: give exactly one of equals"),
        ('sku = { column = "article" }', "", "events.0: ReturnReceived needs a rule for sku"),
        ('sku = { column = "article" }', "sku = {}", "fields.sku: give exactly one of column"),
        ("fields.disposition", "fields.colour", "events.0.fields.colour: ReturnReceived has no such field"),
        ("sku = {", 'colour = "red"\nsku = {', "fields.colour"),
        ("{receipt}:{ordinal}", "same", "event_id: template names no column"),
        ('delimiter = ";"', 'delimiter = ";;"', "delimiter: String should have at most 1 character"),
        ('delimiter = ";"', 'encoding = "utf-9"', "encoding: there is none called 'utf-9'"),
        ('format = "%d.%m.%Y %H:%M"', "units = 12", "events.0.fields.occurred_at: units are for quantity only"),
        ('quantity = { column = "quantity" }', "quantity = { constant = 1, units = 0 }", "fields.quantity.units"),
        ("[fields]", "[fields", "no TOML"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_mapping_is_named_by_its_key(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    """All before the first row, and with the file's name."""
    assert old in TILL
    path = tmp_path / "till.toml"
    path.write_text(TILL.replace(old, new, 1), "utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
