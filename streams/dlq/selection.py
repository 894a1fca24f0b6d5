"""Which dead letters an operator means: those of a topic, with a reason, open or all."""

from collections.abc import Iterator
from dataclasses import dataclass

from streams.dlq.decisions import Decisions
from streams.dlq.letters import SOURCE_OF, Letter
from streams.dlq.reading import scan
from streams.engine.errors import EngineError
from streams.engine.log import Log


class UnknownTopic(EngineError):
    """A name that is neither an input topic nor a dead-letter topic."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice of dead letters; None leaves a property open."""

    topics: tuple[str, ...]
    reason: str | None = None
    decided_too: bool = False


def dead_letter_topics(name: str | None) -> tuple[str, ...]:
    """Return the dead-letter topics that a name stands for, its own or its input topic's; all for None."""
    if name is None:
        return tuple(SOURCE_OF)
    found = tuple(topic for topic, source in SOURCE_OF.items() if name in {topic, source})
    if not found:
        raise UnknownTopic(
            f"There is no topic '{name}' with dead letters: try {', '.join(SOURCE_OF.values())}."
        )
    return found


def select(log: Log, selection: Selection, decisions: Decisions) -> Iterator[Letter]:
    """
    Yield the selected dead letters, in order within each partition, holding none of them.

    Raises MissingTopic and StalledRead (streams.dlq.reading).
    """
    for record in scan(log, selection.topics):
        letter = Letter.of(record)
        if selection.reason is not None and letter.reason != selection.reason:
            continue
        if selection.decided_too or decisions.get(letter.letter_id) is None:
            yield letter
