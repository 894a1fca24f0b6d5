"""Reading dead letters and decisions: record by record, up to the end that was there at the start."""

import time
from collections.abc import Iterator, Mapping, Sequence

from streams.dlq.letters import Letter, LetterId
from streams.engine.errors import EngineError, RetriableLogError
from streams.engine.log import Log, Partition, Record, TableReader

POLL_RECORDS = 1_000
POLL_SECONDS = 0.05  # A poll takes that long when there is less than it could return.
ANSWER_SECONDS = 15.0  # Partitions without a leader, just created or just failed over, get one within this.
RETRY_PAUSE_SECONDS = 0.2
# An open transaction hides what follows it; the broker ends a dead writer's after 10 s.
STALL_SECONDS = 20.0


class MissingTopic(EngineError):
    """A topic that every installation has is not there."""


class LetterNotFound(EngineError):
    """There is no such dead letter (any more)."""


class StalledRead(EngineError):
    """A transaction stays open, so what follows it can't be read."""


def partition_counts(log: Log, topics: Sequence[str]) -> dict[str, int]:
    """Return the number of partitions of each topic. Raises MissingTopic."""
    counts = log.partition_counts(topics)
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        raise MissingTopic(f"There is no topic {', '.join(missing)} yet; create all with `onhand topics`.")
    return counts


def scan(log: Log, topics: Sequence[str]) -> Iterator[Record]:
    """
    Yield every committed record of whole topics, in order within each partition.

    What is written after the scan began is not read. Raises MissingTopic and StalledRead.
    """
    counts = partition_counts(log, topics)
    reader = log.reader()
    try:
        yield from _read(reader, [(topic, number) for topic in topics for number in range(counts[topic])])
    finally:
        reader.close()


def _read(reader: TableReader, partitions: Sequence[Partition]) -> Iterator[Record]:
    ends = _end_offsets(reader, partitions)
    for partition in partitions:
        if ends[partition]:
            reader.start(partition, 0)
    unread = {partition for partition in partitions if ends[partition]}
    deadline = time.monotonic() + STALL_SECONDS
    while unread:
        before = _positions(reader, unread)
        for record in reader.poll(POLL_RECORDS, POLL_SECONDS):
            if record.offset() < ends[record.topic(), record.partition()]:
                yield record
        after = _positions(reader, unread)
        if before != after:
            deadline = time.monotonic() + STALL_SECONDS
        elif time.monotonic() > deadline:
            raise StalledRead(f"{_named(unread)} can't be read to the end now; try again in a minute.")
        unread = {partition for partition in unread if after[partition] < ends[partition]}


def fetch(log: Log, letter_ids: Sequence[LetterId]) -> Iterator[Letter]:
    """Yield these dead letters in that order. Raises LetterNotFound, MissingTopic and StalledRead."""
    counts = partition_counts(log, sorted({letter_id.topic for letter_id in letter_ids}))
    for letter_id in letter_ids:
        if letter_id.partition >= counts[letter_id.topic]:
            raise LetterNotFound(f"There is no dead letter {letter_id}: the topic has no such partition.")
    reader = log.reader()
    try:
        ends = _end_offsets(reader, sorted({letter_id.topic_partition for letter_id in letter_ids}))
        for letter_id in letter_ids:
            yield Letter.of(_one(reader, letter_id, ends))
    finally:
        reader.close()


def _one(reader: TableReader, letter_id: LetterId, ends: Mapping[Partition, int]) -> Record:
    """Return the record at exactly that place."""
    partition = letter_id.topic_partition
    if letter_id.offset < ends[partition]:
        reader.start(partition, letter_id.offset)
        try:
            deadline = time.monotonic() + STALL_SECONDS
            while reader.position(partition) <= letter_id.offset:
                for record in reader.poll(1, POLL_SECONDS):
                    if record.offset() == letter_id.offset:
                        return record
                if time.monotonic() > deadline:
                    raise StalledRead(f"{letter_id} can't be read now; try again in a minute.")
        finally:
            reader.stop([partition])
    raise LetterNotFound(f"There is no dead letter {letter_id}: see `onhand dlq list`.")


def _end_offsets(reader: TableReader, partitions: Sequence[Partition]) -> dict[Partition, int]:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return reader.end_offsets(partitions)
        except RetriableLogError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_PAUSE_SECONDS)


def _positions(reader: TableReader, partitions: set[Partition]) -> dict[Partition, int]:
    return {partition: reader.position(partition) for partition in partitions}


def _named(partitions: set[Partition]) -> str:
    return ", ".join(f"{topic}:{number}" for topic, number in sorted(partitions))
