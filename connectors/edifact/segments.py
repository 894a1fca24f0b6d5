"""
Reading EDIFACT (ISO 9735): service characters out of UNA, segments, and the envelopes UNB/UNG/UNH around them.

pydifact tokenises: service characters, release characters, composites. Its segment classes and its Interchange
are left aside, because they want a directory of segment definitions that the package does not have for most
versions, and stop at dates that real senders write.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydifact.control.characters import Characters
from pydifact.exceptions import EDISyntaxError, ValidationError
from pydifact.parser import Parser, TokenIterator
from pydifact.tokenizer import Tokenizer

from connectors.body import Untranslatable

UNA_CHARACTERS = 6
USUAL = ":+.? '"  # ISO 9735: what holds without UNA.
NO_RELEASE_CHARACTER = "\x00"  # A blank in UNA's fourth place means that there is none.
TAG_CHARACTERS = 3
ENVELOPES, GROUPS = frozenset({"UNB", "UNZ", "UNH", "UNT"}), frozenset({"UNG", "UNE"})


class Segment(NamedTuple):
    """One segment; number counts from 1 within the file, for people who look for it. Elements are composites."""

    number: int
    tag: str
    elements: tuple[tuple[str, ...], ...]

    def at(self, element: int, component: int = 1) -> str:
        """Return a component by its place in the standard, which counts from 1; empty if it is not there."""
        composite = self.elements[element - 1] if element <= len(self.elements) else ()
        return composite[component - 1].strip() if component <= len(composite) else ""

    def field(self, element: int, component: int = 1) -> str:
        """Return how people name a component, with the segment's number: `QTY 1.2 (segment 9)`."""
        return f"{self.tag} {element}.{component} (segment {self.number})"


@dataclass(frozen=True, slots=True)
class Message:
    """One UNH..UNT with what its envelope says; segments are those between."""

    kind: str
    interchange: Segment
    reference: str
    segments: tuple[Segment, ...]

    @property
    def identity(self) -> str:
        """Return the control references that name it for ever: sender, interchange, message."""
        unb = self.interchange
        return f"{unb.at(2)}:{unb.at(5)}:{self.kind}:{self.reference}"

    @property
    def is_test(self) -> bool:
        """True if UNB says that this is no production data (data element 0035)."""
        return self.interchange.at(11) == "1"


def read(text: str) -> tuple[Message, ...]:
    """Return all messages of a file of one interchange. Raises Untranslatable."""
    return tuple(_messages(tuple(_segments(text))))


def _segments(text: str) -> Iterator[Segment]:
    text = text.lstrip("\ufeff \t\r\n")
    characters = Characters.from_str(USUAL)
    if text.startswith("UNA"):
        characters, text = _service_characters(text[3 : 3 + UNA_CHARACTERS]), text[3 + UNA_CHARACTERS :]
    if NO_RELEASE_CHARACTER in text:
        raise Untranslatable("UNB", "the file holds a null character: it is damaged, or no EDIFACT")
    tokens = TokenIterator(Tokenizer().get_tokens(text.strip(), characters))
    try:
        for number, (tag, *elements) in enumerate(Parser().convert_tokens_to_raw_segments(tokens), start=1):
            if not isinstance(tag, str) or len(tag.strip()) != TAG_CHARACTERS:
                raise Untranslatable(f"segment {number}", "begins with no tag of three letters")
            yield Segment(number, tag.strip(), tuple(_composite(element) for element in elements))
    except EDISyntaxError as error:
        raise Untranslatable("UNZ", f"the file is cut off or damaged: {error}; fetch it again") from error


def _service_characters(una: str) -> Characters:
    release = una[3:4]
    separators = {*una[:2], *una[5:]} | ({release} - {" "})
    if len(separators) < 3 + (release != " ") or any(one.isalnum() or one.isspace() for one in separators):
        raise Untranslatable("UNA", "service characters that can't be told from data")
    try:
        return Characters.from_str(una if release != " " else f"{una[:3]}{NO_RELEASE_CHARACTER}{una[4:]}")
    except ValidationError as error:
        raise Untranslatable("UNA", f"fewer than {UNA_CHARACTERS} service characters") from error


def _composite(element: str | list[str]) -> tuple[str, ...]:
    return (element,) if isinstance(element, str) else tuple(element)


def _messages(segments: Sequence[Segment]) -> Iterator[Message]:
    """Yield the messages between UNB and UNZ. Raises Untranslatable for envelopes that lack something."""
    if not segments or segments[0].tag != "UNB":
        raise Untranslatable("UNB", "an interchange begins with UNB")
    unb, unz = segments[0], segments[-1]
    if unz.tag != "UNZ" or unz is unb:
        raise Untranslatable(
            "UNZ", "the file is cut off, or holds more than one interchange: send each alone"
        )
    if unz.at(2) != unb.at(5):
        raise Untranslatable(unz.field(2), "ends another interchange than UNB began")
    references: set[str] = set()
    for start, body, end in _blocks(segments[1:-1]):
        _check_count(end, len(body) + 2)
        if start.at(1) in references:
            raise Untranslatable(start.field(1), "two messages of one reference could not be told apart")
        references.add(start.at(1))
        yield Message(start.at(2), unb, start.at(1), body)


def _blocks(segments: Sequence[Segment]) -> Iterator[tuple[Segment, tuple[Segment, ...], Segment]]:
    """Yield each UNH, what follows it, and its UNT. Raises Untranslatable for what stands outside."""
    start = 0
    opened = False
    for index, segment in enumerate(segments):
        if segment.tag == "UNH" and not opened:
            start, opened = index, True
        elif segment.tag == "UNT" and opened:
            yield segments[start], tuple(segments[start + 1 : index]), segment
            opened = False
        elif segment.tag in ENVELOPES or not (opened or segment.tag in GROUPS):
            raise Untranslatable(f"segment {segment.number}", "stands where it can't")
    if opened:
        raise Untranslatable("UNT", "the last message is not ended")


def _check_count(trailer: Segment, counted: int) -> None:
    """Raise Untranslatable unless a trailer counts what is there: else something is missing."""
    if trailer.at(1).lstrip("0") != str(counted):
        raise Untranslatable(
            trailer.field(1), f"counts other segments than the {counted} there are; ask for the file again"
        )
