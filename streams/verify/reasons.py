"""Whether what is said of a dead letter is true of the input record that it is of."""

from streams.verify.aside import ATTEMPTS_HEADER, Aside, Origin, digest, headers_of
from streams.verify.feeds import FULL
from streams.verify.ledger import identity_of
from streams.verify.plan import Plan
from streams.verify.reading import Record
from streams.verify.report import Kind, Report
from streams.verify.rows import OWN_SOURCE
from streams.verify.rules import COUNT_RECORD, DOCUMENTS, FUTURE_TOLERANCE_MS, POLICY_RECORD, Event

# A dead letter is written at the end of its batch, so a little later than its event was judged.
BATCH_TOLERANCE_MS = 60_000
HOUR_MS = 3_600_000


class Contents:
    """Digests of what was taken under each identity of one partition."""

    def __init__(self) -> None:
        self._events: dict[bytes, int] = {}
        self._policies: dict[bytes, int] = {}

    def take(self, event: Event, identity: bytes, content: int) -> int | None:
        """Take the content of a record unless its identity is known; return what is known then."""
        contents = self._of(event)
        known = contents.get(identity)
        if known is None:
            contents[identity] = content
        return known

    def get(self, event: Event, identity: bytes) -> int | None:
        """Return what was taken under an identity."""
        return self._of(event).get(identity)

    def _of(self, event: Event) -> dict[bytes, int]:
        # The topic of policies is compacted: what it still has says nothing of what came first.
        return self._policies if event.record == POLICY_RECORD else self._events


class Reasons:
    """Judges the dead letters of one partition; conflicts once everything has been read."""

    def __init__(self, plan: Plan, contents: Contents, report: Report) -> None:
        self._plan = plan
        self._contents = contents
        self._report = report
        self._conflicts: list[tuple[Aside, Event, bytes, int]] = []

    def check(self, origin: Origin, record: Record, event: Event | frozenset[str], dead: Aside) -> None:
        """Check that the reason of a dead letter is true of its record."""
        problems = event.problems if isinstance(event, Event) else event
        self._report.counts[f"dead_letters.{dead.reason}"] += 1
        if dead.reason in problems:
            return
        if isinstance(event, Event) and not problems:
            if dead.reason == "IDEMPOTENCY_CONFLICT":
                self._conflicts.append((dead, event, identity_of(event.value), digest(record.value())))
                return
            if dead.reason == "IS_BUNDLE" and event.value["source_id"] == OWN_SOURCE:
                return  # A part of a bundle whose component was a bundle itself at that moment.
            if self._is_untimely(event, dead) or self._is_exhausted(record, event, dead):
                return
            if dead.reason == "INVALID_COUNT" and event.value.get("feed_kind") == FULL:
                return  # It did not fit the rows that were there then, which does not follow from the inputs.
        expected = "/".join(sorted(problems)) or "no dead letter"
        self._report.add(
            Kind.DEAD_LETTER_UNFOUNDED, dead.where, f"reason given for {origin}", expected, dead.reason
        )

    def _is_untimely(self, event: Event, dead: Aside) -> bool:
        """Tell whether an event was too far ahead when it was judged, or a count too old."""
        value = event.value
        if dead.reason == "FUTURE_EVENT":
            latest = max(value["occurred_at"], value.get("as_of", 0))
            return bool(latest - dead.written_at > FUTURE_TOLERANCE_MS - BATCH_TOLERANCE_MS)
        horizon_ms = self._plan.lateness_horizon_hours * HOUR_MS
        is_old = event.record == COUNT_RECORD and value["as_of"] < dead.written_at - horizon_ms
        return dead.reason == "TOO_LATE" and is_old

    def _is_exhausted(self, record: Record, event: Event, dead: Aside) -> bool:
        was_retried = ATTEMPTS_HEADER in headers_of(record) or self._plan.retry_attempts == 0
        return dead.reason == "RETRIES_EXHAUSTED" and was_retried and event.record not in DOCUMENTS

    def finish(self, *, complete: bool) -> None:
        """Check that each conflict is with another event that was taken under the same id."""
        for dead, event, identity, content in self._conflicts:
            taken = self._contents.get(event, identity)
            compacted = event.record == POLICY_RECORD and taken is None
            if (taken is None or taken == content) and complete and not compacted:
                what = "gives a conflict, but no other event was taken under that id"
                self._report.add(Kind.DEAD_LETTER_UNFOUNDED, dead.where, what)
