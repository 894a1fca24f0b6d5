"""Headers of retried events and dead letters: complete, bounded, and robust against what others write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.dead_letters import (
    MAX_RETRY_DELAY_MS,
    MESSAGE_MAX_BYTES,
    STACKTRACE_MAX_BYTES,
    attempts,
    dead_letter_headers,
    last_header,
    not_before,
    retry_delay_ms,
    retry_headers,
)
from streams.domain.errors import Reason

CLOUD_EVENT = [("ce_id", b"e-1"), ("ce_source", b"till-7")]


@dataclass
class FakeRecord:
    """A record as read, of the shape of streams.engine.log.Record."""

    own: Sequence[tuple[str, bytes]] | None = None
    position: tuple[str, int, int] = ("stock-sales", 3, 41)

    def topic(self) -> str:
        return self.position[0]

    def partition(self) -> int:
        return self.position[1]

    def offset(self) -> int:
        return self.position[2]

    def key(self) -> bytes | None:
        return b"sku"

    def value(self) -> bytes | None:
        return b"value"

    def headers(self) -> Sequence[tuple[str, bytes]] | None:
        return self.own

    def timestamp(self) -> tuple[int, int]:
        return (1, 1_700_000_000_000)


def test_dead_letter_keeps_its_own_headers_first_and_adds_those_of_kip_1034() -> None:
    """Whoever reads dead letters of Kafka Streams reads ours."""
    headers = dead_letter_headers(FakeRecord(CLOUD_EVENT), Reason.INVALID_SKU, "the SKU is empty")
    assert headers == [
        *CLOUD_EVENT,
        ("__streams.errors.exception", b"INVALID_SKU"),
        ("__streams.errors.message", b"the SKU is empty"),
        ("__streams.errors.stacktrace", b""),
        ("__streams.errors.topic", b"stock-sales"),
        ("__streams.errors.partition", b"3"),
        ("__streams.errors.offset", b"41"),
    ]


def test_record_without_headers_gets_only_those_of_its_error() -> None:
    """Kafka clients say None for a record that has no headers."""
    assert len(dead_letter_headers(FakeRecord(None), Reason.UNDECODABLE, "no")) == 6


def test_second_failure_replaces_the_error_headers_of_the_first() -> None:
    """An event that failed, was retried and failed again says only why it failed in the end, and where."""
    waiting = retry_headers(FakeRecord(CLOUD_EVENT), Reason.UNKNOWN_SKU, "not in the catalogue", 5, 99)
    again = FakeRecord(waiting, ("stock-sales", 3, 77))
    headers = dead_letter_headers(again, Reason.RETRIES_EXHAUSTED, "gave up")
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert last_header(headers, "__streams.errors.exception") == b"RETRIES_EXHAUSTED"
    assert last_header(headers, "__streams.errors.offset") == b"77"
    assert attempts(headers) == 5


def test_retry_headers_tell_the_attempt_and_its_time() -> None:
    """The agent that gives the event back needs no state of its own."""
    headers = retry_headers(FakeRecord(CLOUD_EVENT), Reason.UNKNOWN_SKU, "wait", 2, 1_700_000_005_000)
    assert (attempts(headers), not_before(headers)) == (2, 1_700_000_005_000)
    assert headers[:2] == CLOUD_EVENT


def test_next_retry_replaces_attempt_and_time_of_the_last() -> None:
    """Headers do not pile up over retries."""
    first = retry_headers(FakeRecord(CLOUD_EVENT), Reason.UNKNOWN_SKU, "wait", 1, 10)
    second = retry_headers(FakeRecord(first), Reason.UNKNOWN_SKU, "wait", 2, 20)
    assert len(first) == len(second)
    assert (attempts(second), not_before(second)) == (2, 20)


@pytest.mark.parametrize(
    "damaged", [None, b"", b"x", b"-1", b"+1", b" 1", b"1_0", b"1.5", b"\xff", b"\xd9\xa1", b"9" * 5000]
)
def test_damaged_counter_counts_as_none(damaged: bytes | None) -> None:
    """Anybody may write headers; a worker must not stop over one."""
    headers: list[tuple[str, bytes]] = [("retry-attempts", damaged), ("not-before", damaged)]  # type: ignore[list-item]
    assert (attempts(headers), not_before(headers)) == (0, 0)


def test_last_of_several_headers_of_one_name_counts() -> None:
    """Kafka allows a name more than once, and its clients take the last."""
    assert attempts([("retry-attempts", b"1"), ("retry-attempts", b"3")]) == 3


@given(st.text(), st.text(max_size=50))
def test_what_is_added_stays_small_and_readable(message: str, stacktrace: str) -> None:
    """A large event must still fit its dead-letter topic, whatever text came of it."""
    headers = dead_letter_headers(
        FakeRecord(), Reason.UNDECODABLE, message * 400, stacktrace=stacktrace * 900
    )
    added = {name: value.decode() for name, value in headers}
    assert len(added["__streams.errors.message"].encode()) <= MESSAGE_MAX_BYTES
    assert len(added["__streams.errors.stacktrace"].encode()) <= STACKTRACE_MAX_BYTES


def test_retry_delay_doubles_up_to_an_hour() -> None:
    """The first waits are short, and none is absurd, whatever the attempt."""
    assert [retry_delay_ms(attempt, 5.0) for attempt in (1, 2, 3, 5)] == [5_000, 10_000, 20_000, 80_000]
    assert retry_delay_ms(0, 5.0) == 5_000
    assert retry_delay_ms(10**9, 5.0) == MAX_RETRY_DELAY_MS
    assert retry_delay_ms(1, 1e9) == MAX_RETRY_DELAY_MS
