"""`onhand feeds` on the log in memory, with what the stock agent wrote of a feed."""

from __future__ import annotations

import json
import random

import pytest
from typer.testing import CliRunner, Result

from streams.agents import feed_codec
from streams.cli import feeds as command
from streams.cli.errors import UserError
from streams.engine.memory_log import MemoryCluster, MemoryLog
from streams.topology import FEEDS
from tests.agents.feeding import AS_OF, FEED, SKUS, figures, full_feed, opened, settle
from tests.agents.stockroom import PARTITIONS, Emitted, Stockroom

HALF = {sku: 10 for number, sku in enumerate(SKUS) if number % 2}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> MemoryCluster:
    """The topic of feeds, which the command finds."""
    cluster = MemoryCluster(random.Random(1))
    cluster.create_topic(FEEDS.name, PARTITIONS)
    monkeypatch.setattr(command, "open_log", lambda _settings: MemoryLog(cluster))
    monkeypatch.setattr(command, "_now", lambda: 1_800_000_060_000)
    return cluster


@pytest.fixture
def room(cluster: MemoryCluster) -> Stockroom:
    """Twenty SKUs, and a feed that names every other of them."""
    room = opened(dict.fromkeys(SKUS, 10))
    room.take(*full_feed(HALF))
    settle(room)
    write(cluster, room.all)
    return room


def write(cluster: MemoryCluster, emitted: list[Emitted]) -> None:
    """Bring what an agent has said to the topic."""
    for one in emitted:
        if one.topic == FEEDS.name:
            cluster.append(one.topic, one.partition, one.key, one.value)


def run(*words: str) -> Result:
    """The command with these words."""
    return CliRunner().invoke(command.app, list(words))


def hear(room: Stockroom, cluster: MemoryCluster) -> None:
    """Let the agent read the topic."""
    for record in cluster.committed(FEEDS.name):
        room.agent.take_global(record)


def test_list_shows_what_waits_and_what_it_would_do(room: Stockroom) -> None:
    """A line for each feed; the share in percent."""
    found = run("list")
    (line,) = found.stdout.splitlines()
    assert line.split("\t") == [
        "monday",
        "wms",
        "store",
        "quarantined",
        "10 of 10",
        "10 of 20 SKUs (50.0 %)",
        "0",
        "2 min",
    ]
    assert "1 of 1 feeds, 1 wait for a decision" in found.output


def test_incomplete_feed_shows_its_progress(cluster: MemoryCluster) -> None:
    """Nobody knows yet what it would set to zero."""
    room = opened(dict.fromkeys(SKUS, 10))
    room.take(*full_feed(HALF)[:7])
    write(cluster, room.all)
    told = json.loads(run("list", "--json").stdout)
    assert {name: told[name] for name in ("state", "rows", "total", "zero_share")} == {
        "state": "incomplete",
        "rows": 7,
        "total": 10,
        "zero_share": None,
    }


def test_show_names_who_decided_and_each_partition(room: Stockroom) -> None:
    """For people and for machines."""
    text = run("show", "monday").stdout
    assert "decision  QUARANTINED by worker-0" in text
    assert "it would set too many SKUs to zero" in text
    told = json.loads(run("show", "monday", "--json").stdout)
    assert [said["partition"] for said in told["partitions"]] == list(range(PARTITIONS))
    assert {said["stage"] for said in told["partitions"]} == {"ASSESSED"}


def test_approved_feed_is_applied(room: Stockroom, cluster: MemoryCluster) -> None:
    """The agent takes the word, and the list says who gave it."""
    found = run("approve", "monday", "--by", "ada", "--note", "clearance")
    assert found.exit_code == 0, found.output
    before = len(room.all)
    hear(room, cluster)
    settle(room)
    assert figures(room) == HALF
    write(cluster, room.all[before:])
    told = json.loads(run("list", "--json").stdout)
    assert (told["state"], told["decided_by"], told["note"], told["changed"]) == (
        "applied", "ada", "clearance", 10,
    )  # fmt: skip
    assert run("list", "--open").stdout == ""


def test_rejected_feed_is_dropped(room: Stockroom, cluster: MemoryCluster) -> None:
    """A reason is asked for."""
    assert run("reject", "monday").exit_code == 2
    assert run("reject", "monday", "--note", "half a file").exit_code == 0
    hear(room, cluster)
    settle(room)
    assert figures(room) == dict.fromkeys(SKUS, 10)
    write(cluster, room.all)
    assert json.loads(run("list", "--json").stdout)["state"] == "rejected"


def test_word_waits_under_a_key_of_its_own(room: Stockroom, cluster: MemoryCluster) -> None:
    """A decision has one writer, the worker; so what people say never overwrites it."""
    run("approve", "monday")
    latest = {one.key(): one.value() for one in cluster.committed(FEEDS.name)}
    decided, word = latest[feed_codec.decided_key(FEED)], latest[feed_codec.answer_key(FEED)]
    assert decided is not None
    assert word is not None
    assert feed_codec.decode_decided(decided).decision == "QUARANTINED"
    assert feed_codec.decode_decided(word).decision == "APPROVED"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "tuesday"), "There is no feed 'tuesday'"),
        (("approve", "tuesday"), "There is no feed 'tuesday'"),
        (("show", "monday", "--location", "yard"), "There is no feed 'monday'"),
    ],
)
def test_unknown_feed_is_a_sentence(room: Stockroom, words: tuple[str, ...], sentence: str) -> None:
    """And says where to look."""
    error = run(*words).exception
    assert isinstance(error, UserError)
    assert sentence in str(error)


def test_only_a_quarantined_feed_may_be_decided(cluster: MemoryCluster) -> None:
    """The sentence says how far it is."""
    room = opened(dict.fromkeys(SKUS, 10))
    room.take(*full_feed(dict.fromkeys(SKUS, 10)))
    settle(room)
    write(cluster, room.all)
    error = run("reject", "monday", "--note", "no").exception
    assert isinstance(error, UserError)
    assert "is applied: only a quarantined feed" in str(error)


def test_two_feeds_of_one_name_are_told_apart(room: Stockroom, cluster: MemoryCluster) -> None:
    """By their source or their location."""
    other = opened(dict.fromkeys(SKUS, 10))
    other.take(*full_feed(HALF, FEED._replace(location_id="yard")))
    write(cluster, other.all)
    error = run("show", "monday").exception
    assert isinstance(error, UserError)
    assert "add --source and --location" in str(error)
    assert "at yard" in run("show", "monday", "--location", "yard").stdout


def test_list_shows_the_latest_first(room: Stockroom, cluster: MemoryCluster) -> None:
    """As many as are asked for."""
    other = opened(dict.fromkeys(SKUS, 10))
    other.take(*full_feed(HALF, FEED._replace(feed_id="tuesday"), AS_OF + 1))
    write(cluster, other.all)
    assert [line.split("\t")[0] for line in run("list").stdout.splitlines()] == ["tuesday", "monday"]
    assert [line.split("\t")[0] for line in run("list", "--limit", "1").stdout.splitlines()] == ["tuesday"]


def test_missing_topic_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """No installation yet."""
    monkeypatch.setattr(command, "open_log", lambda _settings: MemoryLog(MemoryCluster(random.Random(1))))
    error = run("list").exception
    assert isinstance(error, UserError)
    assert "onhand topics" in str(error)
