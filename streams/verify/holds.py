"""
Holds (semantics 4), as the ledger's rows tell of them in their order of arrival.

A hold goes one way, and what is held at a location is the sum of its active holds, after every row.
"""

from dataclasses import dataclass
from typing import Any

from streams.verify.decoding import Undecodable, decode
from streams.verify.reading import Record
from streams.verify.report import Kind, Report
from streams.verify.rows import CHANGING, CONFIRMED, EXPIRED, MOVED
from streams.verify.rules import CONFIRM_RECORD, PLACE_RECORD, RELEASE_RECORD

KEPT_AFTER_END_MS = 24 * 3_600_000  # Then a hold is forgotten, and its id is free again.
EXPIRY_TOLERANCE_MS = 10_000  # Workers that stood still end holds when they are back.
ACTIVE = "ACTIVE"
KEY_SEPARATOR = "\x1f"

HoldKey = tuple[str, str]
"""SKU and hold_id."""


@dataclass(slots=True)
class Hold:
    """One hold; request is the identity of its last PlaceHold, expires_at comes with that from the inputs."""

    location_id: str
    quantity: int
    request: bytes
    state: str = ACTIVE
    ended_at: int = 0
    expires_at: int | None = None


_ENDS = {
    CONFIRM_RECORD: ("CONFIRMED", {ACTIVE, "EXPIRED"}),
    RELEASE_RECORD: ("RELEASED", {ACTIVE}),
    CONFIRMED: ("CONFIRMED", {ACTIVE}),
    EXPIRED: ("EXPIRED", {ACTIVE}),
}
"""By event: what a hold is then, and what it must have been."""
_ALREADY = {CONFIRM_RECORD: {"CONFIRMED"}, RELEASE_RECORD: {"RELEASED", "EXPIRED"}}
"""What a hold is that was asked for what has happened already."""


