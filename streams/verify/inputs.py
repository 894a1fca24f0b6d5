"""The inputs of one partition: what must have become of each record, and the stock that follows."""

from collections import Counter
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
from streams.verify.bundles import Bundles
from streams.verify.counts import Counts
from streams.verify.feeds import FULL, FeedId, feed_of
from streams.verify.ledger import Ledger, Settled, envelope_of, identity_of
from streams.verify.lines import DAY_MS, Lines
from streams.verify.partitioning import partition_of
from streams.verify.plan import Plan
from streams.verify.reading import Record
from streams.verify.reasons import Contents, Reasons
from streams.verify.report import Kind, Report
from streams.verify.rows import CHANGING, EXPLODED, OWN_SOURCE
from streams.verify.rules import (
    CONFIRM_RECORD,
    COUNT_RECORD,
    DOCUMENTS,
    ITEM_RECORD,
    PLACE_RECORD,
    POLICY_RECORD,
    Event,
    examine,
)
from streams.verify.stock import Fold


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
        counts: Counts,
        bundles: Bundles,
        aside: SetAside,
        forwards: Forwards,
        report: Report,
        *,
        complete: bool,
    ) -> None:
        self._plan = plan
        self._partitions = partitions
        self._ledger = ledger
        self._bundles = bundles
        self._aside = aside
        self._forwards = forwards
        self._report = report
        self._complete = complete
        self._contents = Contents()
        self._reasons = Reasons(plan, self._contents, report)
        self._resumed: set[Origin] = set()
        self._refused_orders: list[tuple[bytes, dict[str, Any]]] = []
        self._late: list[tuple[Origin, dict[str, Any]]] = []
        self.feed_rows: Counter[FeedId] = Counter()
        self.fold = Fold(counts, Lines(ledger.recorded_at, plan.waiting_days * DAY_MS))

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
        self._reasons.finish(complete=self._complete)
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
        self._check_rows_left()
        for due in self._ledger.due:
            self.fold.lines.fall_due(*due)
        self.fold.finish()
        self._check_orders()
        self._check_late()

    def _check_rows_left(self) -> None:
        """Report rows of the ledger that no input record is behind."""
        for identity in self._ledger.settled:
            where = f"identity {identity.hex()}"
            self._report.add(Kind.UNEXPLAINED_ROW, where, "is in the ledger but not among the inputs")
        for identity, left in self._ledger.duplicates.items():
            if left and identity not in self._ledger.settled:
                where = f"identity {identity.hex()}"
                self._report.add(
                    Kind.DUPLICATE_COUNT, where, "ledger rows DUPLICATE less repeated inputs", 0, left
                )

    def _check_orders(self) -> None:
        """Check what orders reserved, row by row, and whether they were rightly accepted and rejected."""
        lines = self.fold.lines
        for number, expected in lines.changes.items():
            found = self._ledger.reserved_changes.get(number, expected)
            if found != expected:
                what = "changes reserved, by its order's events"
                self._report.add(
                    Kind.LEDGER_ROW, f"{self._plan.movements} row {number}", what, expected, found
                )
        self._ledger.cover.judge_accepted(lines.later)
        for identity, order in self._refused_orders:
            if not lines.is_later(order):
                self._ledger.cover.judge_rejected(identity)

    def _check_late(self) -> None:
        """Check that what a count is said to cover is not younger than the count in force."""
        for origin, value in self._late:
            as_of = self.fold.counts.as_of(value["sku"], value["location_id"])
            if value["occurred_at"] > as_of:
                what = "is LATE in the ledger, but no count covers it"
                self._report.add(Kind.LEDGER_ROW, str(origin), what, f"<= {as_of}", value["occurred_at"])

    def _place(self, origin: Origin, record: Record, event: Event | frozenset[str]) -> None:
        """Find what became of one record."""
        dead = self._aside.dead.pop(origin, None)
        retried = self._aside.retried.get(origin)
        kept = dead or retried
        if kept is not None and (kept.key, kept.value) != (digest(record.key()), digest(record.value())):
            self._report.add(Kind.DEAD_LETTER_ALTERED, kept.where, f"key or value is not that of {origin}")
        if dead is not None and not _has_waited(event, dead):
            self._reasons.check(origin, record, event, dead)
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
        else:
            self._take(origin, event, digest(record.value()), counts=dead is None)

    def _is_misplaced(self, origin: Origin, event: Event) -> bool:
        key = event.value["sku"].encode()
        right = partition_of(key, self._partitions[origin.topic])
        return "INVALID_KEY" not in event.problems and right != origin.partition

    def _take(self, origin: Origin, event: Event, content: int, *, counts: bool) -> None:
        """Take an event; one that counts no more is a cancellation whose order never came."""
        value = event.value
        identity = identity_of(value)
        known = self._contents.take(event, identity, content)
        if known is not None and known != content:
            what = f"is another event under the id {value['source_id']}/{value['event_id']} and has no dead letter"
            self._report.add(Kind.DEAD_LETTER_MISSING, str(origin), what, "IDEMPOTENCY_CONFLICT")
        elif event.record in DOCUMENTS:
            if event.record == ITEM_RECORD:
                self._bundles.describe(value["sku"], value["components"], in_force=False)
            self._report.counts["policies" if event.record == POLICY_RECORD else "items"] += 1
        elif event.value.get("feed_kind") == FULL:
            if known is None:
                self._take_row(origin, event, identity)
        elif known is None:
            self._take_first(origin, event, identity, counts=counts)
        else:
            self._report.counts["duplicates"] += 1
            self._ledger.duplicates[identity] -= 1

    def _take_first(self, origin: Origin, event: Event, identity: bytes, *, counts: bool) -> None:
        value = event.value
        self._report.counts["events"] += 1
        settled = self._ledger.settled.pop(identity, None)
        name = f"{event.record} {value['source_id']}/{value['event_id']} of {value['sku']}"
        if settled is None:
            self._report.add(Kind.LOST_EVENT, str(origin), f"{name} is not in the ledger")
            return
        if settled.envelope != envelope_of(event.record, value, value.get("hold_id")):
            self._report.add(Kind.LEDGER_ROW, str(origin), f"{name} has a ledger row of another content")
        if settled.outcome == "REJECTED":
            self._reject(event, identity)
        elif not counts:
            self._report.counts["given_up"] += 1
            self.fold.touch(event.value)
        else:
            self._apply(origin, event, identity, settled)

    def _take_row(self, origin: Origin, event: Event, identity: bytes) -> None:
        """Take a row of a full feed, which has a row in the ledger only if the feed has changed its SKU."""
        self._report.counts["feed_rows"] += 1
        self.feed_rows[feed_of(event.value)] += 1
        self.fold.counts.take_row(event.value)
        if identity in self._ledger.settled:
            self._take_first(origin, event, identity, counts=True)

    def _reject(self, event: Event, identity: bytes) -> None:
        if event.value["source_id"] == OWN_SOURCE:
            self._bundles.part(event.record, event.value)
        if event.record == "OrderPlaced":
            self._report.counts["orders_rejected"] += 1
            self._refused_orders.append((identity, event.value))
        else:
            self._report.counts["requests_refused"] += 1

    def _apply(self, origin: Origin, event: Event, identity: bytes, settled: Settled) -> None:
        """Take an event as the ledger says that it was taken."""
        value, record = event.value, event.record
        if record == PLACE_RECORD:
            self._check_grant(origin, value, identity)
        if record == COUNT_RECORD and settled.outcome != "NOT_TRUSTED" and value["feed_kind"] != FULL:
            self.fold.counts.take(value)
        if settled.outcome == EXPLODED:
            self._bundles.explode(str(origin), record, value)
        if value["source_id"] == OWN_SOURCE:
            self._bundles.part(record, value)
        if settled.outcome not in CHANGING:
            return
        if record == CONFIRM_RECORD:
            value = value | self._ledger.granted[identity]._asdict()
        if settled.outcome == "LATE":
            self._late.append((origin, value))
        self.fold.add(record, value, settled.number)

    def _check_grant(self, origin: Origin, value: dict[str, Any], identity: bytes) -> None:
        """Check that what was granted is what was asked for, and note until when the hold is one."""
        answer = self._ledger.answers.first.get(identity)
        asked = (value["quantity"], value["expires_at"], value["owner"])
        if answer is not None and (answer.quantity, answer.expires_at, answer.owner) != asked:
            found = (answer.quantity, answer.expires_at, answer.owner)
            self._report.add(Kind.ANSWER, str(origin), "units, end and owner that were granted", asked, found)
        self._ledger.holds.ends(value["sku"], value["hold_id"], identity, value["expires_at"])


def _has_waited(event: Event | frozenset[str], dead: Aside) -> bool:
    """Tell whether a dead letter is of a cancellation that was applied, and waited in vain for what it cancels."""
    is_withdrawal = isinstance(event, Event) and event.record in {"OrderCancelled", "InboundCancelled"}
    return is_withdrawal and dead.reason == "ORDER_UNKNOWN"
