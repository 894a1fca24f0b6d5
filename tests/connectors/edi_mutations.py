"""Damage done to EDI files, for the fuzz of their translators: seeded, so that any failure can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from connectors.translation import Account
from tests.connectors.mutations import MOST_DAMAGES, MUTATIONS, SEED, Translate, check

WRONG = (
    "", " ", "0", "-1", "1.5", "1,5", "1e3", "٣", "NaN", "Infinity", "9" * 400, "x" * 5_000, "a\x00b", "\ufeff",
    "\x1c\x1d\x1f", "e\u0301\u202e\U0001f9e6", "\ud800", "somebody@example.com", "20260230", "19991231", "00010101",
    "99991231", "2460", "ISA", "GS", "ST", "SE", "UNA:+.? '", "UNH", "UNT", "'", "?", "~", "*", "\r\n", "00", "01",
    "EA", "LB", "846", "DESADV",
)  # fmt: skip
"""What an element may hold that nobody expects; some of it is lawful in some, which is as it should be."""


def damaged(original: str, separator: str, terminator: str, chance: random.Random) -> object:
    """Return a copy with one to MOST_DAMAGES segments, elements or characters damaged."""
    segments = original.split(terminator)
    for _ in range(chance.randint(1, MOST_DAMAGES)):
        index = chance.randrange(len(segments))
        kind = chance.randrange(10)
        if kind == 0:
            del segments[index]
        elif kind == 1:
            segments.insert(index, segments[index])
        elif kind == 2:
            other = chance.randrange(len(segments))
            segments[index], segments[other] = segments[other], segments[index]
        elif kind == 3:
            segments[index:] = []
        else:
            segments[index] = _element(segments[index], separator, chance)
        segments = segments or [""]
    if chance.random() < 0.7:
        _recount(segments, separator)
    text = terminator.join(segments)
    if chance.random() < 0.2:
        text = _characters(text, chance)
    return text.encode("utf-8", "surrogatepass") if chance.random() < 0.5 else text


def _recount(segments: list[str], separator: str) -> None:
    """Let the trailers count right, so that the damage is not found by its count alone."""
    start = 0
    for index, segment in enumerate(segments):
        tag, *elements = segment.split(separator)
        if tag.strip() in {"ST", "UNH"}:
            start = index
        elif tag.strip() in {"SE", "UNT"} and elements:
            segments[index] = separator.join([tag, str(index - start + 1), *elements[1:]])


def _element(segment: str, separator: str, chance: random.Random) -> str:
    """Replace, take away or add an element of a segment."""
    elements = segment.split(separator)
    place = chance.randrange(len(elements))
    kind = chance.randrange(4)
    if kind == 0:
        del elements[place]
    elif kind == 1:
        elements.insert(place, chance.choice(WRONG))
    else:
        elements[place] = chance.choice(WRONG)
    return separator.join(elements)


def _characters(text: str, chance: random.Random) -> str:
    """Cut, overwrite or exchange characters anywhere, separators and all."""
    place = chance.randrange(len(text) + 1)
    kind = chance.randrange(3)
    if kind == 0:
        return text[:place]
    if kind == 1:
        return text[:place] + chance.choice("*~'+:?|\x00\x1c é\n") + text[place + 1 :]
    return text.replace(chance.choice("*~'+:?|>"), chance.choice("*~'+:?|>Aé "))


def fuzz_edi(
    translate: Translate, account: Account, files: Sequence[tuple[str, str, str]], count: int = MUTATIONS
) -> dict[str, int]:
    """
    Translate damaged copies of (text, element separator, segment terminator); return how many gave what.

    Prints the seed and the number of the copy, so that a failure can be had again.
    """
    seen = {"events": 0, "refusals": 0}
    for number, text in enumerate(_copies(files, count)):
        try:
            translation = check(translate, account, "", text)
        except BaseException:
            print(f"mutation {number} of seed {SEED}: {ascii(text)[:4_000]}")
            raise
        for kind in seen:
            seen[kind] += bool(getattr(translation, kind))
    print(f"seed {SEED}: {count} mutations, {seen}")
    return seen


def _copies(files: Sequence[tuple[str, str, str]], count: int) -> Iterator[object]:
    chance = random.Random(SEED)
    for number in range(count):
        yield damaged(*files[number % len(files)], chance)
