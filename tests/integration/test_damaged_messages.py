"""
10,000 damaged messages among good ones, through a real worker on a real Kafka.

Every good one is applied once, every bad one becomes a dead letter as it came with its reason, and the worker
that met them all is the one that was started.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import httpx
import pytest
from confluent_kafka import Producer

from schemas import wire
from streams.dlq.letters import SOURCE_OF
from streams.dlq.reading import scan
from streams.engine.kafka_log import KafkaLog
from streams.engine.log import Record
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.integration.damage import MAKERS, conflicting, damaged
from tests.integration.healthy import SHARES, Figures, Sent, Shop, fold
from tests.processes import OnhandProcess

SEED = 20_260_301
DAMAGED_TOTAL = 10_000
GOOD_TOTAL = 12_000
CONFLICTS_TOTAL = 300
DUPLICATES_TOTAL = 500
MISPLACED_TOTAL = 200
ODD_HEADERS_TOTAL = 200
APPLY_SECONDS = 120.0
QUIET_SECONDS = 20.0  # When nothing has come out for so long, nothing more will come.
NUMBER_HEADER = "message-number"

ODD_HEADERS: tuple[tuple[tuple[str, bytes | None], ...], ...] = (
    (("retry-attempts", b"999999999999999999999999"), ("not-before", b"soon")),
    (("retry-attempts", None), ("retry-attempts", b"\xff")),
    (("traceparent", b"\x00" * 2_000), ("", b"nameless"), ("ключ", "значение".encode())),
    (("__streams.errors.exception", b"OLD"), ("__streams.errors.offset", None)),
)


def messages(shop: Shop) -> list[Sent]:
    """Return good and bad messages, shuffled; a conflict and a duplicate follow what they are of."""
    draw = shop.random
    good = [shop.message() for _ in range(GOOD_TOTAL)]
    odd = [
        replace(shop.message(), kind="odd headers", headers=draw.choice(ODD_HEADERS))
        for _ in range(ODD_HEADERS_TOTAL)
    ]
    misplaced = [misplace(shop.message(), shop) for _ in range(MISPLACED_TOTAL)]
    mixed = [*good, *odd, *misplaced, *damaged(shop, DAMAGED_TOTAL - CONFLICTS_TOTAL)]
    draw.shuffle(mixed)
    again = draw.sample(good, CONFLICTS_TOTAL + DUPLICATES_TOTAL)
    mixed += [conflicting(shop, message) for message in again[:CONFLICTS_TOTAL]]
    mixed += [replace(message, kind="duplicate") for message in again[CONFLICTS_TOTAL:]]
    return mixed


def misplace(message: Sent, shop: Shop) -> Sent:
    """Put a good message on a partition that is not its key's, as a producer with another hash does."""
    return replace(message, kind="misplaced", partition=(message.partition + 1) % shop.partitions)


def send(settings: Settings, sent: Sequence[Sent]) -> None:
    """Write all messages, each with its number as a header."""
    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "enable.idempotence": True,
            "message.max.bytes": 1_048_000,
            "queue.buffering.max.messages": 100_000,
        }
    )
    for number, message in enumerate(sent):
        headers: list[tuple[str, str | bytes | None]] = [
            *message.headers,
            (NUMBER_HEADER, str(number).encode()),
        ]
        producer.produce(message.topic, message.value, message.key, message.partition, headers=headers)
        producer.poll(0)
    assert producer.flush(60) == 0


class Outcome:
    """What has come of the messages, read from the topics."""

    def __init__(self, settings: Settings) -> None:
        self.log = KafkaLog(settings.bootstrap_servers)
        self.dead: list[Record] = []
        self.movements: list[Record] = []

    def wait(self, worker: OnhandProcess, dead: int, movements: int) -> None:
        """Read until as much has come out as went in, or the time is over."""
        reader = self.log.reader()
        counts = self.log.partition_counts([*SOURCE_OF, "stock-movements"])
        for topic, partitions in counts.items():
            for number in range(partitions):
                reader.start((topic, number), 0)
        quiet_since = time.monotonic()
        deadline = quiet_since + APPLY_SECONDS
        while (len(self.dead), len(self.movements)) != (dead, movements) and time.monotonic() < deadline:
            assert worker.child.exit_code() is None, f"the worker ended:\n{worker.log}"
            records = reader.poll(1_000, 0.1)
            quiet_since = time.monotonic() if records else quiet_since
            if time.monotonic() - quiet_since > QUIET_SECONDS:
                break
            for record in records:
                (self.dead if record.topic() in SOURCE_OF else self.movements).append(record)
        reader.close()

    def table(self) -> Figures:
        """Return what the table says, in the shape of healthy.fold."""
        figures: Figures = {}
        for record in scan(self.log, ["stock-levels"]):
            _, level = wire.decode(record.value() or b"")
            for place in level["locations"]:
                state = (place["on_hand"], place["unsellable"], place["incoming"])
                figures[level["sku"], place["location_id"]] = state
        return {place: state for place, state in figures.items() if any(state)}


