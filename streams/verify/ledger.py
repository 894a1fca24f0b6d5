"""The ledger of one partition: does it hang together, and what does it say became of each event."""

from array import array
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

from streams.verify.answers import Answers
from streams.verify.cover import Cover
from streams.verify.decoding import Undecodable, decode
from streams.verify.holds import Holds
from streams.verify.reading import Record
from streams.verify.report import Kind, Report
from streams.verify.rows import (
    CHANGING,
    EXPIRED,
    FELL_DUE,
    OF_HOLDS,
    OWN_EVENTS,
    is_own,
    is_possible,
    may_change_on_hand,
    may_change_reserved,
    may_change_unsellable,
)
from streams.verify.rules import (
    CONFIRM_RECORD,
    COUNT_RECORD,
    FUTURE_TOLERANCE_MS,
    PLACE_RECORD,
    REQUESTS,
)

IDENTITY_BYTES = 16  # With 64 bits two of a billion events could be taken for one.

SkuLocation = tuple[str, str]


class Figures(NamedTuple):
    """A location's figures after a row; of those but on_hand rows of version 1 say nothing."""

    on_hand: int = 0
    unsellable: int | None = 0
    reserved: int | None = 0
    held: int | None = 0
    safety_stock: int | None = 0

    @classmethod
    def after(cls, row: dict[str, Any]) -> "Figures":
        """Return the figures after a row."""
        return cls(*_AFTER(row))


_AFTER = itemgetter(*(f"{name}_after" for name in Figures._fields))


class Settled(NamedTuple):
    """What became of an event: a hash of what its row shares with it, and the number of that row."""

    envelope: int
    outcome: str
    number: int


class Granted(NamedTuple):
    """What a confirmed hold became an order for, which its request may leave open."""

    location_id: str
    quantity: int


class FellDue(NamedTuple):
    """A row of an order whose day has come."""

    sku: str
    order_id: str
    location_id: str
    number: int


def identity_of(value: dict[str, Any]) -> bytes:
    """Return a digest of (source_id, event_id)."""
    source = value["source_id"].encode()
    return blake2b(
        b"%d:%b%b" % (len(source), source, value["event_id"].encode()), digest_size=IDENTITY_BYTES
    ).digest()


def envelope_of(record: str, value: dict[str, Any], reference: str | None = None) -> int:
    """Return a hash of what an event and its ledger row have in common; a request leaves open where and how much."""
    known = (record, value["sku"], value["channel_id"], value["occurred_at"])
    if record in REQUESTS:
        return hash((*known, reference))
    return hash((*known, value["location_id"], value["quantity"]))