class Holds:
    """The holds of one partition, and what they hold by SKU and location."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.holds: dict[HoldKey, Hold] = {}
        self.held: dict[tuple[str, str], int] = {}

    def take(self, where: str, row: dict[str, Any], identity: bytes) -> int:
        """Take a row about a hold, in order; return how many units an order may take of it without asking."""
        kind, outcome = row["event_type"], row["outcome"]
        key = (row["sku"], row["reference"])
        hold = self.holds.get(key)
        if (
            hold is not None
            and hold.state != ACTIVE
            and row["recorded_at"] >= hold.ended_at + KEPT_AFTER_END_MS
        ):
            hold = None
        if outcome in CHANGING and kind == PLACE_RECORD:
            self._place(where, row, identity, key, hold)
        elif outcome in CHANGING and kind == MOVED:
            self._leave(where, row, hold)
        elif outcome in CHANGING:
            return self._end(where, row, hold)
        elif outcome == "SUPERSEDED":
            self._must_be(where, row, hold, _ALREADY.get(kind, set()))
        return 0

    def _place(
        self, where: str, row: dict[str, Any], identity: bytes, key: HoldKey, hold: Hold | None
    ) -> None:
        if hold is not None:
            self._must_be(where, row, hold, {ACTIVE})
            if hold.quantity and hold.location_id != row["location_id"]:
                self._report.add(Kind.HOLD, where, f"{key[1]} moved without giving back", hold.location_id)
            self._add(row["sku"], hold, -hold.quantity)
        hold = self.holds[key] = Hold(row["location_id"], row["quantity"], identity)
        self._add(row["sku"], hold, hold.quantity)

    def _leave(self, where: str, row: dict[str, Any], hold: Hold | None) -> None:
        self._must_be(where, row, hold, {ACTIVE})
        if hold is not None:
            self._check_units(where, row, hold)
            self._add(row["sku"], hold, -hold.quantity)
            hold.quantity = 0

    def _end(self, where: str, row: dict[str, Any], hold: Hold | None) -> int:
        state, before = _ENDS[row["event_type"]]
        self._must_be(where, row, hold, before)
        if hold is None:
            return 0
        promised = hold.quantity if hold.state == ACTIVE else 0
        if row["event_type"] == EXPIRED and row["recorded_at"] < row["occurred_at"]:
            self._report.add(Kind.HOLD, where, "a hold expired before its time")
        if row["event_type"] != CONFIRM_RECORD:  # An order may be for less, or for more if that is there.
            self._check_units(where, row, hold)
        self._add(row["sku"], hold, -promised)
        hold.state, hold.quantity, hold.ended_at = state, 0, row["recorded_at"]
        return promised if state == "CONFIRMED" else 0

    def _check_units(self, where: str, row: dict[str, Any], hold: Hold) -> None:
        expected, found = (hold.location_id, hold.quantity), (row["location_id"], row["quantity"])
        if found != expected:
            what = f"where hold {row['reference']} holds how many units"
            self._report.add(Kind.HOLD, where, what, expected, found)

    def _must_be(self, where: str, row: dict[str, Any], hold: Hold | None, states: set[str]) -> None:
        found = "unknown" if hold is None else hold.state
        if found not in states:
            what = f"{row['event_type']} {row['outcome']} of hold {row['reference']}, which was"
            self._report.add(Kind.HOLD, where, what, " or ".join(sorted(states)), found)

    def _add(self, sku: str, hold: Hold, units: int) -> None:
        place = (sku, hold.location_id)
        self.held[place] = self.held.get(place, 0) + units

    def ends(self, sku: str, hold_id: str, request: bytes, expires_at: int) -> None:
        """Note when a hold ends by itself, if this request was the last one that said so."""
        hold = self.holds.get((sku, hold_id))
        if hold is not None and hold.request == request:
            hold.expires_at = expires_at

    def check_expiries(self, now_ms: int) -> None:
        """Report what should have ended by itself; a hold whose request is gone from the inputs is not judged."""
        for (sku, hold_id), hold in self.holds.items():
            is_over = hold.expires_at is not None and hold.expires_at <= now_ms - EXPIRY_TOLERANCE_MS
            if hold.state == ACTIVE and is_over:
                self._report.add(Kind.HOLD, sku, f"hold {hold_id} is past its time and still holds units")

    def compare_table(self, records: list[Record]) -> None:
        """Compare the table of holds, given its records in order, with what the ledger says."""
        last = {record.key(): record for record in records}
        known: set[HoldKey] = set()
        for record in last.values():
            if record.value() is not None and (found := self._decoded(record)) is not None:
                key, kept = found
                known.add(key)
                self._compare(key, kept)
        for key, hold in self.holds.items():
            if hold.state == ACTIVE and key not in known:
                self._report.add(Kind.HOLD, key[0], f"hold {key[1]} holds units and is not in the table")

    def _decoded(self, record: Record) -> tuple[HoldKey, dict[str, Any]] | None:
        where = f"{record.topic()}:{record.partition()}:{record.offset()}"
        try:
            name, kept = decode(record.value())
            sku, separator, hold_id = (record.key() or b"").decode().partition(KEY_SEPARATOR)
        except (Undecodable, UnicodeDecodeError) as error:
            self._report.add(Kind.UNREADABLE_OUTPUT, where, str(error))
            return None
        if name != "Hold" or not separator or kept["hold_id"] != hold_id:
            self._report.add(Kind.UNREADABLE_OUTPUT, where, "is no Hold under its SKU and id")
            return None
        return (sku, hold_id), kept

    def _compare(self, key: HoldKey, kept: dict[str, Any]) -> None:
        hold = self.holds.get(key)
        state = "REJECTED" if hold is None else hold.state
        if kept["state"] != state:
            what = f"state of hold {key[1]} in the table, by the ledger"
            self._report.add(Kind.HOLD, key[0], what, state, kept["state"])
            return
        if hold is None or state != ACTIVE:
            return
        self._report.counts["active_holds"] += 1
        expected = (hold.location_id, hold.quantity, hold.expires_at or kept["expires_at"])
        found = (kept["location_id"], kept["quantity"], kept["expires_at"])
        if found != expected:
            self._report.add(Kind.HOLD, key[0], f"hold {key[1]} in the table", expected, found)
