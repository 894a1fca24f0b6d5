"""Every input record ends as exactly one of: ledger, forwarded, waiting, dead letter."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from streams import topology
from streams.agents.refusals import FORWARDED_FROM
from streams.domain.events import (
    STOCK_EVENTS,
    GoodsReceived,
    InboundAnnounced,
    OrderPlaced,
    SaleRecorded,
    StockAdjusted,
    StockEvent,
    TransferShipped,
)
from streams.engine.memory_log import MemoryRecord
from streams.engine.partitioner import partition_for
from tests.agents.stockroom import PARTITIONS, Emitted, Harvest, Stockroom
from tests.domain.shop import DAY_MS, NOW, SKU, any_event, make

KEY = SKU.encode()
SALES = "stock-sales"
REASON, MESSAGE = "__streams.errors.exception", "__streams.errors.message"
WRONG_PARTITION = (partition_for(KEY, PARTITIONS) + 1) % PARTITIONS
GOOD = wire.encode("SaleRecorded", make(SaleRecorded)._asdict())


def endings(harvest: Harvest) -> list[Emitted]:
    """What became of inputs: ledger rows, records sent aside or on, policies accepted."""
    outputs = {"stock-levels", "stock-alerts", "stock-open-lines", "stock-seen-events"}
    return [one for one in harvest if one.topic not in outputs and not one.topic.startswith("availability-")]


def dead(room: Stockroom, record: MemoryRecord) -> Emitted:
    """The dead letter of a record that leaves nothing else behind."""
    (letter,) = room.take(record)
    assert letter.topic == f"{record.topic()}-dlq"
    assert (letter.partition, letter.key, letter.value) == (record.partition(), record.key(), record.value())
    assert letter.header("__streams.errors.topic") == record.topic()
    assert letter.header("__streams.errors.partition") == str(record.partition())
    assert letter.header("__streams.errors.offset") == str(record.offset())
    assert letter.header(MESSAGE)
    return letter


@pytest.mark.parametrize("kind", STOCK_EVENTS)
def test_event_is_applied_to_ledger_table_and_channels(kind: type[StockEvent]) -> None:
    """The ledger row repeats the event and says what it did; the table and both channels agree with it."""
    room = Stockroom()
    room.take(make(StockAdjusted, event_id="opening", quantity=50, occurred_at=NOW - 9))
    event = make(kind, quantity=3, channel_id="web", event_id="the event")
    harvest = room.take(event, now=NOW + 5)
    (row,) = harvest.movements()
    level = room.level(SKU)
    assert level is not None
    here = next(one for one in level["locations"] if one["location_id"] == "store")
    assert row == {
        **{name: getattr(event, name) for name in event._fields[:7]},
        "event_type": kind.__name__,
        "outcome": "APPLIED",
        "reason": None,
        "late": False,
        "on_hand_before": 50,
        "on_hand_after": here["on_hand"],
        "available_after": here["on_hand"] - here["unsellable"] - here["reserved"],
        "version": 2,
        "recorded_at": NOW + 5,
        "unsellable_after": here["unsellable"],
        "reserved_after": here["reserved"],
        "held_after": 0,
        "safety_stock_after": 0,
        "reference": next(
            (
                getattr(event, name)
                for name in ("order_id", "inbound_id", "transfer_id")
                if hasattr(event, name)
            ),
            None,
        ),
    }
    assert (level["version"], level["occurred_at"], level["updated_at"]) == (2, NOW, NOW + 5)
    changed = row["available_after"] != 50
    told = {("pos", SKU): row["available_after"], ("web", SKU): row["available_after"]}
    assert harvest.told() == (told if changed else {})
    assert len(harvest.of("stock-seen-events")) == 1


def test_everything_of_a_sku_lies_on_its_partition() -> None:
    """Table, ledger, availability, lines, identities: one worker owns them together."""
    harvest = Stockroom().take(make(InboundAnnounced), make(StockAdjusted, event_id="2"))
    assert {one.partition for one in harvest} == {partition_for(KEY, PARTITIONS)}
    assert {one.key for one in harvest if one.topic in {"stock-levels", "stock-movements"}} == {KEY}


def test_duplicate_leaves_a_ledger_row_and_nothing_else() -> None:
    """In the same batch, in a later one, and after a restart."""
    room = Stockroom()
    sale = make(SaleRecorded, quantity=2)
    first = room.take(sale, sale)
    assert [row["outcome"] for row in first.movements()] == ["APPLIED", "DUPLICATE"]
    for later in (room, Stockroom(room.all)):
        (row,) = endings(harvest := later.take(sale))
        assert len(harvest) == 1
        fields = row.fields()
        assert (fields["outcome"], fields["on_hand_before"], fields["on_hand_after"]) == ("DUPLICATE", -2, -2)
        assert fields["version"] == 1
    assert room.monitor.outcomes == {(SALES, "APPLIED"): 1, (SALES, "DUPLICATE"): 2}


@pytest.mark.parametrize("same_batch", [True, False])
def test_another_event_under_a_used_id_is_a_dead_letter(same_batch: bool) -> None:
    """The first one counts; the second keeps its bytes and headers for a person to look at."""
    room = Stockroom()
    first, second = make(SaleRecorded, quantity=2), make(SaleRecorded, quantity=3)
    record = room.record_of(second, headers=[("ce_id", b"e-1"), (REASON, b"from an earlier failure")])
    if same_batch:
        harvest = room.take(first, record)
    else:
        room.take(first)
        harvest = room.take(record)
    (letter,) = harvest.of("stock-sales-dlq")
    assert letter.value == record.value()
    assert letter.header("ce_id") == "e-1"
    assert letter.header(REASON) == "IDEMPOTENCY_CONFLICT"
    level = room.level(SKU)
    assert level is not None
    assert level["locations"][0]["on_hand"] == -2


def test_refused_order_leaves_its_ledger_row_only() -> None:
    """No table record, no line, no news, even when the SKU is unknown; asked again it is a duplicate."""
    room = Stockroom()
    order = make(OrderPlaced, quantity=2)
    harvest = room.take(order)
    (row,) = harvest.movements()
    assert (row["outcome"], row["reason"], row["version"]) == ("REJECTED", "INSUFFICIENT_STOCK", 0)
    assert {one.topic for one in harvest} == {"stock-movements", "stock-seen-events"}
    assert room.level(SKU) is None
    room.take(make(GoodsReceived, event_id="goods", quantity=5, inbound_id=None))
    assert [row["outcome"] for row in room.take(order).movements()] == ["DUPLICATE"]
    assert [row["outcome"] for row in room.take(order._replace(event_id="again")).movements()] == ["APPLIED"]


def test_late_event_is_applied_and_marked() -> None:
    """Older than the horizon of 24 hours: it counts, and the ledger says so."""
    (row,) = Stockroom().take(make(SaleRecorded, occurred_at=NOW - DAY_MS - 1)).movements()
    assert (row["outcome"], row["late"]) == ("APPLIED", True)
    (row,) = Stockroom().take(make(SaleRecorded, occurred_at=NOW - DAY_MS)).movements()
    assert not row["late"]


DEAD: list[tuple[str, bytes | None, bytes | None, str]] = [
    (SALES, KEY, None, "UNDECODABLE"),
    (SALES, KEY, b"", "UNDECODABLE"),
    (SALES, KEY, b"\x00\x00\x00", "UNDECODABLE"),
    (SALES, KEY, b'{"quantity": 1}', "UNDECODABLE"),
    (SALES, KEY, GOOD[:-1], "UNDECODABLE"),
    (SALES, KEY, GOOD + b"\x00", "UNDECODABLE"),
    (SALES, KEY, b"\x01" + GOOD[1:], "UNDECODABLE"),
    (SALES, KEY, b"\x00\x7f\xff\xff\xff" + GOOD[5:], "UNDECODABLE"),
    (SALES, KEY, b"\x00\x00\x00\x00\x0e" + GOOD[5:], "UNEXPECTED_RECORD"),
    ("stock-returns", KEY, GOOD, "UNEXPECTED_RECORD"),
    ("stock-policies", KEY, GOOD, "UNEXPECTED_RECORD"),
    (SALES, None, GOOD, "INVALID_KEY"),
    (SALES, b"", GOOD, "INVALID_KEY"),
    (SALES, b"SKU-2", GOOD, "INVALID_KEY"),
    (SALES, b"\xff\xfe", GOOD, "INVALID_KEY"),
]


@pytest.mark.parametrize(("topic", "key", "value", "reason"), DEAD)
def test_record_that_is_no_event_is_a_dead_letter(
    topic: str, key: bytes | None, value: bytes | None, reason: str
) -> None:
    """With its reason, and bytes and place as they were."""
    room = Stockroom()
    assert dead(room, room.record(topic, key, value)).header(REASON) == reason
    assert room.monitor.reasons == {(topic, "dead_letter", reason): 1}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity": -1}, "INVALID_QUANTITY"),
        ({"occurred_at": 0}, "INVALID_TIME"),
        ({"occurred_at": NOW + DAY_MS}, "FUTURE_EVENT"),
        ({"source_id": ""}, "INVALID_IDENTITY"),
        ({"sku": " SKU-1"}, "INVALID_SKU"),
        ({"sku": "cafe\u0301"}, "INVALID_SKU"),
        ({"sku": "x" * 201}, "INVALID_SKU"),
        ({"sku": "a\x1fb"}, "INVALID_SKU"),
    ],
)
def test_event_that_breaks_a_rule_is_a_dead_letter(fields: dict[str, Any], reason: str, strict: bool) -> None:
    """At once, also while its SKU is unknown to a strict catalogue: waiting would not mend it."""
    room = Stockroom(catalogue="strict" if strict else "lenient")
    assert dead(room, room.record_of(make(SaleRecorded, **fields))).header(REASON) == reason


def test_damaged_event_under_a_used_id_leaves_the_id_free() -> None:
    """What is given up was never seen, so that its mended version may come under the same id."""
    room = Stockroom()
    dead(room, room.record_of(make(SaleRecorded, quantity=0)))
    assert [row["outcome"] for row in room.take(make(SaleRecorded)).movements()] == ["APPLIED"]


def test_misplaced_event_is_sent_on_and_applied_where_it_belongs() -> None:
    """A producer with another partitioner: same topic, right partition, its origin in a header; applied once."""
    room = Stockroom()
    record = room.record_of(make(SaleRecorded), headers=[("ce_id", b"e-1")], partition=WRONG_PARTITION)
    (sent,) = room.take(record)
    origin = f"{SALES}-{WRONG_PARTITION}-{record.offset()}".encode()
    assert sent[:4] == (SALES, partition_for(KEY, PARTITIONS), KEY, record.value())
    assert sent.headers == [("ce_id", b"e-1"), (FORWARDED_FROM, origin)]
    arrived = room.record(SALES, KEY, sent.value, sent.headers)
    again = room.record(SALES, KEY, sent.value, sent.headers)
    assert [row["outcome"] for row in room.take(arrived, again).movements()] == ["APPLIED", "DUPLICATE"]
    assert room.monitor.outcomes[SALES, "FORWARDED"] == 1


def test_unknown_sku_waits_when_the_catalogue_is_strict() -> None:
    """In the retry topic with the time of its next try, each wait twice as long, then as a dead letter."""
    room = Stockroom(catalogue="strict", retry_attempts=2, retry_delay_seconds=5)
    record = room.record_of(make(SaleRecorded), headers=[("ce_id", b"e-1")])
    for attempt, wait in ((1, 5_000), (2, 10_000)):
        (waiting,) = room.take(record)
        assert waiting[:4] == (f"{SALES}-retry", record.partition(), KEY, record.value())
        assert waiting.header("retry-attempts") == str(attempt)
        assert waiting.header("not-before") == str(NOW + wait)
        assert waiting.header(REASON) == "UNKNOWN_SKU"
        assert waiting.header("ce_id") == "e-1"
        assert len(dict(waiting.headers)) == len(waiting.headers)
        record = room.record(SALES, KEY, waiting.value, waiting.headers)
    letter = dead(room, record)
    assert letter.header(REASON) == "RETRIES_EXHAUSTED"
    assert "UNKNOWN_SKU" in letter.header(MESSAGE)


def test_waiting_event_applies_once_its_sku_is_known() -> None:
    """Receipts, announcements, transfers and adjustments introduce a SKU; sales and returns do not."""
    for kind in STOCK_EVENTS:
        room = Stockroom(catalogue="strict")
        harvest = room.take(make(kind, event_id="first"), make(SaleRecorded, event_id="sale"))
        introduces = kind is StockAdjusted or topology.EVENT_TOPICS[kind.__name__] is topology.STOCK_RECEIPTS
        assert len(harvest.movements()) == (2 if introduces else 0), kind
        assert sum(one.topic.endswith("-retry") for one in harvest) == (0 if introduces else 2), kind


def test_event_without_retries_is_given_up_at_once() -> None:
    """retry_attempts 0 means: do not wait."""
    room = Stockroom(catalogue="strict", retry_attempts=0)
    assert dead(room, room.record_of(make(SaleRecorded))).header(REASON) == "RETRIES_EXHAUSTED"


def test_aborted_batch_has_no_effect() -> None:
    """The same records afterwards do what they would have done the first time, and are counted once."""
    room = Stockroom()
    events: list[StockEvent] = [make(GoodsReceived, quantity=9), make(OrderPlaced, event_id="2", quantity=4)]
    records = [room.record_of(event) for event in events]
    assert room.take(*records, commits=False) == room.take(*records)
    assert room.monitor.outcomes.total() == 2


def test_restarted_worker_continues_where_the_table_stands() -> None:
    """Lines, versions, availability and identities come back from the topics."""
    room = Stockroom()
    room.take(make(GoodsReceived, quantity=9), make(OrderPlaced, event_id="2", quantity=4))
    again = Stockroom(room.all)
    events: list[StockEvent] = [
        make(TransferShipped, event_id="3", quantity=2),
        make(SaleRecorded, event_id="4"),
    ]
    assert again.take(*events) == room.take(*events)


def test_a_tick_without_work_emits_nothing() -> None:
    """Nothing to say, nothing written."""
    room = Stockroom()
    room.take(make(SaleRecorded))
    assert room.tick() == []
    assert not room.agent.pending


def noise(chance: random.Random, value: bytes) -> bytes:
    """A value with something wrong."""
    data = bytearray(value)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 4))
    return bytes(data)


MIXED = st.tuples(any_event(), st.sampled_from(["good", "good", "noise", "misplaced", "key"]))


@settings(max_examples=50)
@given(st.lists(st.lists(MIXED, max_size=6), max_size=4), st.randoms(use_true_random=False), st.booleans())
def test_every_record_ends_in_exactly_one_way(
    batches: list[list[tuple[StockEvent, str]]], chance: random.Random, strict: bool
) -> None:
    """Whatever arrives, damaged, misplaced, repeated or refused: nothing raises, is lost or counts twice."""
    room = Stockroom(catalogue="strict" if strict else "lenient")
    for batch in batches:
        records = []
        for event, fate in batch:
            event = event._replace(event_id=str(chance.randrange(6)))  # noqa: PLW2901 - ids that meet each other.
            record = room.record_of(event, partition=WRONG_PARTITION if fate == "misplaced" else None)
            key, value = record.key(), record.value()
            if fate == "noise":
                value = noise(chance, value or b"")
            if fate == "key":
                key = chance.choice([None, b"", b"\xff", b"SKU-2"])
            records.append(room.record(record.topic(), key, value, None, record.partition()))
        assert len(endings(room.take(*records))) == len(records)


def test_damaged_policies_and_events_never_raise() -> None:
    """Thousands of damaged values on every input: each is a dead letter, or an event after all."""
    room, chance = Stockroom(), random.Random(3)
    samples: dict[str, list[bytes]] = {topic.name: [] for topic in topology.INPUTS}
    for kind in STOCK_EVENTS:
        value = wire.encode(kind.__name__, make(kind)._asdict())
        samples[topology.EVENT_TOPICS[kind.__name__].name].append(value)
    policy = {
        "event_id": "p",
        "source_id": "erp",
        "sku": SKU,
        "occurred_at": NOW,
        "channels": [{"channel_id": "web", "location_ids": ["store"], "cap": 5}],
        "locations": [{"location_id": "*", "safety_stock": 1}],
    }
    samples["stock-policies"].append(wire.encode("StockPolicySet", policy))
    for _ in range(200):
        topics = [chance.choice([name for name, found in samples.items() if found]) for _ in range(20)]
        room.take(
            *(room.record(topic, KEY, noise(chance, chance.choice(samples[topic]))) for topic in topics)
        )
    counted = room.monitor.outcomes.total() + room.monitor.reasons.total()
    assert counted == 200 * 20
    assert room.monitor.reasons["stock-policies", "dead_letter", "UNDECODABLE"] > 0
