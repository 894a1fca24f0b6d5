"""Gathering a batch's writes, without Kafka or Redis."""

from dataclasses import dataclass

from streams.view.batch import TopicWrites
from streams.view.layout import value_of
from tests.view.conftest import level


@dataclass
class Read:
    """A record as read."""

    key: bytes | None
    value: bytes | None
    offset: int = 0


def gathered(*records: Read) -> TopicWrites:
    """Gather records of one topic."""
    writes = TopicWrites()
    writes.add_all(records)
    return writes


def test_only_the_highest_version_of_a_sku_is_written() -> None:
    """Of three records of one SKU, the highest version stays, wherever it stands."""
    records = [Read(b"a", level("a", version, version)) for version in (1, 3, 2)]
    writes = gathered(*records)
    assert [(sku, version) for sku, version, _ in writes.writes()] == [("a", 3)]
    assert writes.ignored == 2


def test_removal_parts_old_versions_from_new_ones() -> None:
    """A SKU that begins anew after its removal is written after it, though its version is lower."""
    writes = gathered(Read(b"a", level("a", 9, 9)), Read(b"a", None), Read(b"a", level("a", 1, 1)))
    assert [(sku, version) for sku, version, _ in writes.writes()] == [("a", 9), ("a", 0), ("a", 1)]
    assert writes.writes()[1][2] == ""


def test_body_is_the_record_itself() -> None:
    """The JSON in an entry is the record with all its fields, times in whole milliseconds."""
    ((_, version, body),) = gathered(Read(b"a", level("a", 4, 40))).writes()
    value = value_of(f"{version} {body}")
    assert value["locations"][0]["on_hand"] == 40
    assert value["updated_at"] == 1_700_000_000_001


def test_damaged_records_are_counted_and_left_out() -> None:
    """No key, a key that is no text, and a value that is no record are each refused with a reason."""
    damaged = [Read(None, level("a", 1, 1), 5), Read(b"\xff", level("a", 1, 1), 6), Read(b"a", b"junk", 7)]
    writes = gathered(*damaged, Read(b"a", level("a", 1, 1), 8))
    assert [refused.offset for refused in writes.refused] == [5, 6, 7]
    assert all(refused.reason for refused in writes.refused)
    assert len(writes.writes()) == 1
