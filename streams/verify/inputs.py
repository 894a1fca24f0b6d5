"""The inputs of one partition: what must have become of each record, and the stock that follows."""

from collections.abc import Iterable, Mapping
from typing import Any

from streams.verify.aside import (
    ATTEMPTS_HEADER,
    Aside,
    Origin,
    SetAside,
    digest,
    forwarded_from,
    headers_of,
    origin_of,
)
from streams.verify.ledger import Ledger, envelope_of, identity_of
from streams.verify.partitioning import partition_of
from streams.verify.plan import Plan
from streams.verify.reading import Record
from streams.verify.report import Kind, Report
from streams.verify.rules import FUTURE_TOLERANCE_MS, POLICY_RECORD, Event, examine
from streams.verify.stock import Fold

# A dead letter is written at the end of its batch, so a little later than its event was judged.
BATCH_TOLERANCE_MS = 60_000


class Forwards:
    """Records on a wrong partition, and the copies that were forwarded, over all partitions."""

    def __init__(self) -> None:
        self.misplaced: dict[Origin, int] = {}
        self.copies: dict[Origin, int] = {}

    def check(self, report: Report) -> None:
        """Compare both, once all partitions have been read."""
        for origin, value in self.misplaced.items():
            if self.copies.get(origin) != value:
                report.add(
                    Kind.FORWARD_MISSING, str(origin), "is on the wrong partition and was not forwarded"
                )
        report.counts["forwarded"] = len(self.misplaced)


