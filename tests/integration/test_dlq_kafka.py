"""`onhand dlq` against a real Kafka: what the operator types, and what it does to the topics."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer
from typer.testing import CliRunner, Result

from schemas import wire
from streams.cli.dlq import app
from streams.cli.errors import UserError
from streams.dlq.letters import SOURCE_OF
from streams.dlq.reading import scan
from streams.engine.kafka_log import KafkaLog
from streams.engine.log import Record
from streams.engine.partitioner import partition_for
from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SALE = {
    "event_id": "e-1",
    "source_id": "till",
    "sku": "A-1",
    "location_id": "shop",
    "channel_id": "pos",
    "quantity": 2,
    "occurred_at": 1_700_000_000_000,
}
ESCAPE = "\x1b[2J"  # Clears a terminal that it is printed on.


class Operator:
    """A person at the command line, and what stands in the topics."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = KafkaLog(settings.bootstrap_servers)
        self.producer = Producer(
            {"bootstrap.servers": settings.bootstrap_servers, "message.max.bytes": 2_000_000}
        )

    def bury(
        self, topic: str, reason: str, value: bytes | None, key: bytes | None = b"A-1", *, partition: int = 0
    ) -> str:
        """Put one dead letter where the stock agent would; returns its id."""
        placed: list[Message] = []
        headers: list[tuple[str, str | bytes | None]] = [
            ("ce_type", b"onhand.SaleRecorded"),
            ("__streams.errors.exception", reason.encode()),
            ("__streams.errors.message", f"because {ESCAPE}".encode()),
            ("__streams.errors.topic", topic.encode()),
            ("__streams.errors.partition", b"0"),
            ("__streams.errors.offset", b"7"),
        ]
        self.producer.produce(
            f"{topic}-dlq",
            value,
            key,
            partition,
            headers=headers,
            on_delivery=lambda error, message: placed.append(message),
        )
        assert self.producer.flush(30) == 0
        assert placed[0].error() is None
        return f"{topic}-dlq:{partition}:{placed[0].offset()}"

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        """Type a command."""
        command, *rest = arguments
        servers = ("--bootstrap-servers", self.settings.bootstrap_servers)
        return CliRunner().invoke(app, [command, *servers, *rest], input=answer)

    def ids(self, *arguments: str) -> list[str]:
        """Return the ids that `dlq list` shows."""
        result = self.run("list", "--json", *arguments)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    def inputs(self, topic: str) -> Sequence[Record]:
        """Return what stands in an input topic."""
        return list(scan(self.log, [topic]))


@pytest.fixture
def operator(fresh_cluster: Settings) -> Operator:
    """An operator of a Kafka of the test's own."""
    return Operator(fresh_cluster)


def test_letters_are_found_shown_replayed_and_discarded(operator: Operator, tmp_path: Path) -> None:
    """The whole of an operator's morning, in one go since each broker costs seconds."""
    sale = wire.encode("SaleRecorded", SALE)
    broken = operator.bury("stock-sales", "UNDECODABLE", b"\x00\x01\x02" + ESCAPE.encode(), b"\xff")
    early = operator.bury("stock-sales", "FUTURE_EVENT", sale, partition=1)
    empty = operator.bury("stock-returns", "UNDECODABLE", None, None, partition=3)
    large = operator.bury("stock-sales", "UNDECODABLE", bytes(1_000_000), b"A-1", partition=2)

    assert operator.ids() == [large, empty, early, broken], "the newest comes first"
    assert operator.ids("--limit", "1") == [large]
    assert sorted(operator.ids("--limit", "0")) == sorted([large, empty, early, broken])
    assert operator.ids("--topic", "stock-returns") == [empty]
    assert operator.ids("--reason", "FUTURE_EVENT") == [early]
    listed = operator.run("list")
    assert "4 of 4 dead letters (UNDECODABLE 3, FUTURE_EVENT 1)" in listed.output
    assert ESCAPE not in listed.output, "a dead letter must not steer the terminal"

    check_show(operator, broken, early, empty)
    check_replay(operator, early, empty, large, sale)
    check_mending(operator, broken, tmp_path)
    check_discard(operator)


