"""What `onhand ledger` prints, of rows made by hand and of rows on a real Kafka."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from streams.cli import ledger_output as output
from streams.cli.errors import UserError
from streams.cli.ledger import ledger
from streams.cli.times import moment_ms
from streams.engine.memory_log import MemoryRecord
from streams.engine.partitioner import partition_for
from streams.ledger.reading import Question, Reading
from streams.settings import Settings
from streams.verify.plan import Partition
from tests.ledger.rows import BEGAN_AT, encoded, row

app = typer.Typer()
app.command()(ledger)
PARTITIONS = 4
HOUR_MS = 3_600_000
ESCAPE = "\x1b[2J"  # Clears a terminal that it is printed on.


class Shelf:
    """A ledger in memory; each row is written when its recorded_at says."""

    def __init__(self, *values: dict[str, Any], first: int = 0) -> None:
        self.first = first
        self.rows = [(one["sku"], encoded(one), one["recorded_at"]) for one in values]

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """As if `first` rows had been deleted."""
        return self.first, self.first + len(self.rows)

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """The first row written then or later."""
        later = (number for number, (_, _, at) in enumerate(self.rows, self.first) if at >= timestamp)
        return next(later, self.bounds(partition)[1])

    def read_on(self, partition: Partition, offset: int) -> Iterator[MemoryRecord]:
        """The rows from there on."""
        for number, (sku, data, at) in enumerate(self.rows, self.first):
            if number >= offset:
                yield MemoryRecord((*partition, number), sku.encode(), data, None, at)


def ask(shelf: Shelf, **question: Any) -> Reading:
    """A question about A-1."""
    return Reading(shelf, Question("A-1", **question), PARTITIONS)


DAY = (
    row("GoodsReceived", 0, 10, version=1),
    row("GoodsReceived", 0, 10, sku="B-2", version=1),
    row("GoodsReceived", 0, 4, version=2, location_id="yard", recorded_at=BEGAN_AT + 100),
    row("SaleRecorded", 10, 8, version=3, recorded_at=BEGAN_AT + 200, late=True),
)


def test_verdict_names_the_balances() -> None:
    """All rows of the SKU, none of another, and where they come from."""
    reading = ask(Shelf(*DAY))
    assert len(list(reading)) == 3
    assert output.agrees(reading)
    assert output.verdict(reading) == (
        "3 movements of A-1: balances chain without a gap from zero. On hand now: shop 8, yard 4."
    )


def test_location_and_time_narrow_the_question() -> None:
    """Then balances begin with the first row read."""
    at_yard = ask(Shelf(*DAY), location_id="yard")
    assert len(list(at_yard)) == 1
    assert "1 movements of A-1 at yard" in output.verdict(at_yard)
    lately = ask(Shelf(*DAY), since=BEGAN_AT + 150)
    assert [entry.movement.offset for entry in lately if not isinstance(entry, str)] == [3]
    assert "from the first one read" in output.verdict(lately)


def test_rows_deleted_by_retention_are_no_gap() -> None:
    """The first balance is taken as found when the topic does not begin at its beginning."""
    reading = ask(Shelf(*DAY[3:], first=3))
    assert len(list(reading)) == 1
    assert output.agrees(reading)


def test_nothing_recorded_lately_agrees_and_an_unknown_sku_does_not() -> None:
    """An empty span of time is an answer; a SKU that was never seen is probably a slip of the keyboard."""
    lately, unknown = ask(Shelf(*DAY), since=BEGAN_AT + 999), ask(Shelf(*DAY), location_id="moon")
    assert [*lately, *unknown] == []
    assert output.agrees(lately)
    assert "was recorded since 2023-11-14" in output.verdict(lately)
    assert not output.agrees(unknown)
    assert "There is no movement of A-1 at moon" in output.verdict(unknown)


def test_damaged_row_is_a_gap_and_the_rest_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is told that all is well while a row can't be read."""
    shelf = Shelf(*DAY)
    shelf.rows.insert(1, ("A-1", b"\x00rubbish", BEGAN_AT))
    reading = ask(shelf)
    output.print_lines(reading, as_json=False)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[1].startswith("GAP: The row at stock-movements:")
    assert not output.agrees(reading)
    assert output.verdict(reading).startswith("GAP: 4 movements of A-1, with 1 gaps")


