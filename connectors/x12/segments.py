"""
Reading X12: separators out of ISA, segments, and the envelopes ISA/GS/ST around them.

A reader of our own comes first, because pyx12 takes versions 00401 and 00501 only, and ISA segments of exactly
106 characters only. The counts and control numbers of every version are then checked by pyx12, on a copy with
that ISA and with separators that no text holds.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyx12.errors import X12Error
from pyx12.x12file import X12Reader

from connectors.body import Untranslatable

ISA_ELEMENTS = 16
ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)  # X12.5: the one segment of fixed width.
CONTROL_NUMBER_DIGITS = 9
CHECKED_AS_VERSION = "00401"  # Envelopes have not changed since; pyx12 refuses other names for them.
CLEAN_ELEMENT, CLEAN_COMPONENT, CLEAN_SEGMENT = "\x1d", "\x1f", "\x1c"
CLEAN = str.maketrans(dict.fromkeys(CLEAN_ELEMENT + CLEAN_COMPONENT + CLEAN_SEGMENT + "\r\n", " "))

FATAL = {
    # What pyx12 reports: level and code.
    ("st", "3"): "SE ends another set than ST began: segments are missing; ask for the file again",
    ("st", "4"): "SE counts other segments than there are: some are missing; ask for the file again",
    ("gs", "5"): "GE counts other sets than there are: some are missing; ask for the file again",
    ("isa", "021"): "IEA counts other groups than there are: some are missing; ask for the file again",
    (
        "st",
        "23",
    ): "two sets of one group have one control number, so that their events could not be told apart",
    ("gs", "6"): "two groups have one control number, so that their events could not be told apart",
    ("isa", "025"): "two interchanges have one control number, so that their events could not be told apart",
}
REMARKS = {
    ("gs", "4"): "GE names another group than GS",
    ("isa", "001"): "IEA names another interchange than ISA",
}
"""Common faults that lose nothing, because the ids are made of the numbers at the front."""


class Segment(NamedTuple):
    """One segment; number counts from 1 within the file, for people who look for it."""

    number: int
    tag: str
    elements: tuple[str, ...]

    def at(self, position: int) -> str:
        """Return an element by its position in the standard, which counts from 1; empty if it is not there."""
        return self.elements[position - 1].strip() if position <= len(self.elements) else ""

    def field(self, position: int) -> str:
        """Return how the standard names an element, with the segment's number: `W12-03 (segment 9)`."""
        return f"{self.tag}-{position:02} (segment {self.number})"


@dataclass(frozen=True, slots=True)
class TransactionSet:
    """One ST..SE with what its envelopes say; segments are those between ST and SE."""

    kind: str
    interchange: Segment
    group: Segment
    control_number: str
    segments: tuple[Segment, ...]

    @property
    def identity(self) -> str:
        """Return the control numbers that name it for ever: sender, interchange, group, set."""
        isa, group = self.interchange, self.group
        return f"{isa.at(6)}:{isa.at(13)}:{group.at(6)}:{self.kind}:{self.control_number}"

    @property
    def is_test(self) -> bool:
        """True if ISA says that this is no production data."""
        return self.interchange.at(15) == "T"


@dataclass(frozen=True, slots=True)
class Interchanges:
    """What a file holds; remarks are faults of its envelopes that lose nothing, as sentences."""

    sets: tuple[TransactionSet, ...]
    remarks: tuple[str, ...]


class _Separators(NamedTuple):
    element: str
    component: str
    segment: str


def read(text: str) -> Interchanges:
    """Return all transaction sets of a file of one or more interchanges. Raises Untranslatable."""
    segments = tuple(_segments(text))
    return Interchanges(tuple(_sets(segments)), tuple(_remarks(segments)))


def _segments(text: str) -> Iterator[Segment]:
    """Yield the segments of a file; each ISA brings separators of its own."""
    position = _skip(text, 0)
    number = 0
    while position < len(text) or not number:
        separators = _separators(text, position)
        while position < len(text):
            raw, position = _cut(text, position, separators.segment)
            position = _skip(text, position)
            if not raw:
                continue
            number += 1
            tag, *elements = raw.split(separators.element)
            yield Segment(number, tag, tuple(elements))
            if tag == "IEA":
                break


def _skip(text: str, position: int) -> int:
    """Return where the next segment begins: line ends, indents and byte order marks stand between them."""
    while position < len(text) and (text[position].isspace() or text[position] == "\ufeff"):
        position += 1
    return position


