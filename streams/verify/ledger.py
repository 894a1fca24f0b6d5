"""The ledger of one partition: does it hang together, and what does it say became of each event."""

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from streams.verify.decoding import Undecodable, decode
from streams.verify.reading import Record
from streams.verify.report import Kind, Report
from streams.verify.rules import FUTURE_TOLERANCE_MS
from streams.verify.stock import ON_HAND_SIGN

IDENTITY_BYTES = 16  # With 64 bits two of a billion events could be taken for one.

SkuLocation = tuple[str, str]


def identity_of(value: dict[str, Any]) -> bytes:
    """Return a digest of (source_id, event_id)."""
    source = value["source_id"].encode()
    return blake2b(
        b"%d:%b%b" % (len(source), source, value["event_id"].encode()), digest_size=IDENTITY_BYTES
    ).digest()


def envelope_of(record: str, value: dict[str, Any]) -> int:
    """Return a hash of what an event and its ledger row have in common."""
    return hash(
        (
            record,
            value["sku"],
            value["location_id"],
            value["channel_id"],
            value["quantity"],
            value["occurred_at"],
        )
    )


class Ledger:
    """
    What one partition's ledger says.

    settled: envelope by identity of each event that was applied or rejected; duplicates: rows by identity of
    further arrivals; rejected: identities of refused orders; on_hand: last figure by SKU and location.
    """

    def __init__(self, report: Report, *, complete: bool) -> None:
        self._report = report
        self._complete = complete
        self.settled: dict[bytes, int] = {}
        self.duplicates: Counter[bytes] = Counter()
        self.rejected: set[bytes] = set()
        self.on_hand: dict[SkuLocation, int] = {}
        self._reserved: dict[SkuLocation, int] = {}
        self._versions: dict[str, int] = {}

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
        identity = identity_of(row)
        if row["outcome"] == "DUPLICATE":
            self.duplicates[identity] += 1
        elif identity in self.settled:
            event = f"{row['source_id']}/{row['event_id']} of {row['sku']}"
            self._report.add(Kind.APPLIED_TWICE, where, f"event {event} has a second row {row['outcome']}")
        else:
            self.settled[identity] = envelope_of(row["event_type"], row)
            if row["outcome"] == "REJECTED":
                self.rejected.add(identity)
        self._check_chain(where, row)
        self._check_version(where, row)
        self._check_row(where, row)
        if row["reserved_after"] is not None:
            self._reserved[row["sku"], row["location_id"]] = row["reserved_after"]

    def _check_chain(self, where: str, row: dict[str, Any]) -> None:
        place = (row["sku"], row["location_id"])
        last = self.on_hand.get(place, 0 if self._complete else row["on_hand_before"])
        if row["on_hand_before"] != last:
            what = f"on_hand of {place[0]} at {place[1]} before the event"
            self._report.add(Kind.LEDGER_GAP, where, what, last, row["on_hand_before"])
        self.on_hand[place] = row["on_hand_after"]
        sign = ON_HAND_SIGN.get(row["event_type"], 0) if row["outcome"] == "APPLIED" else 0
        change = row["on_hand_after"] - row["on_hand_before"]
        if change != sign * row["quantity"]:
            what = f"change of on_hand by {row['event_type']} {row['outcome']}"
            self._report.add(Kind.LEDGER_ROW, where, what, sign * row["quantity"], change)

    def _check_version(self, where: str, row: dict[str, Any]) -> None:
        last = self._versions.get(row["sku"], -1)
        rises = row["version"] > last if row["outcome"] == "APPLIED" else row["version"] >= last
        if not rises:
            self._report.add(
                Kind.VERSION, where, f"version of {row['sku']} after {last}", None, row["version"]
            )
        self._versions[row["sku"]] = row["version"]

    def _check_row(self, where: str, row: dict[str, Any]) -> None:
        outcome = row["outcome"]
        if outcome not in {"APPLIED", "DUPLICATE", "REJECTED"}:
            self._report.add(Kind.LEDGER_ROW, where, "outcome", "APPLIED, DUPLICATE or REJECTED", outcome)
        if outcome != "DUPLICATE" and row["occurred_at"] > row["recorded_at"] + FUTURE_TOLERANCE_MS:
            self._report.add(Kind.LEDGER_ROW, where, "an event from the future was not refused")
        if row["event_type"] == "OrderPlaced":
            self._check_order(where, row)
        elif outcome == "REJECTED":
            self._report.add(Kind.ORDER, where, f"{row['event_type']} is a fact and can't be rejected")

    def _check_order(self, where: str, row: dict[str, Any]) -> None:
        """
        Check that an accepted order left nothing short at its location, and that a rejected one would have.

        One that reserves nothing, since its goods left or were cancelled before it came, asks for nothing.
        """
        available, quantity = row["available_after"], row["quantity"]
        if row["outcome"] == "APPLIED" and available < 0 and self._reserves(row):
            self._report.add(Kind.ORDER, where, "an accepted order was not covered", ">= 0 left", available)
        if row["outcome"] == "REJECTED" and available >= quantity:
            self._report.add(Kind.ORDER, where, "a rejected order was covered", f"< {quantity}", available)

    def _reserves(self, row: dict[str, Any]) -> bool:
        """Tell whether an order has raised reserved at its location; rows of version 1 don't say, so it has."""
        after = row["reserved_after"]
        return after is None or after > self._reserved.get((row["sku"], row["location_id"]), 0)
