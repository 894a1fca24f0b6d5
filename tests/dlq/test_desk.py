"""Dead letters on the memory log: replayed as they came, each once, with the decision beside the effect."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from schemas import wire
from streams.dlq.decisions import Decisions, load_decisions
from streams.dlq.desk import CHUNK_TRIES, Desk, chunks
from streams.dlq.letters import SOURCE_OF, InvalidLetterId, Letter, LetterId
from streams.dlq.mending import InvalidMend, mended
from streams.dlq.reading import LetterNotFound, MissingTopic, fetch
from streams.dlq.selection import Selection, UnknownTopic, dead_letter_topics, select
from streams.engine.errors import AbortableLogError, FencedError, RetriableLogError
from streams.engine.log import Partition
from streams.engine.memory_log import MemoryCluster, MemoryLog, MemoryRecord, Process, SimulatedCrash
from streams.engine.memory_log.reader import MemoryReader
from streams.engine.partitioner import partition_for
from streams.settings import Settings
from streams.topology import DEAD_LETTER_DECISIONS

PARTITIONS = 4
NOW_MS = 1_700_000_000_000
SALE = {
    "event_id": "e-1",
    "source_id": "till",
    "sku": "A-1",
    "location_id": "shop",
    "channel_id": "pos",
    "quantity": 2,
    "occurred_at": NOW_MS,
}


@pytest.fixture
def cluster() -> MemoryCluster:
    """Every input, its dead-letter topic, and the decisions."""
    cluster = MemoryCluster(random.Random(1))
    for dead, source in SOURCE_OF.items():
        cluster.create_topic(dead, PARTITIONS)
        cluster.create_topic(source, PARTITIONS)
    cluster.create_topic(DEAD_LETTER_DECISIONS.name, PARTITIONS)
    return cluster


def bury(
    cluster: MemoryCluster,
    value: bytes | None = b"broken",
    key: bytes | None = b"A-1",
    *,
    reason: str = "UNDECODABLE",
    partition: int = 0,
    topic: str = "stock-sales",
) -> LetterId:
    """Put one dead letter where the stock agent would."""
    headers = [
        ("ce_id", b"e-1"),
        ("retry-attempts", b"3"),
        ("__streams.errors.exception", reason.encode()),
        ("__streams.errors.message", b"no good"),
        ("__streams.errors.topic", topic.encode()),
    ]
    offset = cluster.append(f"{topic}-dlq", partition, key, value, headers)
    return LetterId(f"{topic}-dlq", partition, offset)


def open_desk(cluster: MemoryCluster, process: Process | None = None) -> Desk:
    """A desk of one process."""
    return Desk(MemoryLog(cluster, process), Settings(), lambda: NOW_MS)


def replay(cluster: MemoryCluster, *letter_ids: LetterId, force: bool = False) -> tuple[int, int]:
    """Replay letters; returns how many were replayed and refused."""
    with open_desk(cluster) as desk:
        *_, done = desk.replay(fetch(MemoryLog(cluster), letter_ids), force=force)
    return done.decided, len(done.refused)


def replayed(cluster: MemoryCluster) -> list[MemoryRecord]:
    """All that stands in input topics."""
    return [record for topic in SOURCE_OF.values() for record in cluster.committed(topic)]


def open_letters(cluster: MemoryCluster, **selection: str) -> list[LetterId]:
    """The dead letters that nothing was decided about."""
    log = MemoryLog(cluster)
    chosen = Selection(dead_letter_topics(selection.get("topic")), selection.get("reason"))
    return [letter.letter_id for letter in select(log, chosen, load_decisions(log))]


def test_replay_sends_the_event_as_it_came_to_its_partition(cluster: MemoryCluster) -> None:
    """Key, value and own headers stay, all that tells of failure goes, and the letter is named."""
    letter_id = bury(cluster, partition=3)
    assert replay(cluster, letter_id) == (1, 0)
    (record,) = replayed(cluster)
    assert (record.topic(), record.partition()) == ("stock-sales", partition_for(b"A-1", PARTITIONS))
    assert (record.key(), record.value()) == (b"A-1", b"broken")
    assert list(record.headers() or ()) == [
        ("ce_id", b"e-1"),
        ("onhand-dlq-replay-of", str(letter_id).encode()),
    ]


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe"])
def test_letter_with_an_unusable_key_goes_back_to_its_own_partition(
    cluster: MemoryCluster, key: bytes | None
) -> None:
    """A key that is no text has no partition of its own; the original one is as good as any."""
    assert replay(cluster, bury(cluster, key=key, value=None, partition=2)) == (1, 0)
    (record,) = replayed(cluster)
    assert (record.partition(), record.key(), record.value()) == (2, key, None)


def test_second_replay_is_refused_unless_forced(cluster: MemoryCluster) -> None:
    """An operator learns that somebody was there before, and may insist."""
    letter_id = bury(cluster)
    assert replay(cluster, letter_id) == (1, 0)
    assert replay(cluster, letter_id) == (0, 1)
    assert replay(cluster, letter_id, force=True) == (1, 0)
    assert len(replayed(cluster)) == 2


def test_replay_of_a_replay_names_only_the_last_letter(cluster: MemoryCluster) -> None:
    """Headers do not pile up when an event dies again and again."""
    headers = [("onhand-dlq-replay-of", b"stock-sales-dlq:0:7")]
    offset = cluster.append("stock-sales-dlq", 1, b"A", b"v", headers)
    replay(cluster, LetterId("stock-sales-dlq", 1, offset))
    (record,) = replayed(cluster)
    assert list(record.headers() or ()) == [("onhand-dlq-replay-of", f"stock-sales-dlq:1:{offset}".encode())]


def test_decided_letters_are_open_no_more(cluster: MemoryCluster) -> None:
    """What was replayed or discarded is off the list, with time, decision and note on record."""
    first, second, third = bury(cluster), bury(cluster), bury(cluster)
    replay(cluster, first)
    with open_desk(cluster) as desk:
        *_, done = desk.discard(fetch(MemoryLog(cluster), [second]), note="test data")
    assert (done.decided, done.refused) == (1, [])
    assert open_letters(cluster) == [third]
    assert len(replayed(cluster)) == 1
    decisions = {record.key(): record.value() for record in cluster.committed(DEAD_LETTER_DECISIONS.name)}
    record, value = wire.decode(decisions[str(second).encode()] or b"")
    assert record == "DeadLetterDecision"
    assert value == {
        "dead_letter_id": str(second),
        "decision": "DISCARDED",
        "decided_at": NOW_MS,
        "note": "test data",
    }


def test_selection_by_topic_and_reason(cluster: MemoryCluster) -> None:
    """Input and dead-letter topic names mean the same."""
    late = bury(cluster, reason="FUTURE_EVENT")
    other = bury(cluster, reason="INVALID_SKU", topic="stock-returns")
    assert open_letters(cluster, reason="FUTURE_EVENT") == [late]
    assert open_letters(cluster, topic="stock-returns") == [other]
    assert open_letters(cluster, topic="stock-returns-dlq") == [other]
    with pytest.raises(UnknownTopic, match="stock-sales"):
        dead_letter_topics("sales")


def test_bulk_replay_is_cut_into_transactions_and_takes_each_letter_once(cluster: MemoryCluster) -> None:
    """Thousands of letters go in bounded steps, and those that die again meanwhile are not met twice."""
    wanted = {bury(cluster, value=str(number).encode(), partition=number % 4) for number in range(1_700)}
    log = MemoryLog(cluster)
    with open_desk(cluster) as desk:
        letters = select(log, Selection(dead_letter_topics(None), "UNDECODABLE"), desk.decisions)
        steps = 0
        for done in desk.replay(letters):  # noqa: B007 - the last one is looked at
            steps += 1
            bury(cluster)
    assert (done.decided, steps) == (1_700, 5)
    assert len(replayed(cluster)) == 1_700
    assert not wanted & set(open_letters(cluster))


def test_large_letters_make_small_transactions() -> None:
    """What is in memory at a time is bounded in bytes, not only in letters."""
    letter = Letter(LetterId("stock-sales-dlq", 0, 0), b"k", bytes(3_000_000), (), 0)
    assert [len(chunk) for chunk in chunks([letter] * 7)] == [3, 3, 1]


def failing(times: int, error: Callable[[str], BaseException]) -> Process:
    """A process whose first commits fail so many times."""
    left = [times]

    def hook(point: str) -> None:
        if point == "before producer.commit" and left[0]:
            left[0] -= 1
            raise error(point)

    return Process("failing", hook)


def test_aborted_replay_is_tried_again(cluster: MemoryCluster) -> None:
    """The cluster may abort a transaction; the letter is replayed once nevertheless."""
    letter_id = bury(cluster)
    with open_desk(cluster, failing(CHUNK_TRIES - 1, AbortableLogError)) as desk:
        *_, done = desk.replay(fetch(MemoryLog(cluster), [letter_id]))
    assert done.decided == 1
    assert len(replayed(cluster)) == 1


def test_replay_that_keeps_failing_gives_up_with_nothing_done(cluster: MemoryCluster) -> None:
    """Neither the event nor the decision is there when the transaction can't be had."""
    letter_id = bury(cluster)
    with (
        open_desk(cluster, failing(CHUNK_TRIES, AbortableLogError)) as desk,
        pytest.raises(AbortableLogError),
    ):
        list(desk.replay(fetch(MemoryLog(cluster), [letter_id])))
    assert replayed(cluster) == []
    assert open_letters(cluster) == [letter_id]


