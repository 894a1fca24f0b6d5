"""
The stock agent: decode, apply, emit.

One call of apply is one transaction. Each record ends as exactly one of: applied (ledger, table, availability),
duplicate or rejected (ledger), forwarded to its right partition, waiting in a retry topic, or dead letter.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.dead_letters import attempts, dead_letter_headers, retry_delay_ms, retry_headers
from streams.agents.policies import PolicyBook
from streams.domain import alerts, availability, fold, lines, validation
from streams.domain import policy as policies
from streams.domain.errors import EventRefused, GiveUp, NotYet, Reason
from streams.domain.events import INTRODUCING_EVENTS, StockEvent
from streams.domain.lines import OpenLine
from streams.domain.sku import InvalidSku, normalise_sku
from streams.domain.stock import ChannelLevel, Stock
from streams.engine.batch import Batch
from streams.engine.log import Record
from streams.engine.partitioner import partition_for
from streams.engine.seen import Verdict, content_hash, identity_hash
from streams.engine.table import Table
from streams.engine.wire import HEADER_BYTES
from streams.settings import Catalogue, Settings

FORWARDED_FROM = "onhand-forwarded-from"
SKUS_REEVALUATED = 1_000  # At a time after a change of policies or channels: about 20 ms, between batches.

LEVELS, MOVEMENTS, ALERTS = (
    topology.STOCK_LEVELS.name,
    topology.STOCK_MOVEMENTS.name,
    topology.STOCK_ALERTS.name,
)
POLICIES, IN_FORCE = topology.STOCK_POLICIES.name, topology.POLICIES_IN_FORCE.name


class StockMonitor(Protocol):
    """Who is told what became of the events of a batch, once it has committed."""

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Take counts by (topic, outcome)."""

    def refused(self, reasons: Mapping[tuple[str, str, str], int]) -> None:
        """Take counts by (topic, "dead_letter" or "retry", reason)."""

    def oversold(self, units: int) -> None:
        """Take units by which deficits have grown."""

    def sources(self, latest: Mapping[str, int]) -> None:
        """Take the latest occurred_at by source_id, UTC milliseconds."""


