"""Where dead letters are dealt with: the effect and the record of the decision, in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from streams.dlq.decisions import Decision, Decisions, encode_decision, load_decisions
from streams.dlq.letters import SOURCE_OF, Letter
from streams.dlq.reading import partition_counts
from streams.engine.errors import AbortableLogError, FatalLogError
from streams.engine.log import Log
from streams.engine.partitioner import partition_for
from streams.settings import Settings
from streams.topology import DEAD_LETTER_DECISIONS

CHUNK_LETTERS = 500  # One transaction stays far below its time-out and holds up no reader for long.
CHUNK_BYTES = 8_388_608  # The same for large letters, and what is in memory at a time.
CHUNK_TRIES = 3  # A cluster that aborts the same transaction this often needs a person.


@dataclass(slots=True)
class Done:
    """What became of the letters that a call was given."""

    decided: int = 0
    refused: list[tuple[Letter, str]] = field(default_factory=list)
    """Letters that were decided on before, with that decision."""


class Desk:
    """
    Replay and discard dead letters, each once unless forced.

    All desks of an installation share one transactional id: whoever opens last fences the others, and only
    then reads the decisions, so no letter is replayed by two operators at once. Whoever was overtaken gets a
    FencedError. Use it as a context manager.
    """

    def __init__(self, log: Log, settings: Settings, now: Callable[[], int]) -> None:
        self._producer = log.producer(f"{settings.group_id}-dlq")
        self._producer.init_transactions()
        self._now = now
        self._counts = partition_counts(log, [*SOURCE_OF.values(), DEAD_LETTER_DECISIONS.name])
        self.decisions: Decisions = load_decisions(log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close()

    def replay(
        self, letters: Iterable[Letter], *, note: str | None = None, force: bool = False
    ) -> Iterator[Done]:
        """Send letters back to their input topics; yields the running total after each transaction."""
        return self._decide(letters, Decision.REPLAYED, note, force=force)

    def discard(self, letters: Iterable[Letter], *, note: str, force: bool = False) -> Iterator[Done]:
        """Close letters without any effect on stock; yields the running total after each transaction."""
        return self._decide(letters, Decision.DISCARDED, note, force=force)

    def _decide(
        self, letters: Iterable[Letter], decision: Decision, note: str | None, *, force: bool
    ) -> Iterator[Done]:
        done = Done()
        for chunk in chunks(self._undecided(letters, done, force=force)):
            self._commit(chunk, decision, note)
            done.decided += len(chunk)
            yield done
        yield done

    def _undecided(self, letters: Iterable[Letter], done: Done, *, force: bool) -> Iterator[Letter]:
        for letter in letters:
            earlier = self.decisions.get(letter.letter_id)
            if earlier is None or force:
                yield letter
            else:
                done.refused.append((letter, earlier))

    def _commit(self, chunk: list[Letter], decision: Decision, note: str | None) -> None:
        for attempt in range(1, CHUNK_TRIES + 1):
            self._producer.begin()
            try:
                self._write(chunk, decision, note)
                self._producer.commit()
                break
            except FatalLogError:
                raise
            except BaseException as error:
                # Ctrl-C too: a transaction left open would hold up every reader of the input topics.
                self._producer.abort()
                if not isinstance(error, AbortableLogError) or attempt == CHUNK_TRIES:
                    raise
        for letter in chunk:
            self.decisions.put(letter.letter_id, decision)

    def _write(self, chunk: list[Letter], decision: Decision, note: str | None) -> None:
        for letter in chunk:
            if decision is Decision.REPLAYED:
                topic = letter.source_topic
                partition = letter.replay_partition(self._counts[topic])
                self._producer.produce(topic, partition, letter.key, letter.value, letter.replay_headers())
            key = str(letter.letter_id).encode()
            topic = DEAD_LETTER_DECISIONS.name
            value = encode_decision(letter.letter_id, decision, self._now(), note)
            self._producer.produce(topic, partition_for(key, self._counts[topic]), key, value)


def chunks(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Yield letters in lists that are small enough for one transaction."""
    chunk: list[Letter] = []
    size_bytes = 0
    for letter in letters:
        chunk.append(letter)
        size_bytes += letter.size_bytes
        if len(chunk) >= CHUNK_LETTERS or size_bytes >= CHUNK_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield chunk