def test_interrupted_replay_leaves_no_transaction_open(cluster: MemoryCluster) -> None:
    """Ctrl-C in the middle holds up no reader of the input topic."""
    letter_id = bury(cluster, partition=1)
    with open_desk(cluster, failing(1, KeyboardInterrupt)) as desk, pytest.raises(KeyboardInterrupt):
        list(desk.replay(fetch(MemoryLog(cluster), [letter_id])))
    cluster.append("stock-sales", partition_for(b"A-1", PARTITIONS), b"A-1", b"next", None)
    assert [record.value() for record in replayed(cluster)] == [b"next"]


@pytest.mark.parametrize("crash_at", range(30))
def test_crash_anywhere_leaves_event_and_decision_together(cluster: MemoryCluster, crash_at: int) -> None:
    """Whatever call a killed replay had come to, running it again gives the event exactly once."""
    letter_id = bury(cluster)
    calls = iter(range(1_000))

    def crash(point: str) -> None:
        if next(calls) == crash_at:
            raise SimulatedCrash(point)

    process = Process("crashing", crash)
    try:
        with open_desk(cluster, process) as desk:
            list(desk.replay(fetch(MemoryLog(cluster), [letter_id])))
    except SimulatedCrash:
        pass
    replay(cluster, letter_id)
    assert len(replayed(cluster)) == 1


