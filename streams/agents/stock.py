"""
The stock agent: decode, apply, emit.

One call of apply is one transaction. Each record ends as exactly one of: applied (ledger, table, availability),
duplicate or rejected (ledger), forwarded to its right partition, waiting in a retry topic, or dead letter. This
module finds out what a record is and whether it may be applied; the desks beside it each do one kind of work:

    movements    sales, orders, returns, receipts, transfers, adjustments
    lines        what is open of orders, deliveries and transfers, and what time does to it
    counts       single counts, and rows of partial feeds
    feeds        full feeds: rows that wait for the others, and what becomes of all of them
    holds        checkout holds: requests, answers, expiry
    policies     documents, and the SKUs to re-evaluate after them
    items        SKU master data: what sources describe, merged
    bundles      what channels may sell of bundles, by what they may sell of components
    bundle_moves events of bundles, exploded into events of components, and orders for bundles
    sources      which sources were heard when, and whose silence is too long
    telling      what channels and people are told at the end of the batch
    refusals     retries, dead letters, records on a wrong partition
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from streams import topology
from streams.agents import hold_codec
from streams.agents import stock_codec as codec
from streams.agents.bundle_moves import BundleDesk
from streams.agents.bundles import BundleBook
from streams.agents.counts import CountDesk
from streams.agents.feed_book import FeedBook
from streams.agents.feeds import FeedDesk
from streams.agents.items import ItemBook, ItemChange, ItemDesk
from streams.agents.movements import MovementDesk
from streams.agents.policies import PolicyBook, concerns_many
from streams.agents.refusals import Refusals
from streams.agents.sources import SourceBook
from streams.agents.telling import Teller
from streams.agents.writing import Writing
from streams.domain import catalogue, fold, hold_requests, policy_rules, validation
from streams.domain import policy as policies
from streams.domain.days import day_of
from streams.domain.errors import EventRefused, GiveUp, NotYet, Reason
from streams.domain.events import FULL, INTRODUCING_EVENTS, OWN_SOURCE, StockCounted, StockEvent
from streams.domain.sku import InvalidSku, normalise_sku
from streams.domain.stock import Stock
from streams.engine.batch import Batch
from streams.engine.log import Record
from streams.engine.partitioner import partition_for
from streams.engine.seen import Verdict, content_hash, identity_hash
from streams.engine.table import Table
from streams.engine.wire import HEADER_BYTES
from streams.settings import Catalogue, Settings

SKUS_REEVALUATED = 1_000  # At a time after a change of policies or channels: about 20 ms, between batches.

POLICIES, IN_FORCE = topology.STOCK_POLICIES.name, topology.POLICIES_IN_FORCE.name
ITEMS, ITEMS_IN_FORCE = topology.STOCK_ITEMS.name, topology.ITEMS_IN_FORCE.name
ANSWERS = topology.BUNDLE_ANSWERS.name
RESERVATIONS = topology.STOCK_RESERVATIONS.name


class StockMonitor(Protocol):
    """Who is told what became of the events of a batch, once it has committed."""

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Take counts by (topic, outcome)."""

    def refused(self, reasons: Mapping[tuple[str, str, str], int]) -> None:
        """Take counts by (topic, "dead_letter" or "retry", reason)."""

    def alerts(self, kinds: Mapping[str, int]) -> None:
        """Take counts of alerts by kind."""

    def stale_sources(self, count: int) -> None:
        """Take how many sources are silent for longer than some policy allows."""

    def oversold(self, units: int) -> None:
        """Take units by which deficits have grown."""

    def counted(self, discrepancies: Mapping[tuple[str, str], int]) -> None:
        """Take units that counts found or missed, by (location_id, "found" or "lost")."""

    def holds(self, counts: Mapping[str, int]) -> None:
        """Take counts by what became of holds."""

    def feeds(self, decisions: Mapping[str, int]) -> None:
        """Take counts of full feeds by what was decided."""

    def sources(self, latest: Mapping[str, int]) -> None:
        """Take the latest occurred_at by source_id, UTC milliseconds."""


