"""Files as full feeds: rows are numbered, counted beforehand, and all of them are sent or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.files.connector import FileSource
from connectors.files.full_feed import FullFeedSource
from connectors.files.mapping import MappingError, load_mapping, parse_mapping
from connectors.protocols import Reject, SourceError, SourceEvent
from schemas import wire
from tests.connectors.contract import SourceContract

EXAMPLE = Path(__file__).parents[2] / "connectors" / "files" / "examples" / "full-feed.toml"
HEADER = "article,site,on hand,snapshot\n"
MORNING = "2026-11-24T06:00:00Z"
ROWS = f"A-1,leeds,12,{MORNING}\nA-2,leeds,0,{MORNING}\nA-1,york,3,{MORNING}\n\nA-3,leeds,7,{MORNING}\n"


def source_of(tmp_path: Path, *contents: str) -> FullFeedSource:
    """The example's mapping over files with these rows."""
    paths = []
    for number, content in enumerate(contents):
        path = tmp_path / f"export-{number}.csv"
        path.write_text(HEADER + content, "utf-8")
        paths.append(path)
    mapping = load_mapping(EXAMPLE)
    assert mapping.full_feed is not None
    return FullFeedSource(FileSource(paths, mapping), mapping.full_feed)


def numbers(source: FullFeedSource, after: str | None = None) -> list[tuple[str, str, int, int]]:
    """SKU, location, number and total of each row."""
    found = []
    for item in source.read(after):
        assert isinstance(item, SourceEvent), item
        value = item.value
        found.append((value["sku"], value["location_id"], value["sequence"], value["total"]))
    return found


class TestFullFeedSource(SourceContract):
    """A full feed is a source like others."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> FullFeedSource:
        """Two files of two locations."""
        return source_of(tmp_path, ROWS, f"A-4,leeds,1,{MORNING}\n")


def test_rows_of_each_location_are_numbered_up_to_their_total(tmp_path: Path) -> None:
    """Over all files; one feed for each location."""
    source = source_of(tmp_path, ROWS, f"A-4,leeds,1,{MORNING}\n")
    assert numbers(source) == [
        ("A-1", "leeds", 1, 4),
        ("A-2", "leeds", 2, 4),
        ("A-1", "york", 1, 1),
        ("A-3", "leeds", 3, 4),
        ("A-4", "leeds", 4, 4),
    ]


def test_row_is_one_of_a_full_feed_on_the_wire(tmp_path: Path) -> None:
    """With an id made of the file's name and the moment, so that the next export is another feed."""
    first = next(iter(source_of(tmp_path, ROWS).read()))
    assert isinstance(first, SourceEvent)
    _, value = wire.decode(wire.encode(first.record, first.value))
    assert (value["feed_id"], value["feed_kind"]) == ("export-0:2026-11-24T06:00:00.000Z", "FULL")
    assert (value["quantity"], value["event_id"]) == (12, f"{MORNING}:leeds:A-1")


def test_reading_on_keeps_the_numbers(tmp_path: Path) -> None:
    """From any cursor the rest is as it would have been."""
    source = source_of(tmp_path, ROWS)
    whole = list(source.read())
    for behind, item in enumerate(whole, start=1):
        assert list(source.read(item.cursor)) == whole[behind:]


def test_nothing_is_sent_when_a_row_cannot_be_read(tmp_path: Path) -> None:
    """Its SKU would be set to zero."""
    found = list(source_of(tmp_path, ROWS + f"A-9,leeds,many,{MORNING}\n").read())
    assert [type(item) for item in found] == [Reject]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (f"A-1,leeds,5,{MORNING}\n", "Row 6: 'A-1' comes twice for 'leeds'; sum its rows first."),
        ("A-9,leeds,5,2026-11-24T06:00:01Z\n", "Row 6: a full feed describes one moment"),
    ],
)
def test_rows_that_make_no_feed_are_a_sentence(tmp_path: Path, row: str, sentence: str) -> None:
    """Before anything is sent."""
    with pytest.raises(SourceError, match=sentence):
        list(source_of(tmp_path, ROWS + row).read())


def test_locations_may_have_moments_of_their_own(tmp_path: Path) -> None:
    """A feed is about one location."""
    found = numbers(source_of(tmp_path, ROWS.replace(f"york,3,{MORNING}", "york,3,2026-11-24T07:00:00Z")))
    assert len(found) == 4


def lines(*changed: tuple[str, str]) -> str:
    """The example with some text replaced."""
    text = EXAMPLE.read_text("utf-8")
    for old, new in changed:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("{file}:{as_of}", "{article}")], "full_feed: id: it is made of as_of, file, location_id"),
        ([("{file}:{as_of}", "always")], "full_feed: id: it is made of as_of, file, location_id"),
        ([("basis =", 'sequence = { column = "article" }\nbasis =')], "fields.sequence: full_feed says it"),
        ([('"StockCounted"', '"StockAdjusted"')], "rows of a full feed are StockCounted, not StockAdjusted"),
    ],
)
def test_mapping_that_makes_no_feed_is_refused(changes: Sequence[tuple[str, str]], sentence: str) -> None:
    """By its key, before the first row is read."""
    with pytest.raises(MappingError, match=sentence):
        parse_mapping(lines(*changes))
