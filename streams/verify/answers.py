"""
Answers to requests about holds: one for each that arrived, in the order of the ledger, and the same again.

Answers are deleted after a day, so those are expected whose ledger rows are younger than the first that is left.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from streams.verify.decoding import Undecodable, decode
from streams.verify.reading import Record
from streams.verify.report import Kind, Report
from streams.verify.rows import EXPIRED

FORGOTTEN = frozenset({"HOLD_UNKNOWN", "NOT_OWNER"})
"""How a request that comes again is refused when what it was answered is remembered no more."""


class Answer(NamedTuple):
    """What a request was answered, without what may differ when it is answered again."""

    accepted: bool
    state: str
    reason: str | None
    location_id: str | None
    quantity: int
    expires_at: int
    owner: str


class _Told(NamedTuple):
    """An answer where it stands."""

    where: str
    request: tuple[str, str]
    answer: Answer
    version: int
    decided_at: int


class Answers:
    """The answers in one partition's results, by hold."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told: dict[tuple[str, str], deque[_Told]] = {}
        self._since: int | None = None
        self.first: dict[bytes, Answer] = {}

    def read(self, records: Iterable[Record], *, complete: bool) -> None:
        """Take the results of the partition, in order; complete says that none has been deleted."""
        self._since = -1 if complete else None
        for record in records:
            where = f"{record.topic()}:{record.partition()}:{record.offset()}"
            try:
                name, value = decode(record.value())
            except Undecodable as error:
                self._report.add(Kind.UNREADABLE_OUTPUT, where, str(error))
                continue
            if name != "HoldResult" or record.key() != value["sku"].encode():
                self._report.add(Kind.UNREADABLE_OUTPUT, where, "is no HoldResult under its SKU")
                continue
            if self._since is None:
                self._since = value["decided_at"]
            if value["decided_at"] > self._since:
                self._take(where, value)

    def _take(self, where: str, value: dict[str, Any]) -> None:
        answer = Answer(*(value[name] for name in Answer._fields))
        request = (value["source_id"], value["request_id"])
        told = _Told(where, request, answer, value["version"], value["decided_at"])
        self._told.setdefault((value["sku"], value["hold_id"]), deque()).append(told)
        self._report.counts["answers"] += 1

    def expect(self, where: str, row: dict[str, Any], identity: bytes) -> None:
        """Compare a row of the ledger, in order, with the answer that goes with it."""
        if self._since is None or row["recorded_at"] <= self._since:
            return
        waiting = self._told.get((row["sku"], row["reference"]))
        if not waiting:
            self._report.add(
                Kind.ANSWER, where, f"{row['event_type']} about {row['reference']} has no answer"
            )
            return
        told = waiting.popleft()
        if (told.version, told.decided_at) != (row["version"], row["recorded_at"]):
            what = f"version and time of the answer to {row['event_type']} about {row['reference']}"
            expected = (row["version"], row["recorded_at"])
            self._report.add(Kind.ANSWER, told.where, what, expected, (told.version, told.decided_at))
        if row["event_type"] == EXPIRED:
            self._check(told, row, accepted=False, reason="HOLD_EXPIRED")
        elif told.request != (row["source_id"], row["event_id"]):
            what = "answers another request than the ledger's next one about its hold"
            self._report.add(Kind.ANSWER, told.where, what, row["event_id"], told.request[1])
        elif row["outcome"] == "DUPLICATE":
            self._check_again(told, identity)
        else:
            self.first[identity] = told.answer
            self._check(told, row, accepted=row["outcome"] != "REJECTED", reason=row["reason"])

    def _check(self, told: _Told, row: dict[str, Any], *, accepted: bool, reason: str | None) -> None:
        found = (told.answer.accepted, told.answer.reason)
        if found != (accepted, reason):
            what = f"answer to {row['event_type']} {row['outcome']} about {row['reference']}"
            self._report.add(Kind.ANSWER, told.where, what, (accepted, reason), found)

    def _check_again(self, told: _Told, identity: bytes) -> None:
        first = self.first.get(identity)
        if first is not None and told.answer != first and told.answer.reason not in FORGOTTEN:
            self._report.add(Kind.ANSWER, told.where, "is not the first answer again", first, told.answer)

    def finish(self) -> None:
        """Report answers that no row of the ledger goes with."""
        for (sku, hold_id), waiting in self._told.items():
            for told in waiting:
                self._report.add(Kind.ANSWER, told.where, f"answers nothing about hold {hold_id} of {sku}")