def check_show(operator: Operator, broken: str, early: str, empty: str) -> None:
    """Each kind of value is shown for what it is."""
    shown = operator.run("show", early).output
    assert '"quantity": 2' in shown
    assert "FUTURE_EVENT" in shown
    assert "stock-sales:0:7" in shown
    shown = operator.run("show", broken).output
    assert "00 01 02 1b" in shown
    assert "0xff" in shown
    assert ESCAPE not in shown
    assert "(null)" in operator.run("show", empty).output
    described = json.loads(operator.run("show", "--json", early).stdout)
    assert described["value"] == SALE
    assert described["record"] == "SaleRecorded"
    result = operator.run("show", "stock-sales-dlq:0:99")
    assert isinstance(result.exception, UserError)
    assert "stock-sales-dlq:0:99" in str(result.exception)


def check_replay(operator: Operator, early: str, empty: str, large: str, sale: bytes) -> None:
    """Replayed letters stand in their input topics, and a second replay is refused."""
    result = operator.run("replay", early, empty, "--note", "clock mended")
    assert result.exit_code == 0, result.output
    assert "2 replayed, 0 left alone" in result.output
    (record,) = operator.inputs("stock-sales")
    assert (record.key(), record.value()) == (b"A-1", sale)
    assert record.partition() == partition_for(b"A-1", operator.settings.partitions)
    assert record.headers() == [
        ("ce_type", b"onhand.SaleRecorded"),
        ("onhand-dlq-replay-of", early.encode()),
    ]
    (record,) = operator.inputs("stock-returns")
    assert (record.key(), record.value(), record.partition()) == (None, None, 3)
    again = operator.run("replay", early)
    assert again.exit_code == 1
    assert "already replayed" in again.output
    assert operator.run("replay", early, "--force").exit_code == 0
    assert operator.run("replay", large).exit_code == 0, "the largest event that fits a topic can be replayed"
    assert len(operator.inputs("stock-sales")) == 3


def check_mending(operator: Operator, broken: str, tmp_path: Path) -> None:
    """A letter that nobody can read is replaced by what the operator says it was."""
    value_file = tmp_path / "value.json"
    value_file.write_text(json.dumps({**SALE, "event_id": "mended", "sku": "B-2"}))
    result = operator.run("replay", broken, "--value-file", str(value_file))
    assert result.exit_code == 0, result.output
    mended = [record for record in operator.inputs("stock-sales") if record.key() == b"B-2"]
    assert [wire.decode(record.value() or b"")[1]["event_id"] for record in mended] == ["mended"]


def check_discard(operator: Operator) -> None:
    """Bulk actions ask first, and what was decided is listed only with --all."""
    assert operator.ids() == []
    many = {operator.bury("stock-counts", "INVALID_SKU", b"x", partition=number % 4) for number in range(40)}
    kept = operator.bury("stock-counts", "INVALID_TIME", b"x")
    declined = operator.run("discard", "--all", "--reason", "INVALID_SKU", "--note", "test", answer="n\n")
    assert "Discard 40 dead letters?" in declined.output
    assert len(operator.ids()) == 41
    result = operator.run("discard", "--all", "--reason", "INVALID_SKU", "--note", "test data", "--yes")
    assert "40 discarded, 0 left alone" in result.output
    assert operator.ids() == [kept]
    assert many < set(operator.ids("--all"))
    assert "(discarded)" in operator.run("list", "--all").output
    none = operator.run("replay", "--all", "--reason", "INVALID_SKU")
    assert "no such dead letters" in none.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("replay", "--all"),
        ("replay", "stock-sales-dlq:0:0", "--all", "--reason", "X"),
        ("replay", "sales:0:0"),
        ("list", "--topic", "sales"),
        ("show", "stock-sales-dlq:zero:0"),
    ],
)
def test_mistyped_command_gets_a_sentence(cluster: Settings, arguments: tuple[str, ...]) -> None:
    """What makes no sense changes nothing and says what would."""
    result = Operator(cluster).run(*arguments)
    assert isinstance(result.exception, UserError), result.output


def test_cluster_that_is_not_there_gets_a_sentence_soon() -> None:
    """An operator with the wrong address is told so, instead of waiting for ever."""
    begun = time.monotonic()
    result = CliRunner().invoke(app, ["list", "--bootstrap-servers", "127.0.0.1:1"])
    assert isinstance(result.exception, UserError)
    assert "127.0.0.1:1" in str(result.exception)
    assert time.monotonic() - begun < 30


def test_every_input_has_a_dead_letter_topic_to_look_at() -> None:
    """The commands reach the dead letters of each input."""
    assert set(SOURCE_OF.values()) == {
        "stock-sales",
        "stock-returns",
        "stock-receipts",
        "stock-counts",
        "stock-reservations",
        "stock-policies",
        "stock-items",
        "channel-orders",
    }
