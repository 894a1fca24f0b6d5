"""
The order desk: statements of orders in, events of stock out, what was told kept between them.

A streams.engine.engine.Processor. One call of apply is one transaction: the events, what is told of the orders now,
and the offsets of the statements commit together, so that whatever is redelivered or read again tells nothing twice.
An order has one writer: the owner of the partition that its key (account:order) belongs to.

Each statement ends as exactly one of: told (with or without events), duplicate, forwarded to its right partition, or
dead letter.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from connectors.body import Untranslatable
from connectors.order_desk import NOTHING_TOLD, tell
from connectors.publish import cloudevents_headers
from connectors.translation import Event
from schemas import wire
from streams import topology
from streams.agents.dead_letters import dead_letter_headers, last_header
from streams.engine.batch import Batch
from streams.engine.log import Record
from streams.engine.partitioner import partition_for
from streams.engine.recent import RecentNotes
from streams.engine.seen import Verdict, content_hash, identity_hash
from streams.engine.table import Table
from streams.orders.codec import Kept, NoStatement, decode_kept, encode_kept, read_statement

ORDERS = topology.CHANNEL_ORDERS.name
DEAD_LETTERS = topology.dead_letter_topic(topology.CHANNEL_ORDERS).name

TRACE_HEADERS = ("traceparent", "tracestate")
"""W3C Trace Context: whoever follows a webhook finds the events that came of it."""

UNDECODABLE, INVALID_KEY, UNTRANSLATABLE = "UNDECODABLE", "INVALID_KEY", "UNTRANSLATABLE"
TOLD, NOTHING_NEW, DUPLICATE, FORWARDED = "TOLD", "NOTHING_NEW", "DUPLICATE", "FORWARDED"


class DeskMonitor(Protocol):
    """Who is told what became of statements, once their batch has committed."""

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Take counts by (topic, outcome)."""

    def refused(self, reasons: Mapping[tuple[str, str, str], int]) -> None:
        """Take counts by (topic, "dead_letter", reason)."""


class _Refused(Exception):
    """A statement that can't be told; reason for machines, message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OrderDesk:
    """Turns batches of statements into events; partitions is the number that every keyed topic has."""

    pending = False
    recent: RecentNotes | None = None
    global_topics: tuple[str, ...] = ()

    def __init__(self, partitions: int, monitor: DeskMonitor) -> None:
        self._partitions = partitions
        self._monitor = monitor
        self._told: Table[Kept] = Table(topology.CHANNEL_ORDERS_TOLD.name, encode_kept, decode_kept)
        self.tables: tuple[Table[Any], ...] = (self._told,)

    def take_global(self, record: Record) -> None:
        """Take nothing: no topic is read whole."""

    def assigned(self, partition: int) -> None:
        """Need nothing besides the restored table."""

    def revoked(self, partition: int) -> None:
        """Keep nothing besides the table, which the engine drops."""

    def apply(self, batch: Batch) -> None:
        """Apply a batch; a tick has nothing to do."""
        outcomes: Counter[tuple[str, str]] = Counter()
        refusals: Counter[tuple[str, str, str]] = Counter()
        for record in batch.records:
            try:
                outcomes[ORDERS, self._apply(batch, record)] += 1
            except _Refused as refusal:
                headers = dead_letter_headers(record, refusal.reason, str(refusal))
                batch.emit(DEAD_LETTERS, record.partition(), record.key(), record.value(), headers)
                refusals[ORDERS, "dead_letter", refusal.reason] += 1
        batch.after_commit(lambda: self._committed(outcomes, refusals))

    def _committed(self, outcomes: Counter[tuple[str, str]], refusals: Counter[tuple[str, str, str]]) -> None:
        self._monitor.events(outcomes)
        self._monitor.refused(refusals)

    def _apply(self, batch: Batch, record: Record) -> str:
        data, partition, key = record.value(), record.partition(), record.key()
        try:
            statement = read_statement(data)
        except NoStatement as error:
            raise _Refused(UNDECODABLE, str(error)) from None
        assert data is not None, "read_statement refuses null values"
        if key != statement.key:
            raise _Refused(INVALID_KEY, "the key is not account_id:order_id of the statement in UTF-8")
        right = partition_for(key, self._partitions)
        if right != partition:
            batch.emit(ORDERS, right, key, data, record.headers())
            return FORWARDED
        kept = self._told.get(partition, key)
        try:
            events, told = tell(statement.account, statement.order, kept.told if kept else NOTHING_TOLD)
        except Untranslatable as refusal:
            raise _Refused(UNTRANSLATABLE, str(refusal)) from None
        # Asked although telling is idempotent: the identities of a batch name its writer, and whoever takes over
        # from one that froze must learn whose transaction to end.
        if batch.seen.check(partition, identity_hash(key, data), content_hash(data)) is Verdict.DUPLICATE:
            return DUPLICATE
        if kept is not None and told == kept.told:
            return NOTHING_NEW
        for event in events:
            self._emit(batch, record, event)
        self._told.put(partition, key, Kept(told, batch.now))
        return TOLD

    def _emit(self, batch: Batch, record: Record, event: Event) -> None:
        name, value = event
        key = value["sku"].encode()
        traced = [(header, last_header(record.headers(), header)) for header in TRACE_HEADERS]
        headers = [
            *cloudevents_headers(name, value),
            *((header, found) for header, found in traced if found is not None),
        ]
        topic = topology.EVENT_TOPICS[name].name
        batch.emit(topic, partition_for(key, self._partitions), key, wire.encode(name, value), headers)  # type: ignore[arg-type] # all of them are bytes.
