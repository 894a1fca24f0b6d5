"""Whether a peer's result is right: recomputed from the events on a path of its own."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from bench.peers.check import compare
from bench.peers.onhand_common import State, add
from bench.peers.work import Events, Recomputed, Stock, decode_state, schema
from streams.engine.codec import compile_reader, compile_writer


def test_a_right_result_has_nothing_wrong() -> None:
    """Zeros have been left out on both sides."""
    stocks = {"A": Stock(2, {"store": 5}), "B": Stock(1, {})}
    verdict = compare(stocks, dict(stocks))
    assert verdict.right
    assert (verdict.skus, verdict.lost, verdict.doubled) == (2, 0, 0)


def test_every_kind_of_wrong_sku_is_counted() -> None:
    """A wrong quantity, a lost event, a doubled one, a SKU that is not there and one that should not be."""
    expected = {name: Stock(2, {"store": 5}) for name in "ABCD"}
    found = {
        "A": Stock(2, {"store": 6}),
        "B": Stock(1, {"store": 5}),
        "C": Stock(5, {"store": 5}),
        "E": Stock(1, {"store": 1}),
    }
    verdict = compare(expected, found, versions_backwards=7)
    assert not verdict.right
    assert (verdict.wrong_skus, verdict.lost, verdict.doubled) == (5, 1 + 2, 3 + 1)
    assert verdict.versions_backwards == 7


def test_goods_at_the_wrong_location_are_wrong() -> None:
    """The total alone does not make a SKU right."""
    assert compare({"A": Stock(1, {"x": 4})}, {"A": Stock(1, {"y": 4})}).wrong_skus == 1


def test_events_of_one_seed_are_the_same_and_count_by_sku() -> None:
    """An event's ordinal is how many of its SKU came up to it, so a state's version tells whether it has it."""
    first, second = (list(islice(Events(5, seed=3), 200)) for _ in range(2))
    assert [(event.number, event.ordinal) for event in first] == [
        (event.number, event.ordinal) for event in second
    ]
    counts: Counter[int] = Counter()
    for event in first:
        counts[event.number] += 1
        assert event.ordinal == counts[event.number]


def test_common_work_comes_to_what_is_recomputed() -> None:
    """The engine's own codecs and fold against fastavro and dictionaries, event by event."""
    read, write = compile_reader(schema("Event")), compile_writer(schema("State"))
    states: dict[bytes, State] = {}
    recomputed = Recomputed()
    for event in islice(Events(20, seed=1), 2_000):
        states[event.key] = add(states.get(event.key), read(event.value, 0))
        recomputed.take(event.value)
    found = dict(decode_state(write(*state)) for state in states.values())
    assert recomputed.events == 2_000
    assert compare(recomputed.stocks(), found).right
