"""Counts: what lies there according to someone who looked (semantics 5 and 6)."""

from streams.agents.movements import MovementDesk
from streams.agents.policies import PolicyBook
from streams.agents.writing import Writing
from streams.domain import alerts, availability, counts, feeds, fold, validation
from streams.domain.counts import CountInForce
from streams.domain.events import NET_OF_ORDERS, StockCounted
from streams.domain.stock import Level, Stock
from streams.engine.seen import identity_hash

COUNTED = StockCounted.__name__


class CountDesk:
    """
    Applies single counts, and rows of partial feeds, which are single counts that came together.

    What a full feed changes comes through here too, once the feed desk has found out what that is.
    """

    def __init__(self, writing: Writing, policies: PolicyBook, movements: MovementDesk) -> None:
        self._writing = writing
        self._policies = policies
        self._movements = movements
        self._in_force = movements.counts
        self._feeds = movements.feeds

    def check(self, partition: int, event: StockCounted) -> None:
        """
        Raise GiveUp unless a count makes sense beyond what every event must fulfil.

        A count that was taken before is a duplicate however old it is by now.
        """
        batch = self._writing.batch
        validation.check_count(event, batch.now)
        if not batch.seen.knows(partition, identity_hash(event.source_id.encode(), event.event_id.encode())):
            validation.check_age(event, batch.now, self._writing.settings.lateness_horizon_hours)

    def apply(self, partition: int, key: bytes, stock: Stock, event: StockCounted, envelope: bytes) -> str:
        """Apply a count and write its ledger row; return its outcome."""
        location_id = event.location_id
        before = self._based(partition, key, stock.level(location_id))
        trusted = self._policies.plan(key).sources_at(location_id).trusts(event.source_id)
        if not counts.supersedes(event, before.counted_at, self._in_force.get(partition, key, location_id)):
            outcome = fold.SUPERSEDED if trusted else fold.NOT_TRUSTED
            self.record(partition, key, event, envelope, outcome, before, before, stock.version)
            return outcome
        found = self.counted(partition, key, before, event.quantity, event.as_of, event.basis)
        outcome, changed = fold.NOT_TRUSTED, stock
        if trusted:
            outcome, changed = fold.APPLIED, self.settle(partition, key, stock, found, event.occurred_at)
            self._in_force.put(partition, key, CountInForce.of(event))
        if self.differs(stock, location_id, found.on_hand - before.on_hand, trusted=trusted):
            self._tell(partition, key, changed, event, found.on_hand - before.on_hand, trusted=trusted)
        after = changed.level(location_id)
        self.record(partition, key, event, envelope, outcome, before, after, changed.version)
        return outcome

    def _based(self, partition: int, key: bytes, level: Level) -> Level:
        """Return a level that says what it is based on: its own count, or the location's feed if that is later."""
        if not self._feeds.in_force:
            return level
        fed_at = self._feeds.counted_at(partition, key, level.location_id)
        return level._replace(counted_at=fed_at) if fed_at > level.counted_at else level

    def set_by_feed(
        self, partition: int, key: bytes, event: StockCounted, envelope: bytes, event_type: str = COUNTED
    ) -> bool:
        """
        Set a SKU as a full feed says, and write its ledger row; return False, with nothing written, if it is so.

        event is the row, or one made up for a SKU that the feed does not name. Doing it again changes nothing.
        """
        location_id = event.location_id
        stock = self._writing.levels.get(partition, key) or Stock(event.sku)
        before, single = stock.level(location_id), self._in_force.get(partition, key, location_id)
        if not feeds.counts(event.as_of, before.counted_at, None if single is None else single.as_of):
            return False
        found = self.counted(partition, key, before, event.quantity, event.as_of, event.basis)
        units = found.on_hand - before.on_hand
        if units == 0:
            return False
        changed = self.settle(partition, key, stock, found, event.occurred_at)
        if self.differs(stock, location_id, units, trusted=True):
            self._tell(partition, key, changed, event, units, trusted=True)
        after = changed.level(location_id)
        self.record(partition, key, event, envelope, fold.APPLIED, before, after, changed.version, event_type)
        return True

    def repeat(self, partition: int, key: bytes, stock: Stock, event: StockCounted, envelope: bytes) -> str:
        """Write the ledger row of a count that has been taken before."""
        level = stock.level(event.location_id)
        self.record(partition, key, event, envelope, fold.DUPLICATE, level, level, stock.version)
        return fold.DUPLICATE

    def counted(
        self, partition: int, key: bytes, level: Level, quantity: int, as_of: int, basis: str
    ) -> Level:
        """Return a level after a count of it that is newer than what it is based on; nothing is written."""
        notes = self._writing.recent.of(partition, key)
        if basis == NET_OF_ORDERS:
            lines = self._movements.lines.of(partition, key)
            open_orders = counts.nominal_reserved(lines, level.location_id)
        else:
            open_orders = 0
        return counts.counted(level, quantity, as_of, basis, notes, open_orders)

    def settle(self, partition: int, key: bytes, stock: Stock, level: Level, occurred_at: int) -> Stock:
        """Write a SKU's stock with a level that a count has set; return it, a version on."""
        latest = max(stock.occurred_at, occurred_at)
        locations = fold.with_level(stock.locations, level)
        changed = stock._replace(version=stock.version + 1, locations=locations, occurred_at=latest)
        if len(locations) > len(stock.locations):
            changed = availability.with_safety_stock(changed, self._policies.plan(key))
        self._writing.levels.put(partition, key, changed)
        return changed

    def differs(self, stock: Stock, location_id: str, units: int, *, trusted: bool) -> bool:
        """
        Return True when a count has found a discrepancy, and count its units as found or lost when it is trusted.

        stock is what was believed, units are counted less believed. The first that is heard of a SKU at a location
        is no discrepancy: nothing was believed.
        """
        if not trusted:
            return units != 0
        if all(level.location_id != location_id for level in stock.locations):
            units = 0
        # Both, and zeros too: of a counter that appears with its first units, Prometheus never sees those.
        self._writing.discrepancies[location_id, "found"] += max(0, units)
        self._writing.discrepancies[location_id, "lost"] += max(0, -units)
        return units != 0

    def _tell(
        self, partition: int, key: bytes, stock: Stock, event: StockCounted, units: int, *, trusted: bool
    ) -> None:
        """Tell people of a discrepancy beyond the threshold; what an untrusted source sees has no other effect."""
        threshold = self._policies.plan(key).discrepancy_threshold
        if threshold is None and not trusted:
            threshold = 0
        references = (event.source_id, event.event_id)
        alert = alerts.discrepancy(event.location_id, units, threshold, references)
        if alert is not None:
            caused = stock._replace(occurred_at=event.occurred_at)
            self._writing.alert(partition, key, caused, alert, "/".join(references))

    def record(
        self,
        partition: int,
        key: bytes,
        event: StockCounted,
        envelope: bytes,
        outcome: str,
        before: Level,
        after: Level,
        version: int,
        event_type: str = COUNTED,
    ) -> None:
        """Write the ledger row of a count; envelope is its encoded first seven fields."""
        occurred_at, feed_id = event.occurred_at, event.feed_id
        self._writing.movement(
            partition, key, envelope, event_type, outcome, None, occurred_at, before, after, version, feed_id
        )
