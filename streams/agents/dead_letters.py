"""
Headers of events that wait for another try, or that were given up (dead letters).

Both keep the event's key, value and own headers as they came, and add Kafka Streams' dead-letter headers
(KIP-1034) that say what was wrong and where the event stood: `__streams.errors.exception` (the reason, one of
streams.domain.errors.Reason), `.message` (a sentence), `.stacktrace`, `.topic`, `.partition` and `.offset`
(decimal text). All functions are pure and never raise for what a header holds: anybody may have written it.
"""

import re
from collections.abc import Iterable

from streams.engine.log import Headers, Record

ERROR_PREFIX = "__streams.errors."
ERROR_REASON = f"{ERROR_PREFIX}exception"
ERROR_MESSAGE = f"{ERROR_PREFIX}message"
ERROR_STACKTRACE = f"{ERROR_PREFIX}stacktrace"
ERROR_TOPIC = f"{ERROR_PREFIX}topic"
ERROR_PARTITION = f"{ERROR_PREFIX}partition"
ERROR_OFFSET = f"{ERROR_PREFIX}offset"

RETRY_ATTEMPTS = "retry-attempts"
NOT_BEFORE = "not-before"
REPLAY_OF = "onhand-dlq-replay-of"

RETRY_HEADERS = frozenset({RETRY_ATTEMPTS, NOT_BEFORE})

# What we add must stay far below the room that a record may take, or a large event could not be given up.
MESSAGE_MAX_BYTES = 1_000
STACKTRACE_MAX_BYTES = 8_000

MAX_RETRY_DELAY_MS = 3_600_000  # An hour: longer waits help nobody, and a damaged not-before must end.

_NATURAL = re.compile(rb"[0-9]{1,18}")  # Fits 63 bits; int() alone also takes blanks, signs and underscores.


def dead_letter_headers(
    record: Record, reason: str, message: str, *, stacktrace: str = ""
) -> list[tuple[str, bytes]]:
    """
    Return the headers of record as a dead letter: its own, and why it was given up.

    Error headers of an earlier failure are replaced; `retry-attempts` stays, to tell how often it was tried.
    """
    return [*own_headers(record.headers()), *_error_headers(record, reason, message, stacktrace)]


def retry_headers(
    record: Record, reason: str, message: str, attempt: int, not_before_ms: int
) -> list[tuple[str, bytes]]:
    """
    Return the headers of record as it waits for its attempt-th retry (1 is the first).

    not_before_ms is the earliest time of that retry, in UTC milliseconds.
    """
    return [
        *without_retry_headers(own_headers(record.headers())),
        *_error_headers(record, reason, message, ""),
        (RETRY_ATTEMPTS, str(attempt).encode()),
        (NOT_BEFORE, str(not_before_ms).encode()),
    ]


def retry_delay_ms(attempt: int, first_delay_seconds: float) -> int:
    """Return how long the attempt-th retry (from 1) waits: doubling each time, at most MAX_RETRY_DELAY_MS."""
    doublings = min(max(attempt, 1) - 1, MAX_RETRY_DELAY_MS.bit_length())
    return min(int(first_delay_seconds * 1_000) << doublings, MAX_RETRY_DELAY_MS)


def attempts(headers: Headers | None) -> int:
    """Return how many retries an event has had; 0 when its header is missing or damaged."""
    return _natural(last_header(headers, RETRY_ATTEMPTS))


def not_before(headers: Headers | None) -> int:
    """Return when a waiting event may be tried again, UTC milliseconds; 0 when missing or damaged."""
    return _natural(last_header(headers, NOT_BEFORE))


def last_header(headers: Headers | None, name: str) -> bytes | None:
    """Return the value of the last header of that name, which is the one that counts in Kafka, or None."""
    found: bytes | None = None
    for key, value in headers or ():
        if key == name:
            found = value
    return found


def header_text(headers: Headers | None, name: str) -> str:
    """Return a header's value as text, damaged bytes replaced; empty when it is missing."""
    return (last_header(headers, name) or b"").decode("utf-8", "replace")


def own_headers(headers: Headers | None) -> list[tuple[str, bytes]]:
    """Return the headers without those that tell of a failure."""
    return [header for header in headers or () if not header[0].startswith(ERROR_PREFIX)]


def without_retry_headers(headers: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return the headers without the count of retries and the time of the next one."""
    return [header for header in headers if header[0] not in RETRY_HEADERS]


def _error_headers(record: Record, reason: str, message: str, stacktrace: str) -> list[tuple[str, bytes]]:
    return [
        (ERROR_REASON, reason.encode("utf-8", "replace")),
        (ERROR_MESSAGE, _bounded(message, MESSAGE_MAX_BYTES)),
        (ERROR_STACKTRACE, _bounded(stacktrace, STACKTRACE_MAX_BYTES)),
        (ERROR_TOPIC, record.topic().encode()),
        (ERROR_PARTITION, str(record.partition()).encode()),
        (ERROR_OFFSET, str(record.offset()).encode()),
    ]


def _bounded(text: str, limit_bytes: int) -> bytes:
    """Return text as UTF-8, cut at a whole character; what UTF-8 can't hold becomes a question mark."""
    data = text[:limit_bytes].encode("utf-8", "replace")
    return data if len(data) <= limit_bytes else data[:limit_bytes].decode("utf-8", "ignore").encode()


def _natural(value: bytes | None) -> int:
    return int(value) if value is not None and _NATURAL.fullmatch(value) else 0
