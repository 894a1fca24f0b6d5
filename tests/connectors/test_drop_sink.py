"""The drop sink, on a real directory."""

import csv
import io
from pathlib import Path

import pytest

from connectors.drop_sink.client import DropSink
from connectors.drop_sink.translate import Csv
from connectors.protocols import Availability, ChannelUnavailable, Verdict
from tests.connectors.contract import CHANNEL, Sending, availability

NOW = 1_800_000_000.0


def sink_at(directory: Path, now: float = NOW) -> DropSink:
    """Return a sink whose clock stands still."""
    return DropSink(directory, Csv(), CHANNEL, lambda: now)


def names(directory: Path) -> list[str]:
    """Return the names of all files, in order."""
    return sorted(path.name for path in directory.iterdir())


async def test_a_batch_is_one_file_with_a_line_for_each_sku(tmp_path: Path) -> None:
    """Any CSV reader gets back what was told, whatever is in a SKU."""
    updates = [Availability(sku, CHANNEL, 7, 3, 0, 0) for sku in ("a", 'b,"c', "ü 1")]
    results = await sink_at(tmp_path).send(updates)
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert names(tmp_path) == ["availability-web-001800000000.csv"]
    text = (tmp_path / names(tmp_path)[0]).read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["sku"] for row in rows] == ["a", 'b,"c', "ü 1"]
    assert rows[0] == {
        "sku": "a",
        "available_to_sell": "7",
        "version": "3",
        "occurred_at": "1970-01-01T00:00:00.000Z",
    }


async def test_names_rise_also_within_a_second_and_after_a_restart_with_a_slow_clock(tmp_path: Path) -> None:
    """Whoever takes files by name takes them in order, and none is written over."""
    sink = sink_at(tmp_path)
    for version in range(3):
        await sink.send([availability("a", version)])
    await sink_at(tmp_path, NOW - 500).send([availability("a", 9)])
    assert names(tmp_path) == [f"availability-web-00180000000{number}.csv" for number in range(4)]


async def test_other_channels_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    """One directory may serve many."""
    (tmp_path / "availability-web-old-999999999999.csv").write_text("of channel web-old")
    (tmp_path / "orders.csv").write_text("foreign")
    await sink_at(tmp_path).send([availability("a", 1)])
    assert "availability-web-001800000000.csv" in names(tmp_path)
    assert (tmp_path / "orders.csv").read_text() == "foreign"


async def test_a_file_that_cannot_be_finished_leaves_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fetcher ever sees half a file; the value arrives at the next try."""
    monkeypatch.setattr("connectors.drop_sink.client.os.fsync", _full)
    sink = sink_at(tmp_path)
    with pytest.raises(ChannelUnavailable, match="No space left"):
        await sink.send([availability("a", 1)])
    assert names(tmp_path) == []
    monkeypatch.undo()
    sending = Sending(sink)
    sending.put(availability("a", 1))
    await sending.until_done()
    assert len(names(tmp_path)) == 1


def _full(_file: int) -> None:
    raise OSError(28, "No space left on device")


async def test_a_directory_that_is_gone_is_the_channels_trouble(tmp_path: Path) -> None:
    """A share that is not mounted is no fault of the items."""
    with pytest.raises(ChannelUnavailable, match="No such file"):
        await sink_at(tmp_path / "gone").send([availability("a", 1)])


async def test_a_closed_sink_takes_no_more(tmp_path: Path) -> None:
    """As every sink."""
    sink = sink_at(tmp_path)
    await sink.close()
    with pytest.raises(RuntimeError):
        await sink.send([availability("a", 1)])