def test_operator_who_opens_later_overtakes_the_earlier(cluster: MemoryCluster) -> None:
    """Two operators at once can't replay one letter twice: the first is told that it was overtaken."""
    letter_id = bury(cluster)
    log = MemoryLog(cluster)
    first, second = open_desk(cluster), open_desk(cluster)
    list(second.replay(fetch(log, [letter_id])))
    with pytest.raises(FencedError):
        list(first.replay(fetch(log, [letter_id])))
    assert len(replayed(cluster)) == 1


def test_letter_that_is_not_there_is_named(cluster: MemoryCluster) -> None:
    """A mistyped offset or partition gets a sentence, not a wait."""
    bury(cluster)
    for missing in (LetterId("stock-sales-dlq", 0, 1), LetterId("stock-sales-dlq", 9, 0)):
        with pytest.raises(LetterNotFound, match=str(missing)):
            list(fetch(MemoryLog(cluster), [missing]))


def test_partition_between_leaders_is_asked_again(
    cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after its topics were made, or during a failover, a cluster needs a moment to answer."""
    letter_id = bury(cluster)
    answer, refusals = MemoryReader.end_offsets, iter([RetriableLogError("no leader")] * 2)

    def end_offsets(self: MemoryReader, partitions: Sequence[Partition]) -> dict[Partition, int]:
        for refusal in refusals:
            raise refusal
        return dict(answer(self, partitions))

    monkeypatch.setattr(MemoryReader, "end_offsets", end_offsets)
    assert open_letters(cluster) == [letter_id]


def test_missing_topics_are_told() -> None:
    """A cluster without our topics gets advice."""
    with pytest.raises(MissingTopic, match="onhand topics"):
        load_decisions(MemoryLog(MemoryCluster()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "stock-sales:0:1",
        "stock-sales-dlq:0",
        "stock-sales-dlq:a:1",
        "stock-sales-dlq:0:-1",
        "stock-sales-dlq:0:1:2",
        "stock-sales-dlq:0:²",
    ],
)
def test_what_names_no_letter_is_refused(text: str) -> None:
    """Ids are topic:partition:offset and nothing else."""
    with pytest.raises(InvalidLetterId):
        LetterId.parse(text)


def test_letter_ids_read_as_they_are_written() -> None:
    """An id out of a list is an id for a replay."""
    letter_id = LetterId("stock-sales-dlq", 3, 41)
    assert LetterId.parse(str(letter_id)) == letter_id


def test_damaged_and_withdrawn_decisions_count_as_none(cluster: MemoryCluster) -> None:
    """Whatever else stands in the topic of decisions stops nobody."""
    letter_id = bury(cluster)
    replay(cluster, letter_id)
    topic, key = DEAD_LETTER_DECISIONS.name, str(letter_id).encode()
    cluster.append(topic, 0, b"\xff", b"junk", None)
    cluster.append(topic, 0, b"stock-sales-dlq:0:5", b"junk", None)
    cluster.append(topic, 0, None, None, None)
    assert len(load_decisions(MemoryLog(cluster))) == 1
    cluster.append(topic, partition_for(key, PARTITIONS), key, None, None)
    assert open_letters(cluster) == [letter_id]


def test_decisions_are_forgotten_and_kept_by_letter() -> None:
    """The newest decision about a letter holds."""
    decisions, letter_id = Decisions(), LetterId("stock-sales-dlq", 0, 1)
    assert decisions.get(letter_id) is None
    decisions.put(letter_id, "REPLAYED")
    decisions.put(letter_id, "DISCARDED")
    assert (decisions.get(letter_id), len(decisions)) == ("DISCARDED", 1)
    decisions.reopen(letter_id)
    assert decisions.get(letter_id) is None


def test_mended_letter_has_the_new_value_under_its_sku(cluster: MemoryCluster) -> None:
    """A wrong SKU or key is mended by giving the fields; the rest of the letter stays."""
    (letter,) = fetch(
        MemoryLog(cluster), [bury(cluster, wire.encode("SaleRecorded", {**SALE, "sku": " "}), b" ")]
    )
    repaired = mended(
        letter,
        '{"event_id":"e-1","source_id":"till","sku":"B-2","location_id":"shop","quantity":2,"occurred_at":1}',
    )
    assert repaired.key == b"B-2"
    assert wire.decode(repaired.value or b"")[1]["sku"] == "B-2"
    assert repaired.headers == letter.headers


@pytest.mark.parametrize(
    ("text", "record", "sentence"),
    [
        ("{", "SaleRecorded", "no JSON"),
        ("[]", "SaleRecorded", "one JSON object"),
        ("{}", "SaleRecorded", "no SaleRecorded"),
        ("{}", "StockLevel", "--record"),
        ("{}", None, "--record"),
    ],
)
def test_mend_that_fits_no_schema_is_refused(
    cluster: MemoryCluster, text: str, record: str | None, sentence: str
) -> None:
    """Nothing leaves that would only become the next dead letter."""
    (letter,) = fetch(MemoryLog(cluster), [bury(cluster)])
    with pytest.raises(InvalidMend, match=sentence):
        mended(letter, text, record)


def test_record_of_an_undecodable_letter_comes_from_its_cloud_event_type(cluster: MemoryCluster) -> None:
    """A truncated value still says in its headers what it was meant to be."""
    offset = cluster.append("stock-sales-dlq", 0, b"A-1", b"\x00", [("ce_type", b"onhand.SaleRecorded")])
    (letter,) = fetch(MemoryLog(cluster), [LetterId("stock-sales-dlq", 0, offset)])
    text = '{"event_id":"e","source_id":"s","sku":"A-1","location_id":"l","quantity":1,"occurred_at":1}'
    assert wire.decode(mended(letter, text).value or b"")[0] == "SaleRecorded"