class StockAgent:
    """Applies batches to the stock table; a streams.engine.engine.Processor."""

    def __init__(self, settings: Settings, monitor: StockMonitor) -> None:
        self._settings = settings
        self._monitor = monitor
        self._writing = Writing(settings)
        self._levels = self._writing.levels
        self._items = ItemBook()
        self._policies = PolicyBook(settings.channels, self._items.category)
        self._refusals = Refusals(self._writing)
        feed_book, is_bundle = FeedBook(self._policies), self._items.bundles.__contains__
        self._movements = MovementDesk(self._writing, self._policies, is_bundle, feed_book)
        self._holds, self._lines = self._movements.holds, self._movements.lines
        self._counts = CountDesk(self._writing, self._policies, self._movements)
        self._feeds = FeedDesk(self._writing, self._policies, self._movements, self._counts, is_bundle)
        self._item_desk = ItemDesk(self._writing, self._items, settings.catalogue_authority)
        self._components = BundleBook(self._writing, self._items)
        self._bundles = BundleDesk(self._writing, self._items, self._movements)
        self._sources = SourceBook(self._writing)
        self._teller = Teller(
            self._writing, self._policies, self._sources, self._items, self._components, self._lines.of
        )
        self.tables: tuple[Table[Any], ...] = (
            self._levels,
            self._lines.table,
            self._movements.counts.table,
            self._holds.table,
            self._feeds.table,
            self._bundles.table,
        )
        self.recent = self._writing.recent
        self._globals: dict[str, Callable[[bytes, bytes | None], None]] = {
            IN_FORCE: self._take_policy,
            ITEMS_IN_FORCE: self._take_item,
            topology.COMPONENT_LEVELS.name: self._take_component,
            topology.SOURCES.name: self._sources.take,
            topology.FEEDS.name: feed_book.take,
        }
        self.global_topics = tuple(self._globals)
        self._appliers: dict[str, Callable[[Record], None]] = {
            POLICIES: self._apply_policy,
            ITEMS: self._apply_item,
            RESERVATIONS: self._apply_request,
            ANSWERS: self._bundles.take,
        }
        """What is applied by topic; everything else moves or sets stock."""
        self._stale: dict[tuple[int, bytes], None] = {}
        self._owned: set[int] = set()
        self._today = 0
        self._tells_all = codec.tells_all(settings.channels)
        self._strict = settings.catalogue is Catalogue.STRICT
        self._accepted: dict[bytes, tuple[policies.StockPolicySet, bytes]] = {}

    @property
    def pending(self) -> bool:
        """True while SKUs wait to be re-evaluated, holds and lines for what time does to them, or feeds to go on."""
        return bool(self._stale) or self._holds.pending or self._lines.pending or self._feeds.pending

    def take_global(self, record: Record) -> None:
        """Take what concerns all workers; the SKUs that it concerns are re-evaluated between batches."""
        self._globals[record.topic()](record.key() or b"", record.value())

    def _take_policy(self, key: bytes, encoded: bytes | None) -> None:
        if not self._policies.take(key, encoded):
            return
        document = self._policies.document(key)
        assert document is not None, "it was taken just now"
        self._sources.mention(key, document)
        if concerns_many(key):
            for partition in self._owned:
                self._mark_all(partition)
        else:
            self._mark(key)

    def _take_item(self, key: bytes, encoded: bytes | None) -> None:
        self._item_changed(key, self._items.take(key, encoded))

    def _item_changed(self, key: bytes, change: ItemChange) -> None:
        if change.category:
            self._policies.category_changed(key)
            self._mark(key)
        if change.components:
            for concerned in (key, *change.components):
                self._mark(concerned)

    def _take_component(self, key: bytes, encoded: bytes | None) -> None:
        if self._components.take(key, encoded):
            # The component too: if another worker had published it last, its owner now must know that it is right.
            for concerned in (key, *self._items.bundles_of.get(key, ())):
                self._mark(concerned)

    def _mark(self, key: bytes) -> None:
        """Have a SKU re-evaluated if it is ours."""
        partition = partition_for(key, self._settings.partitions)
        if partition in self._owned:
            self._stale[partition, key] = None

    def assigned(self, partition: int) -> None:
        """Own a restored partition; policies or the set of channels may have changed while nobody did."""
        self._owned.add(partition)
        self._holds.assigned(partition)
        self._lines.assigned(partition)
        self._mark_future(partition)
        for key in (*self._items.bundles, *self._items.bundles_of):
            self._mark(key)
        self._feeds.assigned(partition)
        if self._policies:
            self._mark_all(partition)
        else:
            tells_all, levels = self._tells_all, self._levels.encoded(partition)
            self._stale.update(((partition, key), None) for key, level in levels if not tells_all(level))

    def revoked(self, partition: int) -> None:
        """Own a partition no more."""
        self._owned.discard(partition)
        self._holds.revoked(partition)
        self._lines.revoked(partition)
        self._feeds.revoked(partition)
        self._stale = {item: None for item in self._stale if item[0] != partition}

    def apply(self, batch: Batch) -> None:
        """Apply a batch; on a tick only time and policies matter."""
        self._writing.begin(batch)
        self._accepted = {}
        self._item_desk.begin()
        self._components.begin()
        self._feeds.begin()
        self._bundles.begin()
        self._holds.pass_time()
        self._lines.pass_time()
        self._turn_day()
        appliers, apply = self._appliers, self._apply
        for record in self._feeds.intake.others(batch.records):
            try:
                appliers.get(record.topic(), apply)(record)
            except EventRefused as refusal:
                self._refusals.refuse(record, self._bundles.refuse(record, refusal))
        self._feeds.advance()
        self._writing.sources.pop(OWN_SOURCE, None)  # Nobody can hear from us that a source is alive.
        self._sources.listen()
        self._mark_places(self._sources.places(self._sources.look(self._owned.__contains__)))
        reevaluated = self._reevaluate()
        self._teller.tell()
        batch.after_commit(lambda: self._committed(reevaluated))

    def _committed(self, reevaluated: list[tuple[int, bytes]]) -> None:
        for item in reevaluated:
            self._stale.pop(item, None)
            self._lines.looked_at(*item)
        # At once, not when the global topic brings it back: the next batch may hold an older policy.
        for key, (_, encoded) in self._accepted.items():
            self._take_policy(key, encoded)
        for key, (_, encoded) in self._item_desk.accepted.items():
            self._item_changed(key, self._items.committed(key, encoded))
        for key, level in self._components.published.items():
            self._take_component(key, level)
        self._holds.committed()
        self._lines.committed()
        writing = self._writing
        self._monitor.events(writing.outcomes)
        self._monitor.refused(writing.refusals)
        self._monitor.sources(writing.sources)
        self._monitor.counted(writing.discrepancies)
        self._monitor.alerts(writing.alerts)
        self._monitor.stale_sources(len(self._sources.silences))
        if writing.oversold_units:
            self._monitor.oversold(writing.oversold_units)
        if writing.holds:
            self._monitor.holds(writing.holds)
        if writing.feeds:
            self._monitor.feeds(writing.feeds)

    # One record ------------------------------------------------------------------------------------------

    def _apply(self, record: Record) -> None:
        """Apply an event that moves or sets stock."""
        topic, data, partition = record.topic(), record.value(), record.partition()
        event, envelope_end = codec.read_event(topic, data)
        assert data is not None, "read_event refuses null values"
        key = self._checked_key(record, event.sku)
        validation.check(event, self._writing.batch.now)
        if isinstance(event, StockCounted):
            self._counts.check(partition, event)
            self._feeds.intake.check(partition, event)
        stock = self._levels.get(partition, key)
        if stock is None:
            if self._refusals.forward(record, key):
                return
            stock = self._new_stock(event)
        if self._bundles.active and self._bundles.concerns(partition, key, event):
            outcome = self._apply_to_bundle(record, key, stock, event, data[HEADER_BYTES:envelope_end])
        else:
            outcome = self._apply_to_stock(record, key, stock, event, data[HEADER_BYTES:envelope_end])
        if outcome is not None:
            self._writing.outcomes[topic, outcome] += 1
        self._writing.heard(event.source_id, event.occurred_at)

    def _apply_to_stock(
        self, record: Record, key: bytes, stock: Stock, event: StockEvent | StockCounted, envelope: bytes
    ) -> str:
        partition = record.partition()
        is_new = self._verdict(record, event.source_id, event.event_id) is not Verdict.DUPLICATE
        if isinstance(event, StockCounted):
            if event.feed_kind == FULL:
                # The ledger has what a feed changes, and nothing of rows that are only there.
                return (
                    self._feeds.intake.take(partition, event, record.value() or b"")
                    if is_new
                    else fold.DUPLICATE
                )
            count = self._counts.apply if is_new else self._counts.repeat
            return count(partition, key, stock, event, envelope)
        move = self._movements.apply if is_new else self._movements.repeat
        outcome = move(partition, key, stock, event, envelope, record)
        if event.source_id == OWN_SOURCE:
            self._bundles.reply(record, event, outcome)
        return outcome

    def _apply_to_bundle(
        self, record: Record, key: bytes, stock: Stock, event: StockEvent | StockCounted, envelope: bytes
    ) -> str | None:
        """Return the outcome; None for an order that components are asked for."""
        partition = record.partition()
        parts = self._bundles.parts(partition, key, event)
        if self._verdict(record, event.source_id, event.event_id) is Verdict.DUPLICATE:
            return self._bundles.repeat(partition, key, stock, event, envelope)
        return self._bundles.apply(partition, key, stock, event, envelope, parts)

    def _checked_key(self, record: Record, sku: str) -> bytes:
        """Return the record's key, which must be its SKU (design D4)."""
        key = record.key()
        if not key:
            raise GiveUp(Reason.INVALID_KEY, "the key is empty; it must be the SKU")
        if key != sku.encode():
            raise GiveUp(Reason.INVALID_KEY, f"the key is not the event's SKU {sku!r} in UTF-8")
        return key

    def _new_stock(self, event: StockEvent | StockCounted) -> Stock:
        """Return the stock of a SKU that the table does not hold."""
        _check_sku(event.sku)
        if self._strict and type(event) not in INTRODUCING_EVENTS and event.sku.encode() not in self._items:
            raise NotYet(Reason.UNKNOWN_SKU, f"SKU {event.sku!r} is not known to the catalogue yet")
        return Stock(event.sku)

    def _verdict(self, record: Record, source_id: str, event_id: str) -> Verdict:
        identity = identity_hash(source_id.encode(), event_id.encode())
        content = content_hash(record.value() or b"")
        verdict = self._writing.batch.seen.check(record.partition(), identity, content)
        if verdict is Verdict.CONFLICT:
            raise GiveUp(
                Reason.IDEMPOTENCY_CONFLICT, f"{source_id!r} has sent another event under the id {event_id!r}"
            )
        return verdict

    # Holds -----------------------------------------------------------------------------------------------

    def _apply_request(self, record: Record) -> None:
        data, partition = record.value(), record.partition()
        request = hold_codec.read_request(data)
        assert data is not None, "read_request refuses null values"
        key = self._checked_key(record, request.sku)
        hold_requests.check(request, self._writing.batch.now)
        if self._levels.get(partition, key) is None:
            if self._refusals.forward(record, key):
                return
            _check_sku(request.sku)
        verdict = self._verdict(record, request.source_id, request.event_id)
        self._lines.settle(partition, key)
        decide = self._holds.repeat if verdict is Verdict.DUPLICATE else self._holds.apply
        self._writing.outcomes[record.topic(), decide(partition, key, request)] += 1
        self._writing.heard(request.source_id, request.occurred_at)

    # Policies --------------------------------------------------------------------------------------------

    def _apply_policy(self, record: Record) -> None:
        data = record.value()
        policy = codec.read_policy(record.topic(), data)
        assert data is not None, "read_policy refuses null values"
        key = self._checked_key(record, policy.sku)
        if self._refusals.forward(record, key):
            return
        policy_rules.check(policy, self._writing.batch.now)
        verdict = self._verdict(record, policy.source_id, policy.event_id)
        if verdict is Verdict.DUPLICATE:
            outcome = fold.DUPLICATE
        elif policy.supersedes(
            self._accepted[key][0] if key in self._accepted else self._policies.document(key)
        ):
            self._accepted[key] = policy, data
            self._writing.batch.emit(IN_FORCE, record.partition(), key, data)
            outcome = fold.APPLIED
        else:
            outcome = fold.SUPERSEDED
        self._writing.outcomes[record.topic(), outcome] += 1

    def _apply_item(self, record: Record) -> None:
        data = record.value()
        described = codec.read_item_described(record.topic(), data)
        assert data is not None, "read_item_described refuses null values"
        key = self._checked_key(record, described.sku)
        if self._refusals.forward(record, key):
            return
        _check_sku(described.sku)
        catalogue.check(described, self._writing.batch.now)
        self._item_desk.check(key, described)
        verdict = self._verdict(record, described.source_id, described.event_id)
        if verdict is Verdict.DUPLICATE:
            outcome = fold.DUPLICATE
        else:
            outcome = self._item_desk.apply(record.partition(), key, described)
        self._writing.outcomes[record.topic(), outcome] += 1

    def _turn_day(self) -> None:
        """Have everything looked at again whose future is a day nearer."""
        today = day_of(self._writing.batch.now)
        if today != self._today:
            self._today = today
            for partition in self._owned:
                self._mark_future(partition)

    def _mark_future(self, partition: int) -> None:
        self._stale.update(((partition, key), None) for key in self._lines.with_future(partition))

    def _mark_all(self, partition: int) -> None:
        self._stale.update(((partition, key), None) for key in self._levels.keys(partition))

    def _mark_places(self, location_ids: set[str]) -> None:
        """Have the SKUs re-evaluated that have stock at some locations; under * all."""
        if policies.ANY in location_ids:
            for partition in self._owned:
                self._mark_all(partition)
        elif location_ids:
            # Looked for in the encoded values: decoding a million of them would take many seconds.
            found = re.compile(b"|".join(re.escape(codec.encoded_text(name)) for name in location_ids)).search
            for partition in self._owned:
                levels = self._levels.encoded(partition)
                self._stale.update(((partition, key), None) for key, level in levels if found(level))

    def _reevaluate(self) -> list[tuple[int, bytes]]:
        """Put a bounded number of SKUs into the write set for the channels to be told anew."""
        items = [item for item, _ in zip(self._stale, range(SKUS_REEVALUATED), strict=False)]
        for partition, key in items:
            stock = self._levels.get(partition, key)
            if stock is None and key in self._items.bundles:
                stock = Stock(key.decode())  # Channels are told of a bundle that no event has named.
            if stock is not None:
                self._levels.put(partition, key, stock)
        return items


def _check_sku(sku: str) -> None:
    """Raise GiveUp unless a SKU is spelled as its key must be."""
    try:
        if normalise_sku(sku) != sku:
            raise GiveUp(Reason.INVALID_SKU, f"{sku!r} is not a normalised SKU (NFC, no outer white space)")
    except InvalidSku as error:
        raise GiveUp(Reason.INVALID_SKU, str(error)) from None
