"""
Damage done to bodies, for the fuzz of each translator: seeded, so that any failure can be had again.

`mutations(originals, count, seed)` yields damaged copies, `check` asserts what holds for every result, `fuzz` does
both.
"""

from __future__ import annotations

import copy
import os
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from connectors.body import Untranslatable
from connectors.order_desk import tell
from connectors.translation import Account, Translation
from schemas import wire

Path = tuple[str | int, ...]
Translate = Callable[[Account, str, object], Translation]

MUTATIONS = int(os.environ.get("ONHAND_TEST_MUTATIONS", "20000"))
SEED = int(os.environ.get("ONHAND_TEST_SEED", "6"))
MOST_DAMAGES = (
    3  # Of one copy: enough for damages that hide each other, few enough to leave most of it whole.
)

WRONG: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2,
    1.5,
    2.0,
    -0.0,
    1e300,
    float("inf"),
    float("nan"),
    10**9 + 1,
    2**63,
    -(2**63) - 1,
    10**6_000,
    "",
    " ",
    "0",
    "-3",
    "12",
    "1e3",
    "٣",
    "nonsense",
    "x" * 100_000,
    "9" * 5_000,
    "a\x00b",
    "\ud800",
    "e\u0301\u202e\U0001f9e6",
    "somebody@example.com",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:60+23:59",
    "0001-01-01T00:00:00+23:00",
    "9999-12-31T23:59:59-23:59",
    "1999-12-31T23:59:59Z",
    [],
    {},
    [None],
    [[]],
    [{}, 7],
    {"": None},
    {"id": {"id": []}},
)
"""What a field may hold that nobody expects; some of it is lawful in some fields, which is as it should be."""


def nested(depth: int, *, in_lists: bool) -> Any:
    """Return a value nested so deep."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if in_lists else {"id": value}
    return value


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value in a body, the body's own first."""
    yield path
    if isinstance(value, dict):
        for key, found in value.items():
            yield from paths(found, (*path, key))
    elif isinstance(value, list):
        for index, found in enumerate(value):
            yield from paths(found, (*path, index))


class Original:
    """A body to be damaged, with what is needed to be quick about it."""

    def __init__(self, body: Any) -> None:
        self._pickled = pickle.dumps(body)
        self._paths = [path for path in paths(body) if path]

    def damaged(self, chance: random.Random) -> Any:
        """Return a copy with one to MOST_DAMAGES values damaged."""
        if chance.random() < 0.01:
            return wrong(chance)
        body = pickle.loads(self._pickled)
        for _ in range(chance.randint(1, MOST_DAMAGES)):
            path = chance.choice(self._paths)
            with suppress(KeyError, IndexError, TypeError, AttributeError):  # An earlier damage took it away.
                _damage(_at(body, path[:-1]), path[-1], chance)
        return body


def _at(body: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for step in path:
        body = body[step]
    return body


def wrong(chance: random.Random) -> Any:
    """Return a value that does not belong where it is put."""
    if chance.random() < 0.05:
        return nested(chance.choice([5, 40, 500, 5_000]), in_lists=chance.random() < 0.5)
    return copy.deepcopy(chance.choice(WRONG))


def _damage(holder: Any, key: Any, chance: random.Random) -> None:
    """Take away, replace, rename, double or swap one value of an object or a list."""
    kind = chance.randrange(8)
    if isinstance(key, str) != isinstance(holder, dict) or not isinstance(holder, dict | list):
        return
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[str(key).swapcase()] = holder.pop(key)
    elif kind == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * chance.choice([1, 2, 50]))
    elif kind == 3:
        holder[key] = [holder[key]]
    elif kind == 4:
        other = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key], holder[other] = holder[other], holder[key]
    elif kind == 5 and isinstance(holder[key], int) and not isinstance(holder[key], bool):
        holder[key] = chance.choice(
            [-holder[key], holder[key] + 1, f"{holder[key] % 10**18}", float(holder[key] % 2**53)]
        )
    else:
        holder[key] = wrong(chance)


def mutations(originals: Sequence[Any], count: int, seed: int) -> Iterator[Any]:
    """Yield so many damaged copies of bodies, taken in turn; the same seed gives the same ones."""
    chance = random.Random(seed)
    prepared = [Original(body) for body in originals]
    for number in range(count):
        yield prepared[number % len(prepared)].damaged(chance)


def check(translate: Translate, account: Account, topic: str, body: object) -> Translation:
    """
    Translate a body and assert what holds whatever is in it.

    Nothing is raised, refusals are typed and short, events encode and carry ids of their own, and the same body
    gives the same again.
    """
    translation = translate(account, topic, body)
    assert isinstance(translation, Translation)
    for refusal in translation.refusals:
        assert isinstance(refusal, Untranslatable)
        assert 0 < len(str(refusal)) < 2_000
        str(refusal).encode()
    events = [event for order in translation.orders for event in tell(account, order)[0]]
    events += translation.events
    for record, value in events:
        wire.encode(record, value)
        assert value["source_id"] == account.source_id
        assert value["event_id"].isascii()
    ids = [value["event_id"] for _, value in events]
    assert len(ids) == len(set(ids)), "an id twice in one body"
    assert _plain(translate(account, topic, body)) == _plain(translation)
    return translation


def _plain(translation: Translation) -> tuple[Any, ...]:
    """Return a translation as values that can be compared; errors are equal when their texts are."""
    refusals = [str(refusal) for refusal in translation.refusals]
    return (translation.events, translation.orders, refusals, translation.fetches, translation.ignored)


def fuzz(
    translate: Translate,
    account: Account,
    bodies: Sequence[tuple[str, Any]],
    *,
    count: int = MUTATIONS,
    seed: int = SEED,
) -> dict[str, int]:
    """
    Translate damaged copies of (topic, body) pairs; return how many gave what.

    Prints the seed and the number of the copy, so that a failure can be had again.
    """
    seen = {"events": 0, "orders": 0, "refusals": 0, "neither": 0}
    for number, (topic, body) in enumerate(_with_topics(bodies, count, seed)):
        try:
            translation = check(translate, account, topic, body)
        except BaseException:
            print(f"mutation {number} of seed {seed}, topic {topic!r}: {_shown(body)}")
            raise
        for kind in ("events", "orders", "refusals"):
            seen[kind] += bool(getattr(translation, kind))
        seen["neither"] += not (translation.events or translation.orders or translation.refusals)
    print(f"seed {seed}: {count} mutations, {seen}")
    return seen


def _shown(body: object) -> str:
    """Return the beginning of a body, as far as Python can write it down."""
    try:
        return ascii(body)[:2_000]
    except (ValueError, RecursionError) as error:
        return f"(not to be shown: {error})"


def _with_topics(bodies: Sequence[tuple[str, Any]], count: int, seed: int) -> Iterator[tuple[str, Any]]:
    damaged_ones = mutations([body for _, body in bodies], count, seed)
    for number, body in enumerate(damaged_ones):
        yield bodies[number % len(bodies)][0], body