class Inputs:
    """Reads one partition of every input topic against its ledger and what was set aside."""

    def __init__(
        self,
        plan: Plan,
        partitions: Mapping[str, int],
        ledger: Ledger,
        aside: SetAside,
        forwards: Forwards,
        report: Report,
        *,
        complete: bool,
    ) -> None:
        self._plan = plan
        self._partitions = partitions
        self._ledger = ledger
        self._aside = aside
        self._forwards = forwards
        self._report = report
        self._complete = complete
        self._contents: dict[bytes, int] = {}
        self._policy_contents: dict[bytes, int] = {}
        self._conflicts: list[tuple[Aside, bool, bytes, int]] = []
        self._resumed: set[Origin] = set()
        self.fold = Fold()

    def read(self, records: Iterable[Record]) -> None:
        """Take the records of the partition, in order within each topic."""
        for record in records:
            origin = Origin(record.topic(), record.partition(), record.offset())
            self._report.counts["input_records"] += 1
            headers = headers_of(record)
            copied = forwarded_from(headers)
            if copied is not None:
                self._forwards.copies[copied] = digest(record.value())
            if ATTEMPTS_HEADER in headers and (resumed := origin_of(headers)) is not None:
                self._resumed.add(resumed)
            event = examine(record.key(), record.value(), self._plan.inputs[record.topic()])
            self._place(origin, record, event)

    def finish(self) -> None:
        """Report what is left over once everything has been read."""
        self._check_conflicts()
        for origin, retry in self._aside.retried.items():
            if not retry.waiting and origin not in self._resumed and self._complete:
                self._report.add(
                    Kind.RETRY_LOST, retry.where, f"{origin} was taken from the retry topic and lost"
                )
        if not self._complete:
            return
        for origin, dead in self._aside.dead.items():
            if origin.topic != self._plan.policies:  # A compacted topic forgets, its dead letters do not.
                self._report.add(Kind.DEAD_LETTER_UNFOUNDED, dead.where, f"there is no input record {origin}")
        unexplained = len(self._ledger.settled)
        for identity in self._ledger.settled:
            where = f"identity {identity.hex()}"
            self._report.add(Kind.UNEXPLAINED_ROW, where, "is in the ledger but not among the inputs")
        for identity, left in self._ledger.duplicates.items():
            if left and not (unexplained and identity in self._ledger.settled):
                where = f"identity {identity.hex()}"
                self._report.add(
                    Kind.DUPLICATE_COUNT, where, "ledger rows DUPLICATE less repeated inputs", 0, left
                )

    def _place(self, origin: Origin, record: Record, event: Event | frozenset[str]) -> None:
        """Find what became of one record."""
        dead = self._aside.dead.pop(origin, None)
        retried = self._aside.retried.get(origin)
        kept = dead or retried
        if kept is not None and (kept.key, kept.value) != (digest(record.key()), digest(record.value())):
            self._report.add(Kind.DEAD_LETTER_ALTERED, kept.where, f"key or value is not that of {origin}")
        if dead is not None:
            self._check_dead_letter(origin, record, event, dead)
        elif retried is not None:
            self._report.counts["set_aside_for_retry"] += 1
        elif not isinstance(event, Event):
            self._report.add(
                Kind.DEAD_LETTER_MISSING, str(origin), "has no dead letter", "/".join(sorted(event))
            )
        elif self._is_misplaced(origin, event):
            self._forwards.misplaced[origin] = digest(record.value())
        elif event.problems:
            reasons = "/".join(sorted(event.problems))
            self._report.add(Kind.DEAD_LETTER_MISSING, str(origin), "has no dead letter", reasons)
        elif event.record == POLICY_RECORD:
            self._take_policy(origin, event.value, digest(record.value()))
        else:
            self._take_event(origin, event, digest(record.value()))

    def _is_misplaced(self, origin: Origin, event: Event) -> bool:
        key = event.value["sku"].encode()
        right = partition_of(key, self._partitions[origin.topic])
        return "INVALID_KEY" not in event.problems and right != origin.partition

    def _take_event(self, origin: Origin, event: Event, content: int) -> None:
        value = event.value
        identity = identity_of(value)
        known = self._contents.get(identity)
        if known is None:
            self._contents[identity] = content
            self._take_first(origin, event, identity)
        elif known == content:
            self._report.counts["duplicates"] += 1
            self._ledger.duplicates[identity] -= 1
        else:
            what = f"is another event under the id {value['source_id']}/{value['event_id']} and has no dead letter"
            self._report.add(Kind.DEAD_LETTER_MISSING, str(origin), what, "IDEMPOTENCY_CONFLICT")

    def _take_first(self, origin: Origin, event: Event, identity: bytes) -> None:
        value = event.value
        self._report.counts["events"] += 1
        envelope = self._ledger.settled.pop(identity, None)
        name = f"{event.record} {value['source_id']}/{value['event_id']} of {value['sku']}"
        if envelope is None:
            self._report.add(Kind.LOST_EVENT, str(origin), f"{name} is not in the ledger")
        elif envelope != envelope_of(event.record, value):
            self._report.add(Kind.LEDGER_ROW, str(origin), f"{name} has a ledger row of another content")
        if identity in self._ledger.rejected:
            self._report.counts["orders_rejected"] += 1
        else:
            self.fold.add(event.record, value)

    def _take_policy(self, origin: Origin, value: dict[str, Any], content: int) -> None:
        self._report.counts["policies"] += 1
        if self._policy_contents.setdefault(identity_of(value), content) != content:
            self._report.add(
                Kind.DEAD_LETTER_MISSING, str(origin), "has no dead letter", "IDEMPOTENCY_CONFLICT"
            )

    def _check_dead_letter(
        self, origin: Origin, record: Record, event: Event | frozenset[str], dead: Aside
    ) -> None:
        """Check that the reason of a dead letter is true of its record."""
        problems = event.problems if isinstance(event, Event) else event
        self._report.counts[f"dead_letters.{dead.reason}"] += 1
        if dead.reason in problems:
            return
        if isinstance(event, Event) and not problems:
            if dead.reason == "IDEMPOTENCY_CONFLICT":
                is_policy = event.record == POLICY_RECORD
                self._conflicts.append((dead, is_policy, identity_of(event.value), digest(record.value())))
                return
            if dead.reason == "FUTURE_EVENT" and _was_in_the_future(event.value, dead):
                return
            was_retried = ATTEMPTS_HEADER in headers_of(record) or self._plan.retry_attempts == 0
            if dead.reason == "RETRIES_EXHAUSTED" and was_retried:
                return
        expected = "/".join(sorted(problems)) or "no dead letter"
        self._report.add(
            Kind.DEAD_LETTER_UNFOUNDED, dead.where, f"reason given for {origin}", expected, dead.reason
        )

    def _check_conflicts(self) -> None:
        """Check that each conflict is with another event that was taken under the same id."""
        for dead, is_policy, identity, content in self._conflicts:
            taken = (self._policy_contents if is_policy else self._contents).get(identity)
            compacted = is_policy and taken is None
            if (taken is None or taken == content) and self._complete and not compacted:
                what = "gives a conflict, but no other event was taken under that id"
                self._report.add(Kind.DEAD_LETTER_UNFOUNDED, dead.where, what)


def _was_in_the_future(value: dict[str, Any], dead: Aside) -> bool:
    ahead: int = value["occurred_at"] - dead.written_at
    return ahead > FUTURE_TOLERANCE_MS - BATCH_TOLERANCE_MS