class StockAgent:
    """Applies batches to the stock table; a streams.engine.engine.Processor."""

    def __init__(self, settings: Settings, monitor: StockMonitor) -> None:
        self._settings = settings
        self._monitor = monitor
        self._levels: Table[Stock] = Table(LEVELS, codec.encode_level, codec.decode_level)
        self._lines: Table[OpenLine] = Table(
            topology.OPEN_LINES.name, codec.encode_line, codec.decode_line, codec.sku_of_line
        )
        self.tables: tuple[Table[Any], ...] = (self._levels, self._lines)
        self.global_topics = (IN_FORCE,)
        self._policies = PolicyBook(settings.channels)
        self._stale: dict[tuple[int, bytes], None] = {}
        self._owned: set[int] = set()
        self._availability = {
            channel_id: (topology.availability_topic(channel_id).name, write)
            for channel_id, write in codec.availability_writers(settings.channels).items()
        }
        self._tells_all = codec.tells_all(settings.channels)
        self._strict = settings.catalogue is Catalogue.STRICT
        self._begin(None)

    @property
    def pending(self) -> bool:
        """True while SKUs wait to be re-evaluated after a change of policies or channels."""
        return bool(self._stale)

    def take_global(self, record: Record) -> None:
        """Take a policy in force; the SKUs that it concerns are re-evaluated between batches."""
        self._take_policy(record.key() or b"", record.value())

    def _take_policy(self, key: bytes, encoded: bytes | None) -> None:
        if not self._policies.take(key, encoded):
            return
        if key == policies.ANY.encode():
            for partition in self._owned:
                self._mark_all(partition)
        else:
            partition = partition_for(key, self._settings.partitions)
            if partition in self._owned:
                self._stale[partition, key] = None

    def assigned(self, partition: int) -> None:
        """Own a restored partition; policies or the set of channels may have changed while nobody did."""
        self._owned.add(partition)
        if self._policies:
            self._mark_all(partition)
        else:
            tells_all, levels = self._tells_all, self._levels.encoded(partition)
            self._stale.update(((partition, key), None) for key, level in levels if not tells_all(level))

    def revoked(self, partition: int) -> None:
        """Own a partition no more."""
        self._owned.discard(partition)
        self._stale = {item: None for item in self._stale if item[0] != partition}

    def apply(self, batch: Batch) -> None:
        """Apply a batch; on a tick only time and policies matter."""
        self._begin(batch)
        for record in batch.records:
            try:
                self._apply(record)
            except NotYet as refusal:
                self._retry(record, refusal)
            except EventRefused as refusal:
                self._dead_letter(record, refusal)
        reevaluated = self._reevaluate()
        self._tell_channels()
        batch.after_commit(lambda: self._committed(reevaluated))

    def _begin(self, batch: Batch | None) -> None:
        self._batch: Batch = batch  # type: ignore[assignment] # None only before the first batch.
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._refusals: Counter[tuple[str, str, str]] = Counter()
        self._sources: dict[str, int] = {}
        self._oversold_units = 0
        self._accepted: dict[bytes, tuple[policies.StockPolicySet, bytes]] = {}

    def _committed(self, reevaluated: list[tuple[int, bytes]]) -> None:
        for item in reevaluated:
            self._stale.pop(item, None)
        # At once, not when the global topic brings it back: the next batch may hold an older policy.
        for key, (_, encoded) in self._accepted.items():
            self._take_policy(key, encoded)
        self._monitor.events(self._outcomes)
        self._monitor.refused(self._refusals)
        self._monitor.sources(self._sources)
        if self._oversold_units:
            self._monitor.oversold(self._oversold_units)

    # One record ------------------------------------------------------------------------------------------

    def _apply(self, record: Record) -> None:
        topic = record.topic()
        if topic == POLICIES:
            self._apply_policy(record)
            return
        data, partition = record.value(), record.partition()
        event, envelope_end = codec.read_event(topic, data)
        assert data is not None, "read_event refuses null values"
        key = self._checked_key(record, event.sku)
        validation.check(event, self._batch.now)
        stock = self._levels.get(partition, key)
        if stock is None:
            if self._forward(record, key):
                return
            stock = self._new_stock(event)
        verdict = self._verdict(record, event.source_id, event.event_id, data)
        if verdict is Verdict.DUPLICATE:
            level = stock.level(event.location_id)
            outcome = fold.Outcome(stock, None, level, level, fold.DUPLICATE)
        else:
            outcome = self._fold(partition, key, stock, event)
        self._record_movement(partition, key, data[HEADER_BYTES:envelope_end], event, outcome)
        self._outcomes[topic, outcome.outcome] += 1
        if event.occurred_at > self._sources.get(event.source_id, 0):
            self._sources[event.source_id] = event.occurred_at

    def _checked_key(self, record: Record, sku: str) -> bytes:
        """Return the record's key, which must be its SKU (design D4)."""
        key = record.key()
        if not key:
            raise GiveUp(Reason.INVALID_KEY, "the key is empty; it must be the SKU")
        if key != sku.encode():
            raise GiveUp(Reason.INVALID_KEY, f"the key is not the event's SKU {sku!r} in UTF-8")
        return key

    def _new_stock(self, event: StockEvent) -> Stock:
        """Return the stock of a SKU that the table does not hold."""
        _check_sku(event.sku)
        if self._strict and type(event) not in INTRODUCING_EVENTS:
            raise NotYet(Reason.UNKNOWN_SKU, f"SKU {event.sku!r} is not known to the catalogue yet")
        return Stock(event.sku)

    def _forward(self, record: Record, key: bytes) -> bool:
        """
        Send a record on to its right partition; return False when it stands there already.

        Only for SKUs that the table does not hold: those that it holds are at home here.
        """
        right = partition_for(key, self._settings.partitions)
        if right == record.partition():
            return False
        origin = f"{record.topic()}-{record.partition()}-{record.offset()}".encode()
        headers = [*(record.headers() or ()), (FORWARDED_FROM, origin)]
        self._batch.emit(record.topic(), right, record.key(), record.value(), headers)
        self._outcomes[record.topic(), "FORWARDED"] += 1
        return True

    def _verdict(self, record: Record, source_id: str, event_id: str, data: bytes) -> Verdict:
        identity = identity_hash(source_id.encode(), event_id.encode())
        verdict = self._batch.seen.check(record.partition(), identity, content_hash(data))
        if verdict is Verdict.CONFLICT:
            raise GiveUp(
                Reason.IDEMPOTENCY_CONFLICT, f"{source_id!r} has sent another event under the id {event_id!r}"
            )
        return verdict

    def _fold(self, partition: int, key: bytes, stock: Stock, event: StockEvent) -> fold.Outcome:
        """Fold an event into its SKU, and into the line that it belongs to."""
        empty = lines.line_of(event)
        if empty is None:
            outcome = fold.apply(stock, event)
        else:
            line_key = codec.line_key(key, empty)
            line = self._lines.get(partition, line_key) or empty
            outcome = fold.apply(stock, event, line)
            if outcome.outcome is fold.APPLIED and outcome.line is not None:
                self._lines.put(partition, line_key, None if outcome.line.settled else outcome.line)
                if alert := alerts.over_shipment(line, outcome.line, event):
                    self._raise_alert(partition, key, outcome.stock, alert)
        if outcome.outcome is fold.APPLIED:
            if len(outcome.stock.locations) > len(stock.locations):
                outcome = self._with_new_location(key, event, outcome)
            self._levels.put(partition, key, outcome.stock)
        return outcome

    def _with_new_location(self, key: bytes, event: StockEvent, outcome: fold.Outcome) -> fold.Outcome:
        """Keep a new location's safety stock back at once: the next order in the same batch asks for it."""
        stock = availability.with_safety_stock(outcome.stock, self._policies.plan(key))
        return outcome._replace(stock=stock, after=stock.level(event.location_id))

    def _record_movement(
        self, partition: int, key: bytes, envelope: bytes, event: StockEvent, outcome: fold.Outcome
    ) -> None:
        now, after = self._batch.now, outcome.after
        late = validation.is_late(event, now, self._settings.lateness_horizon_hours)
        movement = codec.write_movement(
            envelope,
            type(event).__name__,
            outcome.outcome,
            outcome.reason,
            late,
            outcome.before[1],
            after[1],
            after.available,
            outcome.stock[1],
            now,
        )
        self._batch.emit(MOVEMENTS, partition, key, movement)

    # Refusals --------------------------------------------------------------------------------------------

    def _retry(self, record: Record, refusal: NotYet) -> None:
        attempt = attempts(record.headers()) + 1
        if attempt > self._settings.retry_attempts:
            message = f"{refusal.reason} after {attempt - 1} retries: {refusal.message}"
            self._dead_letter(record, GiveUp(Reason.RETRIES_EXHAUSTED, message))
            return
        not_before = self._batch.now + retry_delay_ms(attempt, self._settings.retry_delay_seconds)
        headers = retry_headers(record, refusal.reason, refusal.message, attempt, not_before)
        self._send_aside(record, f"{record.topic()}-retry", headers)
        self._refusals[record.topic(), "retry", refusal.reason] += 1

    def _dead_letter(self, record: Record, refusal: EventRefused) -> None:
        headers = dead_letter_headers(record, refusal.reason, refusal.message)
        self._send_aside(record, f"{record.topic()}-dlq", headers)
        self._refusals[record.topic(), "dead_letter", refusal.reason] += 1

    def _send_aside(self, record: Record, topic: str, headers: list[tuple[str, bytes]]) -> None:
        self._batch.emit(topic, record.partition(), record.key(), record.value(), headers)

    # Policies --------------------------------------------------------------------------------------------

    def _apply_policy(self, record: Record) -> None:
        data = record.value()
        policy = codec.read_policy(record.topic(), data)
        assert data is not None, "read_policy refuses null values"
        key = self._checked_key(record, policy.sku)
        if self._forward(record, key):
            return
        _check_sku(policy.sku)
        policies.check(policy, self._batch.now)
        verdict = self._verdict(record, policy.source_id, policy.event_id, data)
        if verdict is Verdict.DUPLICATE:
            outcome = fold.DUPLICATE
        elif policy.supersedes(
            self._accepted[key][0] if key in self._accepted else self._policies.document(key)
        ):
            self._accepted[key] = policy, data
            self._batch.emit(IN_FORCE, record.partition(), key, data)
            outcome = fold.APPLIED
        else:
            outcome = "SUPERSEDED"
        self._outcomes[record.topic(), outcome] += 1

    def _mark_all(self, partition: int) -> None:
        self._stale.update(((partition, key), None) for key in self._levels.keys(partition))

    def _reevaluate(self) -> list[tuple[int, bytes]]:
        """Put a bounded number of SKUs into the write set for the channels to be told anew."""
        items = [item for item, _ in zip(self._stale, range(SKUS_REEVALUATED), strict=False)]
        for partition, key in items:
            stock = self._levels.get(partition, key)
            if stock is not None:
                self._levels.put(partition, key, stock)
        return items

    # What comes of a batch -------------------------------------------------------------------------------

    def _tell_channels(self) -> None:
        """Bring every touched SKU's policy and availability up to date; emit what is new."""
        now, levels = self._batch.now, self._levels
        for partition, key, written in list(levels.written()):
            if written is None:
                continue
            before = levels.committed(partition, key)
            plan = self._policies.plan(key)
            stock = self._under_plan(written, plan, before)
            if before is not None and stock[1] == before[1]:
                levels.unput(partition, key)
                continue
            availabilities, news = availability.told(stock, plan)
            stock = Stock(stock[0], stock[1], stock[2], availabilities, stock[4], now)
            levels.put(partition, key, stock)
            if news:
                self._tell(partition, key, stock, news)
            if alerts.has_deficit(stock) or (before is not None and alerts.has_deficit(before)):
                self._alert_oversell(partition, key, before, stock)

    def _under_plan(self, stock: Stock, plan: policies.Plan, before: Stock | None) -> Stock:
        """Return the stock with its safety stock; a re-evaluation that changes something is a new version."""
        stock = availability.with_safety_stock(stock, plan)
        unchanged_version = before is not None and before.version == stock.version
        if unchanged_version and (stock != before or availability.told(stock, plan)[1]):
            return stock._replace(version=stock.version + 1)
        return stock

    def _tell(self, partition: int, key: bytes, stock: Stock, news: Iterable[ChannelLevel]) -> None:
        emit, sku = self._batch.emit, codec.encoded_sku(key)
        rest = codec.availability_rest(stock.version, stock.occurred_at, self._batch.now)
        for channel_id, units, _ in news:
            topic, write = self._availability[channel_id]
            emit(topic, partition, key, write(sku, units, rest))

    def _alert_oversell(self, partition: int, key: bytes, before: Stock | None, after: Stock) -> None:
        levels_before = () if before is None else before.locations
        for alert in alerts.oversell_alerts(levels_before, after.locations):
            known = -min(0, Stock("", locations=levels_before).level(alert.location_id).available)
            self._oversold_units += max(0, alert.deficit - known)
            self._raise_alert(partition, key, after, alert)

    def _raise_alert(self, partition: int, key: bytes, stock: Stock, alert: alerts.Alert) -> None:
        orders = list(alert.order_ids)
        if alert.kind == alerts.OVERSOLD:
            open_lines = self._lines.group(partition, key)
            orders = alerts.affected_orders(open_lines, alert.location_id, alert.deficit)
        value = codec.write_alert(
            f"{alert.kind}:{stock.sku}:{alert.location_id}:{stock.version}",
            stock.sku,
            alert.location_id,
            alert.kind,
            alert.deficit,
            orders,
            stock.version,
            stock.occurred_at,
            self._batch.now,
        )
        self._batch.emit(ALERTS, partition, key, value)


def _check_sku(sku: str) -> None:
    """Raise GiveUp unless a SKU is spelled as its key must be (`*`, of policies for every SKU, is)."""
    try:
        if normalise_sku(sku) != sku:
            raise GiveUp(Reason.INVALID_SKU, f"{sku!r} is not a normalised SKU (NFC, no outer white space)")
    except InvalidSku as error:
        raise GiveUp(Reason.INVALID_SKU, str(error)) from None