def _cut(text: str, position: int, terminator: str) -> tuple[str, int]:
    end = text.find(terminator, position)
    if end < 0:  # Some senders leave the last terminator out; what is cut off instead lacks its IEA.
        return text[position:].strip(), len(text)
    return text[position:end].strip(), end + 1


def _separators(text: str, position: int) -> _Separators:
    """Return what ISA's own places say separates; odd characters are welcome as long as they can separate."""
    if not text.startswith("ISA", position):
        raise Untranslatable(
            "ISA", f"an interchange begins with ISA, not with {text[position : position + 3]!r}"
        )
    element = text[position + 3 : position + 4]
    pieces = text[position : position + 1_000].split(element, ISA_ELEMENTS) if element else []
    if len(pieces) <= ISA_ELEMENTS or len(pieces[ISA_ELEMENTS]) < 2:
        raise Untranslatable(
            "ISA", f"has fewer than {ISA_ELEMENTS} elements, so that its separators can't be told"
        )
    found = _Separators(element, pieces[ISA_ELEMENTS][0], pieces[ISA_ELEMENTS][1])
    if len(set(found)) < len(found) or any(character.isalnum() or character == " " for character in found):
        raise Untranslatable("ISA", "separators that can't be told from data")
    return found


def _sets(segments: Sequence[Segment]) -> Iterator[TransactionSet]:
    """Yield the transaction sets, each within its group and interchange. Raises Untranslatable."""
    envelope: dict[str, Segment] = {}
    body: list[Segment] = []
    for segment in segments:
        opener = _CLOSES.get(segment.tag)
        if segment.tag in _INSIDE:
            if set(envelope) != _INSIDE[segment.tag]:
                raise Untranslatable(f"segment {segment.number}", "stands outside of its envelope")
            envelope[segment.tag] = segment
            body = []
        elif opener is not None:
            if set(envelope) != _INSIDE[opener] | {opener}:
                raise Untranslatable(f"segment {segment.number}", "ends what is not open")
            start = envelope.pop(opener)
            if opener == "ST":
                yield TransactionSet(start.at(1), envelope["ISA"], envelope["GS"], start.at(2), tuple(body))
        elif "ST" in envelope:
            body.append(segment)
        else:
            raise Untranslatable(f"segment {segment.number}", "stands outside of ST and SE")
    if envelope:
        raise Untranslatable("IEA", f"the file is cut off: {', '.join(envelope)} not ended; fetch it again")


_CLOSES = {"IEA": "ISA", "GE": "GS", "SE": "ST"}
_INSIDE: dict[str, set[str]] = {"ISA": set(), "GS": {"ISA"}, "ST": {"ISA", "GS"}}


def _remarks(segments: Sequence[Segment]) -> Iterator[str]:
    """Yield the envelopes' faults that lose nothing, as pyx12 finds them. Raises Untranslatable for others."""
    try:
        reader = X12Reader(io.StringIO(_clean(segments)))
        for _ in reader:
            pass
        faults = reader.pop_errors()
    except (X12Error, IndexError) as error:  # IndexError: pyx12 on a trailer whose header it did not count.
        raise Untranslatable("ISA", "the envelopes make no sense") from error
    for level, code, *_ in faults:
        if (level, code) in FATAL:
            raise Untranslatable(level.upper(), FATAL[level, code])
        if (level, code) in REMARKS:
            yield REMARKS[level, code]


def _clean(segments: Sequence[Segment]) -> str:
    """Return the segments as pyx12 reads them, in whatever version and with whatever separators they came."""
    lines = []
    for _, tag, elements in segments:
        texts = [element.translate(CLEAN) for element in elements]
        if tag == "ISA":
            texts = [*texts[: ISA_ELEMENTS - 1], CLEAN_COMPONENT]
            texts[11], texts[12] = CHECKED_AS_VERSION, _control_number(texts[12])
            texts = [f"{text:<{width}.{width}}" for text, width in zip(texts, ISA_WIDTHS, strict=True)]
        elif tag == "IEA" and len(texts) > 1:
            texts[1] = _control_number(texts[1])
        lines.append(CLEAN_ELEMENT.join([tag, *texts]).rstrip(CLEAN_ELEMENT) + CLEAN_SEGMENT)
    return "".join(lines)


def _control_number(text: str) -> str:
    return f"{text.strip():0>{CONTROL_NUMBER_DIGITS}.{CONTROL_NUMBER_DIGITS}}"
