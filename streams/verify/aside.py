"""What was set aside in one partition: dead letters and retries, each naming the input record that it is of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from streams.verify.reading import Record
from streams.verify.report import Kind, Report

REASON_HEADER = "__streams.errors.exception"
TOPIC_HEADER = "__streams.errors.topic"
PARTITION_HEADER = "__streams.errors.partition"
OFFSET_HEADER = "__streams.errors.offset"
ATTEMPTS_HEADER = "retry-attempts"
FORWARDED_HEADER = "onhand-forwarded-from"


class Origin(NamedTuple):
    """Where an input record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(slots=True)
class Aside:
    """One record in a dead-letter or retry topic: where it is, why, and digests of what it keeps."""

    where: str
    reason: str
    key: int
    value: int
    written_at: int
    waiting: bool = False


def digest(data: bytes | None) -> int:
    """Return a number by which two byte strings are told apart."""
    return hash(data)


def headers_of(record: Record) -> dict[str, bytes]:
    """Return a record's headers; of several with one name the last counts, as in Kafka."""
    return {name: value or b"" for name, value in record.headers() or ()}


def origin_of(headers: dict[str, bytes]) -> Origin | None:
    """Return the input record that error headers name, None if they name none."""
    try:
        return Origin(
            headers[TOPIC_HEADER].decode(), int(headers[PARTITION_HEADER]), int(headers[OFFSET_HEADER])
        )
    except (KeyError, ValueError):
        return None


def forwarded_from(headers: dict[str, bytes]) -> Origin | None:
    """Return the input record that a forwarded one is a copy of, None if it is none."""
    try:
        topic, partition, offset = headers[FORWARDED_HEADER].decode().rsplit("-", 2)
        return Origin(topic, int(partition), int(offset))
    except (KeyError, ValueError):
        return None


class SetAside:
    """Dead letters and retries of one partition, by the input record that they are of."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.dead: dict[Origin, Aside] = {}
        self.retried: dict[Origin, Aside] = {}

    def read_dead_letters(self, records: Iterable[Record]) -> None:
        """Take the records of dead-letter topics."""
        for record in records:
            self._report.counts["dead_letters"] += 1
            self._add(self.dead, record, waiting=False)

    def read_retries(self, records: Iterable[Record], committed: dict[str, int]) -> None:
        """Take the records of retry topics; committed is the retry group's position by topic."""
        for record in records:
            waiting = record.offset() >= committed.get(record.topic(), 0)
            self._report.counts["retries"] += 1
            self._report.counts["retries_waiting"] += waiting
            self._add(self.retried, record, waiting=waiting)

    def _add(self, known: dict[Origin, Aside], record: Record, *, waiting: bool) -> None:
        where = f"{record.topic()}:{record.partition()}:{record.offset()}"
        headers = headers_of(record)
        origin = origin_of(headers)
        if origin is None:
            self._report.add(Kind.DEAD_LETTER_UNFOUNDED, where, "names no input record in its headers")
            return
        if origin in known:
            what = f"is the second one of {origin}, after {known[origin].where}"
            self._report.add(Kind.DEAD_LETTER_UNFOUNDED, where, what)
            return
        reason = headers.get(REASON_HEADER, b"").decode("utf-8", "replace")
        written_at = record.timestamp()[1]
        known[origin] = Aside(
            where, reason, digest(record.key()), digest(record.value()), written_at, waiting
        )
