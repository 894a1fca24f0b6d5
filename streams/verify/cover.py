"""
Whether promises were covered (semantics 3).

None that is accepted may leave its location short, and none that would not have may be rejected, beyond what a
backorder limit allows. A row shows what was left at its location. Which limit was in force at that moment does not
follow from the inputs, so a promise must be wrong under every limit that may have been. Which day an order is for is
known only once the inputs have been read.
"""

from typing import Any, NamedTuple, Protocol

from streams.verify.report import Kind, Report
from streams.verify.rules import PLACE_RECORD


class Limits(Protocol):
    """The backorder limits that may have been in force."""

    def backorder_limits(self, sku: str, at_ms: int) -> tuple[int, int] | None:
        """Return the least and the greatest one for a SKU at a time, None when that is unknown."""


class _Doubt(NamedTuple):
    """A promise that is wrong unless it is for a later day."""

    where: str
    what: str
    expected: str
    found: int


class Cover:
    """The promises of one partition."""

    def __init__(self, limits: Limits, report: Report) -> None:
        self._limits = limits
        self._report = report
        self._accepted: dict[int, _Doubt] = {}
        self._rejected: dict[bytes, _Doubt] = {}

    def accepted(self, where: str, number: int, row: dict[str, Any]) -> None:
        """Take an accepted promise that asked for units beyond those that had been promised to it before."""
        left = row["available_after"]
        if left >= 0:
            return
        limits = self._limits.backorder_limits(row["sku"], row["recorded_at"])
        if limits is None or left >= -limits[1]:
            return
        what = f"an accepted {row['event_type']} was not covered"
        doubt = _Doubt(where, what, f">= {-limits[1]} left", left)
        if row["event_type"] == PLACE_RECORD:
            self._report.add(Kind.HOLD, *doubt)
        else:
            self._accepted[number] = doubt

    def rejected(self, where: str, identity: bytes, row: dict[str, Any]) -> None:
        """Take a promise that was rejected because there was not enough."""
        if row["reason"] != "INSUFFICIENT_STOCK" or row["available_after"] < row["quantity"]:
            return
        limits = self._limits.backorder_limits(row["sku"], row["recorded_at"])
        if limits is None or row["available_after"] + limits[0] < row["quantity"]:
            return
        expected = f"< {row['quantity'] - limits[0]}"
        self._rejected[identity] = _Doubt(
            where, f"a rejected {row['event_type']} was covered", expected, row["available_after"]
        )

    def judge_accepted(self, later: set[int]) -> None:
        """Report accepted orders that were not covered, those whose rows have other numbers than later ones'."""
        for number, doubt in self._accepted.items():
            if number not in later:
                self._report.add(Kind.ORDER, *doubt)

    def judge_rejected(self, identity: bytes) -> None:
        """Report a rejected order, which is not for a later day, if it was covered."""
        doubt = self._rejected.get(identity)
        if doubt is not None:
            self._report.add(Kind.ORDER, *doubt)
