"""What a batch of the stock agent writes and counts: shared by the desks that each do one kind of work."""

from collections import Counter

from streams import topology
from streams.agents import stock_codec as codec
from streams.domain import counts, validation
from streams.domain.alerts import Alert
from streams.domain.errors import Reason
from streams.domain.stock import Level, Stock
from streams.engine.batch import Batch
from streams.engine.recent import RecentNotes
from streams.engine.table import Table
from streams.settings import Settings

LEVELS, MOVEMENTS, ALERTS = (
    topology.STOCK_LEVELS.name,
    topology.STOCK_MOVEMENTS.name,
    topology.STOCK_ALERTS.name,
)


class Writing:
    """
    The batch in hand, the table of stock, and what is counted until the batch has committed.

    outcomes counts by (topic, outcome), refusals by (topic, kind, reason), alerts by kind, holds by what became of
    them, feeds by what was decided; sources has the latest occurred_at by source_id, UTC milliseconds; discrepancies
    has units "found" and "lost" by (location_id, which).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.levels: Table[Stock] = Table(LEVELS, codec.encode_level, codec.decode_level)
        # An hour more than a count may look back, for the clocks of workers that follow each other.
        hours_noted = settings.lateness_horizon_hours + 1
        self.recent = RecentNotes(counts.NOTE_BYTES, hours_noted)
        self._noted_milliseconds = hours_noted * validation.MILLISECONDS_PER_HOUR
        self.begin(None)

    def begin(self, batch: Batch | None) -> None:
        """Take the next batch in hand."""
        self.batch: Batch = batch  # type: ignore[assignment] # None only before the first batch.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.refusals: Counter[tuple[str, str, str]] = Counter()
        self.sources: dict[str, int] = {}
        self.alerts: Counter[str] = Counter()
        self.oversold_units = 0
        self.holds: Counter[str] = Counter()
        self.feeds: Counter[str] = Counter()
        self.discrepancies: Counter[tuple[str, str]] = Counter()
        self._noted_since = 0 if batch is None else batch.now - self._noted_milliseconds

    def note(
        self, partition: int, key: bytes, location_id: str, occurred_at: int, on_hand: int, reserved: int
    ) -> None:
        """
        Remember a delta, in units, for counts that look back (semantics 5).

        To be called for every delta of on_hand and every nominal change of reserved by orders, whoever makes it,
        unless the location's count covers it; later changes of the same event, such as a hold's confirmation,
        with their own time.
        """
        if occurred_at >= self._noted_since:
            self.recent.add(partition, key, counts.note(occurred_at, location_id, on_hand, reserved))

    def movement(
        self,
        partition: int,
        key: bytes,
        envelope: bytes,
        event_type: str,
        outcome: str,
        reason: Reason | None,
        occurred_at: int,
        before: Level,
        after: Level,
        version: int,
        reference: str | None = None,
    ) -> None:
        """Write a ledger row; envelope is the encoded first seven fields, before and after are of its location."""
        batch = self.batch
        late = validation.is_late(occurred_at, batch.now, self.settings.lateness_horizon_hours)
        _, on_hand, unsellable, reserved, held, safety_stock, _, _ = after
        movement = codec.write_movement(
            envelope,
            event_type,
            outcome,
            reason,
            late,
            before[1],
            on_hand,
            on_hand - unsellable - reserved - held - safety_stock,
            version,
            batch.now,
            unsellable,
            reserved,
            held,
            safety_stock,
            reference,
        )
        batch.emit(MOVEMENTS, partition, key, movement)

    def alert(self, partition: int, key: bytes, stock: Stock, alert: Alert, cause: str = "") -> None:
        """
        Raise an alert about a SKU; its id is the same whenever the same change is found again.

        cause belongs to the id where one version of a SKU may give rise to several alerts.
        """
        alert_id = f"{alert.kind}:{stock.sku}:{alert.location_id}:{stock.version}"
        self.raise_alert(partition, key, f"{alert_id}:{cause}" if cause else alert_id, stock, alert)

    def raise_alert(self, partition: int, key: bytes, alert_id: str, stock: Stock, alert: Alert) -> None:
        """Raise an alert under an id of its own, about a SKU or, with one named *, about all."""
        self.alerts[alert.kind] += 1
        value = codec.write_alert(
            alert_id,
            stock.sku,
            alert.location_id,
            alert.kind,
            alert.deficit,
            alert.order_ids,
            stock.version,
            stock.occurred_at,
            self.batch.now,
            alert.quantity,
            alert.references,
        )
        self.batch.emit(ALERTS, partition, key, value)

    def heard(self, source_id: str, occurred_at: int) -> None:
        """Remember how far a source has come."""
        if occurred_at > self.sources.get(source_id, 0):
            self.sources[source_id] = occurred_at