def test_lines_have_all_there_is_and_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """One tab-separated line a row: time, event, change, place, channel, identity, outcome, balances."""
    hostile = row("SaleRecorded", 8, 5, version=4, event_id=ESCAPE, available_after=-1, channel_id=None)
    output.print_lines(ask(Shelf(*DAY, hostile)), as_json=False)
    *_, late, last = capsys.readouterr().out.splitlines()
    assert late.split("\t") == [
        "2023-11-14 22:13:20",
        "SaleRecorded",
        "-2",
        "shop",
        "pos",
        "till-1 / e-1",
        "APPLIED late",
        "10 → 8",
        "-",
        "-",
        "8",
        "3",
    ]
    assert ESCAPE not in last
    assert last.split("\t")[4:] == [
        "-",
        "till-1 / \\x1b[2J",
        "APPLIED",
        "8 → 5",
        "-",
        "-",
        "-1",
        "4",
        "between events, available at shop changed by -6: a policy set another safety stock",
    ]


def test_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell is there, folded if the terminal is narrow, with gaps beneath their row."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "140")
    output.print_newest(list(ask(Shelf(DAY[0], row("SaleRecorded", 7, 6, version=2)))), as_json=False)
    printed = capsys.readouterr().out
    for text in ("occurred (UTC)", "SaleRecorded", "till-1 / e-1", "7 → 6", "+10", "GAP: on hand at shop"):
        assert text in printed


def test_promises_are_explained_with_their_balances(capsys: pytest.CaptureFixture[str]) -> None:
    """What is reserved and held stands beside on hand, what the row means behind it, and the verdict has both."""
    kept = {"unsellable_after": 0, "safety_stock_after": 0, "reserved_after": 0}
    placed = row(
        "PlaceHold", 10, 10, version=2, quantity=4, held_after=4, available_after=6, reference="h-1", **kept
    )
    expired = {**placed, "event_type": "HoldExpired", "version": 3, "held_after": 0, "available_after": 10}
    stranger = {**expired, "event_type": "PlaceHold", "outcome": "REJECTED", "reason": "INSUFFICIENT_STOCK"}
    held = ask(Shelf(DAY[0], placed))
    assert len(list(held)) == 2
    assert "On hand now: shop 10 (4 held)." in output.verdict(held)
    reading = ask(Shelf(DAY[0], placed, expired, {**stranger, "quantity": 11}))
    output.print_lines(reading, as_json=False)
    shown = [line.split("\t")[7:] for line in capsys.readouterr().out.splitlines()[1:]]
    assert shown == [
        ["10 → 10", "0", "4", "6", "2", "a checkout holds 4 units (hold h-1)"],
        ["10 → 10", "0", "0", "10", "3", "hold h-1 ended by itself and gave back 4 units"],
        ["10 → 10", "0", "0", "10", "3", "refused: not so many units were available"],
    ]
    output.print_lines(ask(Shelf(DAY[0], placed)), as_json=True)
    assert json.loads(capsys.readouterr().out.splitlines()[1])["words"].startswith("a checkout holds")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", BEGAN_AT - 90_000),
        ("2h", BEGAN_AT - 2 * HOUR_MS),
        ("7d", BEGAN_AT - 168 * HOUR_MS),
        ("2023-11-14", 1_699_920_000_000),
        ("2023-11-14T12:00", 1_699_963_200_000),
        ("2023-11-14T12:00:00+01:00", 1_699_959_600_000),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, expected: int) -> None:
    """So long ago, or a date or time, UTC unless it says otherwise."""
    assert moment_ms(text, BEGAN_AT) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "-2h", "2h30", "2023-13-01", "9999999999d"])
