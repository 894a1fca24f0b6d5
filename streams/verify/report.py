"""What verification found."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

DIFFERENCES_KEPT = (
    10_000  # Of each kind, in full; further ones are counted. A broken run must not fill memory.
)


class Kind(StrEnum):
    """Kinds of differences."""

    TABLE = "TABLE"
    AVAILABILITY = "AVAILABILITY"
    VIEW = "VIEW"
    VERSION = "VERSION"
    LEDGER_GAP = "LEDGER_GAP"
    LEDGER_ROW = "LEDGER_ROW"
    LOST_EVENT = "LOST_EVENT"
    APPLIED_TWICE = "APPLIED_TWICE"
    DUPLICATE_COUNT = "DUPLICATE_COUNT"
    UNEXPLAINED_ROW = "UNEXPLAINED_ROW"
    ORDER = "ORDER"
    HOLD = "HOLD"
    ANSWER = "ANSWER"
    FEED = "FEED"
    BUNDLE = "BUNDLE"
    DEAD_LETTER_MISSING = "DEAD_LETTER_MISSING"
    DEAD_LETTER_UNFOUNDED = "DEAD_LETTER_UNFOUNDED"
    DEAD_LETTER_ALTERED = "DEAD_LETTER_ALTERED"
    FORWARD_MISSING = "FORWARD_MISSING"
    RETRY_LOST = "RETRY_LOST"
    POLICY = "POLICY"
    ALERT = "ALERT"
    MISPLACED = "MISPLACED"
    UNREADABLE_OUTPUT = "UNREADABLE_OUTPUT"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as recomputed: where (SKU or topic:partition:offset), and both sides."""

    kind: Kind
    where: str
    what: str
    expected: Any = None
    found: Any = None

    def sentence(self) -> str:
        """Return the difference in words."""
        text = f"{self.kind} {self.where}: {self.what}"
        if self.expected is None and self.found is None:
            return text
        return f"{text}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Report:
    """Differences by kind, counts of what was read, and notes for people."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)
    settled: bool = True
    _found: dict[Kind, list[Difference]] = field(default_factory=dict)
    _totals: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, where: str, what: str, expected: Any = None, found: Any = None) -> None:
        """Record a difference."""
        self._totals[kind] += 1
        kept = self._found.setdefault(kind, [])
        if len(kept) < DIFFERENCES_KEPT:
            kept.append(Difference(kind, where, what, expected, found))

    @property
    def totals(self) -> dict[Kind, int]:
        """Return how many differences there are by kind."""
        return dict(self._totals)

    @property
    def differences(self) -> list[Difference]:
        """Return the differences, at most DIFFERENCES_KEPT of each kind."""
        return [difference for kept in self._found.values() for difference in kept]

    @property
    def agrees(self) -> bool:
        """True when nothing differs and the system stood still, so that this means something."""
        return not self._totals and self.settled

    def as_json(self) -> dict[str, Any]:
        """Return the whole report for machines."""
        return {
            "agrees": self.agrees,
            "settled": self.settled,
            "counts": dict(self.counts),
            "notes": self.notes,
            "truncated": self.truncated,
            "difference_totals": {str(kind): total for kind, total in self._totals.items()},
            "differences": [asdict(difference) for difference in self.differences],
        }
