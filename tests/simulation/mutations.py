"""
Rules of the engine and of the log, each broken on purpose: the simulation must notice.

A mutation is a context in which one rule does not hold. The design's reason for the rule stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from streams.engine.batch import Batch
from streams.engine.engine import Engine
from streams.engine.errors import AbortableLogError
from streams.engine.log import Partition
from streams.engine.memory_log.cluster import MemoryCluster
from streams.engine.memory_log.groups import Group
from streams.engine.memory_log.producer import MemoryProducer
from streams.engine.memory_log.reader import MemoryReader
from streams.engine.restore import Restorer
from streams.engine.seen import SeenEvents
from streams.engine.table import Table

Mutation = Callable[[], AbstractContextManager[Any]]


def _metadata_taken_at_commit() -> AbstractContextManager[Any]:
    """D2: the metadata of an expelled member names nobody, and passes."""
    flush = Engine._flush

    def mutated(engine: Engine, batch: Batch) -> None:
        engine._group = engine._consumer.group_metadata()
        flush(engine, batch)

    return patch.object(Engine, "_flush", mutated)


def _ticks_without_fence() -> AbstractContextManager[Any]:
    """D2: only offsets make Kafka check the membership."""

    def mutated(engine: Engine, batch: Batch) -> None:
        for table in engine._tables.values():
            table.flush(engine._producer.produce)
        engine._seen.flush(engine._producer.produce, batch.now)
        if batch.records:
            assert engine._group is not None
            engine._producer.send_offsets(batch.next_offsets(), engine._group)

    return patch.object(Engine, "_flush", mutated)


def _restore_to_last_stable_offset() -> AbstractContextManager[Any]:
    """D3: a commit returns before its markers are everywhere, so records lie behind the last stable offset."""

    def mutated(reader: MemoryReader, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return {partition: reader._cluster.log(partition).last_stable_offset() for partition in partitions}

    return patch.object(MemoryReader, "end_offsets", mutated)


def _merged_before_commit() -> AbstractContextManager[Any]:
    """D2: what an aborted transaction wrote must not stay in the table."""

    def mutated(engine: Engine, batch: Batch) -> None:
        try:
            engine._flush(batch)
            for table in engine._tables.values():
                table.merge()
            engine._producer.commit()
        except AbortableLogError as error:
            engine._rewind(batch, error)
            return
        engine._seen.merge()

    return patch.object(Engine, "commit", mutated)


def _no_rewind_after_abort() -> AbstractContextManager[Any]:
    """D2: the records of an aborted batch must come again."""

    def mutated(engine: Engine, _batch: Batch, _error: AbortableLogError) -> None:
        for table in engine._tables.values():
            table.discard()
        engine._seen.discard()
        engine._producer.abort()

    return patch.object(Engine, "_rewind", mutated)


def _identities_not_committed() -> AbstractContextManager[Any]:
    """D5: who restarts must know what was seen."""
    flush = SeenEvents.flush

    def mutated(seen: SeenEvents, produce: Any, now: int) -> None:
        flush(seen, lambda *_: None, now)
        del produce

    return patch.object(SeenEvents, "flush", mutated)


def _offsets_not_in_the_transaction() -> AbstractContextManager[Any]:
    """D2: offsets that do not commit with the effects let events be lost or come twice."""

    def mutated(producer: MemoryProducer, offsets: dict[Partition, int], group: Any) -> None:
        producer._cluster.group(group.group_id)._offsets.update(offsets)

    return patch.object(MemoryProducer, "send_offsets", mutated)


def _offsets_before_records() -> AbstractContextManager[Any]:
    """The log's contract: offsets that overtake records let a takeover restore without them."""
    return patch.object(MemoryProducer, "flushes_before_offsets", new=False)


def _pending_offsets_ignored() -> AbstractContextManager[Any]:
    """KIP-447: an offset that a transaction may still change holds back who takes over."""
    return patch.object(Group, "unstable", lambda _group, _partition: False)


def _lost_taken_for_revoked() -> AbstractContextManager[Any]:
    """Others may have written since: what is parked as up to date no longer is."""

    def mutated(engine: Engine, partitions: list[Partition]) -> None:
        numbers = {number for _, number in partitions}
        engine._leave(numbers, kept=set(engine._restorer.park(numbers)))

    return patch.object(Engine, "_on_lost", mutated)


def _inputs_before_restore() -> AbstractContextManager[Any]:
    """D3: a partition's inputs wait until its tables are up to date."""
    begin = Restorer.begin

    @contextmanager
    def mutated() -> Iterator[None]:
        with (
            patch("streams.engine.memory_log.consumer.MemoryConsumer.pause", lambda *_: None),
            patch.object(Restorer, "begin", begin),
        ):
            yield

    return mutated()


def _discard_forgotten() -> AbstractContextManager[Any]:
    """D2: an aborted write set must not commit with the next batch."""
    return patch.object(Table, "discard", lambda _table: None)


def _time_stands_still() -> AbstractContextManager[Any]:
    """Without a clock no session ends: the run itself must notice that it is stuck."""
    return patch.object(MemoryCluster, "tick", lambda *_: None)


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__.strip("_"): partial(mutation)
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
