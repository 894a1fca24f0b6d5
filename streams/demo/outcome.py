"""What the demo found in the end, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from streams.demo.board import Latency, Snapshot
from streams.demo.message import Expected

DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The run as a whole.

    recovery_seconds is the time from a worker's kill until all that had been sent by then was in the ledger;
    verify_lines is what `onhand verify` said.
    """

    snapshot: Snapshot
    latency: Latency
    fed_seconds: float
    killed: str
    recovery_seconds: float | None
    is_verified: bool
    verify_lines: Sequence[str]

    def failures(self) -> list[str]:
        """Return what did not come out as it was put in, a sentence each; none when all is well."""
        shot = self.snapshot
        duplicates = shot.outcomes.get(DUPLICATE, 0)
        pairs = (
            ("events recorded in the ledger", shot.recorded_total - duplicates, Expected.RECORDED),
            ("duplicates recognised", duplicates, Expected.DUPLICATE),
            ("poison messages in dead letters", shot.dead_letters_total, Expected.DEAD_LETTER),
        )
        found = [
            f"{what}: {total:,} of {shot.sent.get(expected, 0):,}"
            for what, total, expected in pairs
            if total != shot.sent.get(expected, 0)
        ]
        if self.recovery_seconds is None:
            found.append(f"{self.killed} was killed, and what had been sent by then never came out")
        if not self.is_verified:
            found.append("onhand verify found differences")
        return found


def table_of(outcome: Outcome) -> Table:
    """Return the summary as a table of two columns."""
    shot, latency = outcome.snapshot, outcome.latency
    table = Table(title="The day in figures", title_justify="left", show_header=False, min_width=60)
    recovery = "never" if outcome.recovery_seconds is None else f"{outcome.recovery_seconds:.1f} s"
    seconds = max(outcome.fed_seconds, 1e-9)
    rows = [
        (
            "messages sent",
            f"{shot.sent_total:,} in {outcome.fed_seconds:.0f} s ({shot.sent_total / seconds:,.0f}/s)",
        ),
        ("applied", f"{shot.outcomes.get('APPLIED', 0):,}, {shot.late_total:,} of them late"),
        ("orders refused for lack of stock", f"{shot.outcomes.get('REJECTED', 0):,}"),
        ("duplicates, without effect", f"{shot.outcomes.get(DUPLICATE, 0):,}"),
        ("poison, all in dead letters", f"{shot.dead_letters_total:,} for {len(shot.dead_letters)} reasons"),
        ("oversold alerts", f"{shot.alerts.get('OVERSOLD', 0):,}"),
        ("latency, sent to visible", f"p50 {latency.p50_ms:.0f} ms, p99 {latency.p99_ms:.0f} ms"),
        (f"{outcome.killed} killed by signal 9", f"all caught up after {recovery}"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table