def test_other_moments_are_refused_in_a_sentence(text: str) -> None:
    """The sentence says what to write."""
    with pytest.raises(UserError, match="write 90m"):
        moment_ms(text, BEGAN_AT)


class Books:
    """The ledger of a real Kafka, written in transactions as the stock agent does."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._producer = Producer(
            {"bootstrap.servers": settings.bootstrap_servers, "transactional.id": "ledger-test"}
        )
        self._producer.init_transactions(30)

    def write(self, *values: dict[str, Any], commits: bool = True) -> None:
        """Write rows in one transaction; on one partition, as its SKU's would be."""
        self._producer.begin_transaction()
        for one in values:
            partition = partition_for(values[0]["sku"].encode(), self.settings.partitions)
            self._producer.produce(
                "stock-movements",
                encoded(one),
                one["sku"].encode(),
                partition,
                timestamp=one["recorded_at"],
            )
        self._producer.flush(30)
        if commits:
            self._producer.commit_transaction(30)
        else:
            self._producer.abort_transaction(30)

    def ask(self, *arguments: str) -> Result:
        """Type `onhand ledger`."""
        servers = ("--bootstrap-servers", self.settings.bootstrap_servers)
        return CliRunner().invoke(app, [*servers, *arguments])


@pytest.mark.kafka
def test_ledger_of_a_real_kafka_is_explained(fresh_cluster: Settings) -> None:
    """Only committed rows of the SKU, by time too; a gap and an unknown SKU end with exit code 1."""
    now = int(time.time() * 1_000)
    books = Books(fresh_cluster)
    opening = row("GoodsReceived", 0, 100, version=1, recorded_at=now - 3 * HOUR_MS)
    sales = [
        row("SaleRecorded", 100 - n, 99 - n, version=n + 2, event_id=f"s-{n}", recorded_at=now - HOUR_MS + n)
        for n in range(60)
    ]
    books.write(opening, {**opening, "sku": "OTHER"})
    books.write(row("SaleRecorded", 100, 1, version=9, recorded_at=now - 2 * HOUR_MS), commits=False)
    books.write(*sales)

    everything = books.ask(" A-1 ", "--json", "--limit", "0")
    *rows, last = map(json.loads, everything.stdout.splitlines())
    assert everything.exit_code == 0, everything.output
    assert [one["on_hand_after"] for one in rows] == [100, *range(99, 39, -1)]
    (place,) = last["summary"]["locations"]
    assert (place["location_id"], place["on_hand"], place["available"]) == ("shop", 40, 40)
    assert (last["summary"]["chained"], last["summary"]["from_zero"]) == (True, True)

    newest = books.ask("A-1", "--since", "2h", "--limit", "2")
    assert newest.exit_code == 0, newest.output
    assert [line.split("\t")[7] for line in newest.stdout.splitlines()] == ["42 → 41", "41 → 40"]
    assert "60 movements of A-1: balances chain" in newest.stderr

    books.write(row("SaleRecorded", 39, 38, version=99, recorded_at=now))
    torn = books.ask("A-1")
    assert torn.exit_code == 1
    assert "GAP: on hand at shop was 40 after the row before and is 39 here" in torn.stdout
    assert "with 1 gaps" in torn.stderr
    assert books.ask("nobody").exit_code == 1


def test_broker_that_is_not_there_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hangs, and the sentence says what to check."""
    monkeypatch.setattr("streams.verify.reading.REQUEST_SECONDS", 0.5)
    result = CliRunner().invoke(app, ["A-1", "--bootstrap-servers", "127.0.0.1:9"])
    assert isinstance(result.exception, UserError)
    assert "127.0.0.1:9 does not answer" in str(result.exception)