class Ledger:
    """
    What one partition's ledger says.

    settled: what became of each event that came from a source, by identity; duplicates: rows by identity of further
    arrivals; figures: the last ones by SKU and location; counted: where counts were made; granted: by identity, of
    confirmed holds; changes: rows by SKU that raise its version; own_latest: by SKU, when the latest of what no
    source sent happened; reserved_changes: by the number of a row; recorded_at: when each was written.
    """

    def __init__(self, report: Report, cover: Cover, answers: Answers, *, complete: bool) -> None:
        self._report = report
        self.cover = cover
        self.answers = answers
        self._complete = complete
        self._versions: dict[str, int] = {}
        self._own: set[bytes] = set()
        self._promised: tuple[SkuLocation, int] | None = None
        self.holds = Holds(report)
        self.settled: dict[bytes, Settled] = {}
        self.duplicates: Counter[bytes] = Counter()
        self.figures: dict[SkuLocation, Figures] = {}
        self.counted: set[SkuLocation] = set()
        self.granted: dict[bytes, Granted] = {}
        self.changes: Counter[str] = Counter()
        self.own_latest: dict[str, int] = {}
        self.reserved_changes: dict[int, int] = {}
        self.due: list[FellDue] = []
        self.recorded_at = array("q")

    def read(self, records: Iterable[Record]) -> None:
        """Take the rows of the partition, in order."""
        for record in records:
            where = f"{record.topic()}:{record.partition()}:{record.offset()}"
            try:
                name, row = decode(record.value())
            except Undecodable as error:
                self._report.add(Kind.UNREADABLE_OUTPUT, where, str(error))
                continue
            if name != "StockMovement" or record.key() != row["sku"].encode():
                self._report.add(Kind.UNREADABLE_OUTPUT, where, "is no StockMovement under its SKU")
                continue
            self._report.counts["ledger_rows"] += 1
            self._add(where, row)

    def _add(self, where: str, row: dict[str, Any]) -> None:
        number = len(self.recorded_at)
        self.recorded_at.append(row["recorded_at"])
        identity = identity_of(row)
        self._settle(where, row, identity, number)
        self._check_row(where, row)
        self._check_version(where, row)
        if row["event_type"] in OF_HOLDS:
            self._take_hold(where, row, identity)
        elif row["event_type"] == FELL_DUE:
            self.due.append(FellDue(row["sku"], row["reference"], row["location_id"], number))
        self._check_chain(where, row, identity, number)

    def _settle(self, where: str, row: dict[str, Any], identity: bytes, number: int) -> None:
        """Note what became of the row's event; there is one row for each, and further ones for duplicates."""
        kind, outcome = row["event_type"], row["outcome"]
        if outcome == "DUPLICATE":
            self.duplicates[identity] += 1
        elif identity in self.settled or identity in self._own:
            event = f"{row['source_id']}/{row['event_id']} of {row['sku']}"
            self._report.add(Kind.APPLIED_TWICE, where, f"event {event} has a second row {outcome}")
        elif is_own(row):
            self._own.add(identity)
            self.own_latest[row["sku"]] = max(row["occurred_at"], self.own_latest.get(row["sku"], 0))
        else:
            self.settled[identity] = Settled(envelope_of(kind, row, row["reference"]), outcome, number)
            if kind == COUNT_RECORD:
                self.counted.add((row["sku"], row["location_id"]))
            elif kind == CONFIRM_RECORD:
                self.granted[identity] = Granted(row["location_id"], row["quantity"])

    def _take_hold(self, where: str, row: dict[str, Any], identity: bytes) -> None:
        """Take a row about a hold; what it promised, the order in its own row or in the next one may have."""
        if row["event_type"] in REQUESTS or row["event_type"] == EXPIRED:
            self.answers.expect(where, row, identity)
        if self._complete:
            promised = self.holds.take(where, row, identity)
            self._promised = (row["sku"], row["location_id"]), promised

    # Balances --------------------------------------------------------------------------------------------

    def _check_chain(self, where: str, row: dict[str, Any], identity: bytes, number: int) -> None:
        """Check that a row goes on where the last one of its location ended, and changes what it may change."""
        place = (row["sku"], row["location_id"])
        known, after = self.figures.get(place), Figures.after(row)
        self.figures[place] = after
        if known is None and not self._complete:
            return
        last = known or Figures()
        if row["on_hand_before"] != last.on_hand:
            what = f"on_hand of {place[0]} at {place[1]} before the event"
            self._report.add(Kind.LEDGER_GAP, where, what, last.on_hand, row["on_hand_before"])
        change = row["on_hand_after"] - row["on_hand_before"]
        self._check_change(where, row, "on_hand", change, ok=may_change_on_hand(row, change))
        added = row["quantity"]  # For all that rows of version 1 say.
        if None not in after and None not in last:
            added = self._check_promised(where, row, number, last, after)
        self._check_promise(where, row, identity, number, added)

    def _check_promised(
        self, where: str, row: dict[str, Any], number: int, last: Figures, after: Figures
    ) -> int:
        """Check what a row does to the figures besides on_hand; return how many units more it promises."""
        unsellable, reserved, held = (
            (now or 0) - (before or 0) for now, before in zip(after[1:4], last[1:4], strict=True)
        )
        self._check_change(where, row, "unsellable", unsellable, ok=may_change_unsellable(row, unsellable))
        self._check_change(where, row, "reserved", reserved, ok=not reserved or may_change_reserved(row))
        self._check_sums(where, row, after)
        if may_change_reserved(row):
            self.reserved_changes[number] = reserved
        return held if row["event_type"] == PLACE_RECORD else reserved

    def _check_change(self, where: str, row: dict[str, Any], name: str, change: int, *, ok: bool) -> None:
        if not ok:
            what = f"{row['event_type']} {row['outcome']} of {row['quantity']} changes {name} by {change}"
            self._report.add(Kind.LEDGER_ROW, where, what)

    def _check_sums(self, where: str, row: dict[str, Any], after: Figures) -> None:
        """Check that a row's own figures agree, and what is held with the holds."""
        available = after.on_hand - sum(figure or 0 for figure in after[1:])
        if row["available_after"] != available:
            what = "available_after, by the row's other figures"
            self._report.add(Kind.LEDGER_ROW, where, what, available, row["available_after"])
        if (after.reserved or 0) < 0 or (after.held or 0) < 0:
            self._report.add(Kind.LEDGER_ROW, where, "reserved or held is below zero")
        if self._complete:
            held = self.holds.held.get((row["sku"], row["location_id"]), 0)
            if after.held != held:
                what = f"held of {row['sku']} at {row['location_id']}, by its active holds"
                self._report.add(Kind.HOLD, where, what, held, after.held)

    def _check_promise(
        self, where: str, row: dict[str, Any], identity: bytes, number: int, added: int
    ) -> None:
        """Check that a promise was covered, apart from units that a hold had promised to the same buyer."""
        kind, outcome = row["event_type"], row["outcome"]
        place, promised = self._promised or (None, 0)
        if kind not in OWN_EVENTS:
            self._promised = None
        if kind not in {"OrderPlaced", CONFIRM_RECORD, PLACE_RECORD}:
            return
        if outcome == "REJECTED" and kind == "OrderPlaced":
            self.cover.rejected(where, identity, row)
        elif outcome in CHANGING and added > promised * (place == (row["sku"], row["location_id"])):
            self.cover.accepted(where, number, row)

    # Rows ------------------------------------------------------------------------------------------------

    def _check_version(self, where: str, row: dict[str, Any]) -> None:
        last = self._versions.get(row["sku"], -1)
        changes = row["outcome"] in CHANGING
        self.changes[row["sku"]] += changes
        if not (row["version"] > last if changes else row["version"] >= last):
            self._report.add(
                Kind.VERSION, where, f"version of {row['sku']} after {last}", None, row["version"]
            )
        self._versions[row["sku"]] = row["version"]

    def _check_row(self, where: str, row: dict[str, Any]) -> None:
        if not is_possible(row):
            what = f"{row['event_type']} can't be {row['outcome']}"
            self._report.add(Kind.LEDGER_ROW, where, what)
        if row["outcome"] != "DUPLICATE" and row["occurred_at"] > row["recorded_at"] + FUTURE_TOLERANCE_MS:
            self._report.add(Kind.LEDGER_ROW, where, "an event from the future was not refused")