def number_of(record: Record) -> int:
    """Return the number of the message that a record came of."""
    return int(dict(record.headers() or ())[NUMBER_HEADER])


def own(record: Record) -> list[tuple[str, bytes | None]]:
    """Return a dead letter's headers without those that tell of its failure."""
    return [header for header in record.headers() or () if not header[0].startswith("__streams.errors.")]


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_worker_survives_10_000_damaged_messages(fresh_cluster: Settings, run_worker: RunOnhand) -> None:
    """Good events count once, bad ones are given up whole and with the right reason, and no worker restarts."""
    print(f"seed {SEED}")
    worker = run_worker(fresh_cluster)
    pid = worker.pid
    shop = Shop(random.Random(SEED), int(time.time() * 1_000), fresh_cluster.partitions)
    sent = messages(shop)
    bad = {number: message for number, message in enumerate(sent) if message.reason is not None}
    good = [message for message in sent if message.reason is None]
    assert len(bad) == DAMAGED_TOTAL
    assert {message.kind for message in bad.values()} == {*MAKERS, "conflict"}
    send(fresh_cluster, sent)

    outcome = Outcome(fresh_cluster)
    outcome.wait(worker, len(bad), len(good))

    check_dead_letters(outcome.dead, bad, sent)
    check_movements(outcome.movements, good)
    assert outcome.table() == fold(sent), f"seed {SEED}"
    assert worker.child.exit_code() is None
    check_metrics(worker, bad.values())
    assert worker.pid == pid
    assert worker.stop() == 0, worker.log


def check_dead_letters(dead: Iterable[Record], bad: dict[int, Sent], sent: Sequence[Sent]) -> None:
    """Each bad message is one dead letter of its topic: bytes, key and headers as they came, and why."""
    found: Counter[int] = Counter()
    wrong: Counter[str] = Counter()
    for record in dead:
        number = number_of(record)
        found[number] += 1
        message = sent[number]
        assert record.topic() == f"{message.topic}-dlq"
        assert (record.key(), record.value()) == (message.key, message.value), message
        assert own(record) == [*message.headers, (NUMBER_HEADER, str(number).encode())]
        errors = dict(record.headers() or ())
        if (reason := errors["__streams.errors.exception"].decode()) != message.reason:
            wrong[
                f"{message.kind}: {reason} instead of {message.reason}: {errors['__streams.errors.message']!r}"
            ] += 1
        assert errors["__streams.errors.message"]
        assert errors["__streams.errors.topic"].decode() == message.topic
        assert errors["__streams.errors.partition"].isdigit()
        assert errors["__streams.errors.offset"].isdigit()
    missing = Counter(sent[number].kind for number in bad.keys() - found.keys())
    assert (wrong, missing) == (Counter(), Counter()), f"seed {SEED}: wrong reasons, or no dead letter at all"
    assert max(found.values()) == 1, f"seed {SEED}: more than one dead letter for a message"


def check_movements(movements: Iterable[Record], good: Iterable[Sent]) -> None:
    """The ledger has one row for each good event, and one more for each time that it came again."""
    rows: Counter[tuple[str, str, str]] = Counter()
    for record in movements:
        _, row = wire.decode(record.value() or b"")
        rows[row["source_id"], row["event_id"], row["outcome"]] += 1
    wanted = Counter(
        (
            message.event["source_id"],
            message.event["event_id"],
            "DUPLICATE" if message.kind == "duplicate" else "APPLIED",
        )
        for message in good
    )
    assert rows == wanted, f"seed {SEED}: {(rows - wanted) + (wanted - rows)}"


def check_metrics(worker: OnhandProcess, bad: Iterable[Sent]) -> None:
    """What Prometheus is told adds up to the dead letters, by topic and reason."""
    text = httpx.get(f"{worker.url}/metrics", timeout=5.0).text
    pattern = re.compile(
        r'^onhand_dead_letters_total\{reason="(\w+)",topic="([\w-]+)"\} ([0-9.e+]+)$', re.MULTILINE
    )
    found = {(topic, reason): int(float(count)) for reason, topic, count in pattern.findall(text)}
    told = {labels: count for labels, count in found.items() if count}  # Counters begin at zero.
    assert told == dict(Counter((message.topic, message.reason) for message in bad))


def test_good_events_cover_every_input_that_takes_figures() -> None:
    """The proof means nothing if the good events are all of one kind."""
    shop = Shop(random.Random(SEED), 1_700_000_000_000, 4)
    assert {shop.message().record for _ in range(2_000)} == set(SHARES)
