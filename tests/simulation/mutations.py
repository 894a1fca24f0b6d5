"""
Rules of the engine and of the log, each broken on purpose: the simulation must notice.

A mutation is a context in which one rule does not hold. The design's reason for the rule stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

from streams.agents.holds import HoldDesk
from streams.engine.batch import Batch
from streams.engine.engine import Engine
from streams.engine.log import GroupMetadata, Partition
from streams.engine.memory_log import producer as producer_module
from streams.engine.memory_log.consumer import MemoryConsumer
from streams.engine.memory_log.groups import Group
from streams.engine.memory_log.producer import MemoryProducer
from streams.engine.memory_log.reader import MemoryReader
from streams.engine.recent import RecentNotes
from streams.engine.table import Table
from tests.simulation.counting import SEEN

Mutation = Callable[[], AbstractContextManager[Any]]


def _metadata_taken_at_commit() -> AbstractContextManager[Any]:
    """D2: the metadata of an expelled member names nobody, and passes."""
    flush = Engine._flush

    def mutated(engine: Engine, batch: Batch) -> None:
        engine._group = engine._consumer.group_metadata()
        flush(engine, batch)

    return patch.object(Engine, "_flush", mutated)


def _ticks_without_fence() -> AbstractContextManager[Any]:
    """D2: only offsets make Kafka check the membership, so a tick must send some too."""
    send_offsets = MemoryProducer.send_offsets

    def mutated(producer: MemoryProducer, offsets: Mapping[Partition, int], group: GroupMetadata) -> None:
        if all(topic != SEEN for topic, _ in offsets):
            send_offsets(producer, offsets, group)

    return patch.object(MemoryProducer, "send_offsets", mutated)


def _restore_to_last_stable_offset() -> AbstractContextManager[Any]:
    """D3: a commit returns before its markers are everywhere, so records lie behind the last stable offset."""

    def mutated(reader: MemoryReader, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return {partition: reader._cluster.log(partition).last_stable_offset() for partition in partitions}

    return patch.object(MemoryReader, "end_offsets", mutated)


def _merged_before_commit() -> AbstractContextManager[Any]:
    """D2: what an aborted transaction wrote must not stay in the table."""
    flush = Engine._flush

    def mutated(engine: Engine, batch: Batch) -> None:
        flush(engine, batch)
        for table in engine._tables.values():
            table.merge()

    return patch.object(Engine, "_flush", mutated)


def _no_rewind_after_abort() -> AbstractContextManager[Any]:
    """D2: the records of an aborted batch must come again."""
    return patch.object(MemoryConsumer, "seek", lambda *_: None)


def _identities_not_committed() -> AbstractContextManager[Any]:
    """D5: who restarts must know what was seen."""
    produce = MemoryProducer.produce

    def mutated(producer: MemoryProducer, topic: str, *rest: Any) -> None:
        if topic != SEEN:
            produce(producer, topic, *rest)

    return patch.object(MemoryProducer, "produce", mutated)


def _offsets_not_in_the_transaction() -> AbstractContextManager[Any]:
    """D2: offsets that do not commit with the effects let events be lost or come twice."""

    def mutated(producer: MemoryProducer, offsets: Mapping[Partition, int], group: Any) -> None:
        target = producer._cluster.group(group.group_id)
        target.stage(0, offsets)
        target.mark(0, committed=True)

    return patch.object(MemoryProducer, "send_offsets", mutated)


def _offsets_before_records() -> AbstractContextManager[Any]:
    """The log's contract: offsets that overtake records let a takeover restore without them."""
    stack = ExitStack()
    stack.enter_context(patch.object(MemoryProducer, "flushes_before_offsets", new=False))
    stack.enter_context(patch.object(producer_module, "FLUSH_PROBABILITY", 0.0))
    return stack


def _pending_offsets_ignored() -> AbstractContextManager[Any]:
    """KIP-447: an offset that a transaction may still change holds back who takes over."""
    return patch.object(Group, "unstable", lambda _group, _partition: False)


def _lost_taken_for_revoked() -> AbstractContextManager[Any]:
    """Others may have written since: what is parked as up to date, without asking the broker, no longer is."""

    def mutated(engine: Engine, partitions: list[Partition]) -> None:
        numbers = {number for _, number in partitions}
        engine._leave(numbers, kept=set(engine._restorer.park(numbers)))

    return patch.object(Engine, "_on_lost", mutated)


def _inputs_before_restore() -> AbstractContextManager[Any]:
    """D3: a partition's inputs wait until its tables are up to date."""
    return patch.object(MemoryConsumer, "pause", lambda *_: None)


def _discard_forgotten() -> AbstractContextManager[Any]:
    """D2: an aborted write set must not commit with the next batch."""
    return patch.object(Table, "discard", lambda _table: None)


def _notes_lost_at_restart() -> AbstractContextManager[Any]:
    """Semantics 5: a count looks back at what happened after it, also when another worker applied that."""
    return patch.object(RecentNotes, "restore", lambda *_: None)


def _holds_not_indexed_at_restart() -> AbstractContextManager[Any]:
    """Semantics 4: a hold ends by itself, whoever owns its partition by then."""
    return patch.object(HoldDesk, "assigned", lambda desk, partition: desk._deadlines.open(partition))


STOCK_MUTATIONS: dict[str, Mutation] = {
    mutation.__name__.strip("_"): mutation
    for mutation in (
        _notes_lost_at_restart,
        _holds_not_indexed_at_restart,
    )
}
"""Rules of the stock agent's own state, which the counting scenario has nothing of."""

MUTATIONS: dict[str, Mutation] = {
    mutation.__name__.strip("_"): mutation
    for mutation in (
        _metadata_taken_at_commit,
        _ticks_without_fence,
        _restore_to_last_stable_offset,
        _merged_before_commit,
        _no_rewind_after_abort,
        _identities_not_committed,
        _offsets_not_in_the_transaction,
        _offsets_before_records,
        _pending_offsets_ignored,
        _lost_taken_for_revoked,
        _inputs_before_restore,
        _discard_forgotten,
    )
}
