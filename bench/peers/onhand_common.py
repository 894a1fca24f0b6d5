"""
The common work on Onhand's engine: a Faust agent on a channel of batches, as the stock agent is one.

Nothing of it is the stock agent's: no deduplication of events, no ledger, no channels. Settings are those that
`onhand worker` has by default.
"""

import logging
import os
import time
from collections.abc import Sequence
from typing import Any

import faust

from bench.peers.work import schema
from streams.app import end_process, tune_collector
from streams.engine.batch import Batch
from streams.engine.channel import Pump, StockApp, agent_of
from streams.engine.codec import compile_reader, compile_writer
from streams.engine.engine import Engine, EngineConfig
from streams.engine.errors import EngineError
from streams.engine.kafka_log import KafkaLog
from streams.engine.log import Record
from streams.engine.recent import RecentNotes
from streams.engine.restore import Restored
from streams.engine.seen import content_hash, identity_hash
from streams.engine.table import Table

Quantities = tuple[tuple[str, int], ...]
State = tuple[str, int, Quantities, int]
"""SKU, version, quantity by location, timestamp of the last event: the fields of a State record."""

logger = logging.getLogger(__name__)


def add(state: State | None, event: tuple[Any, ...]) -> State:
    """Return a SKU's state with an event added."""
    _, sku, location, _, quantity, _, timestamp = event
    if state is None:
        return sku, 1, ((location, quantity),), timestamp
    _, version, quantities, _ = state
    for position, (known, held) in enumerate(quantities):
        if known == location:
            changed = (location, held + quantity)
            quantities = (*quantities[:position], changed, *quantities[position + 1 :])
            break
    else:
        quantities = (*quantities, (location, quantity))
    return sku, version + 1, quantities, timestamp


class CommonWork:
    """A streams.engine.engine.Processor: events in; each SKU's state to the table and to the output topic."""

    pending = False
    recent: RecentNotes | None = None
    global_topics: tuple[str, ...] = ()

    def __init__(self, changelog: str, output: str) -> None:
        self._output = output
        self._read_event = compile_reader(schema("Event"))
        self._write = compile_writer(schema("State"))
        read_state = compile_reader(schema("State"))
        self._encoded: dict[bytes, bytes] = {}
        self._states: Table[State] = Table(
            changelog,
            lambda key, _: self._encoded[key],  # Both topics get the same bytes: they are made once.
            lambda data: read_state(data, 0),
        )
        self.tables: Sequence[Table[Any]] = (self._states,)

    def take_global(self, record: Record) -> None:
        """Take nothing: no topic is read whole."""

    def assigned(self, partition: int) -> None:
        """Need nothing besides the restored table."""

    def revoked(self, partition: int) -> None:
        """Keep nothing besides the table, which the engine drops."""

    def apply(self, batch: Batch) -> None:
        """Apply a batch; a tick has nothing to do."""
        states, read = self._states, self._read_event
        for record in batch.records:
            partition, key, value = record.partition(), record.key(), record.value()
            assert key is not None, "the load has keys"
            assert value is not None, "the load has no tombstones"
            states.put(partition, key, add(states.get(partition, key), read(value, 0)))
        self._name_writer(batch)
        self._encoded.clear()
        for partition, key, state in states.written():
            assert state is not None, "nothing is deleted"
            encoded = self._encoded[key] = self._write(*state)
            batch.emit(self._output, partition, key, encoded)

    @staticmethod
    def _name_writer(batch: Batch) -> None:
        """
        Leave the identity of the batch where the engine expects those of its events.

        Those records name the transactional id: whoever waits behind a dead worker's transaction learns whose to end.
        """
        for (topic, partition), offset in batch.first_offsets().items():
            position = b"%d:%d" % (partition, offset)
            batch.seen.check(partition, identity_hash(topic.encode(), position), content_hash(position))


class Quiet:
    """A streams.engine.engine.Monitor that only says what went wrong."""

    def committed(self, batch: Batch, seconds: float) -> None:
        """Say nothing."""

    def aborted(self, _batch: Batch, error: EngineError) -> None:
        """Say that a batch was aborted."""
        logger.warning("aborted: %s", error)

    def restored(self, restored: Restored) -> None:
        """Say nothing."""

    def rebalanced(self, partitions: Sequence[int]) -> None:
        """Say nothing."""


def main() -> None:
    """Run until SIGTERM."""
    environment = os.environ
    changelog, output = environment["PEER_CHANGELOG"], environment["PEER_OUTPUT"]
    config = EngineConfig(
        environment["PEER_GROUP"],
        environment["PEER_WORKER"],
        (environment["PEER_INPUT"],),
        (output,),
        f"{changelog}-seen",
    )
    log = KafkaLog(environment["PEER_BOOTSTRAP_SERVERS"], int(environment["PEER_SESSION_MS"]))
    work = CommonWork(changelog, output)
    engine = Engine(log, config, work, Quiet(), lambda: time.time_ns() // 1_000_000, time.monotonic)
    app = StockApp(f"{config.group_id}-app", broker="kafka://", store="memory://", web_enabled=False)
    channel = app.channel()
    app.agent(channel, name="common")(agent_of(work.apply))
    pump = Pump(engine, channel, lambda: None, end_process)

    @app.task  # type: ignore[untyped-decorator] # Faust's decorators are untyped.
    async def feed() -> None:
        app.flow_control.resume()  # See streams/app.py: Faust's own consumer would do it.
        await app.add_runtime_dependency(pump)

    tune_collector()
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
