"""A batch: the records of one transaction, and everything that comes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streams.engine.log import Headers, Partition, Record, TransactionalProducer
from streams.engine.seen import SeenEvents


@dataclass(slots=True)
class Batch:
    """
    Records that are applied together or not at all; empty on a tick.

    `now` is milliseconds since 1970, the same for the whole batch. Whoever applies it writes into the tables,
    asks `seen` for each identity and emits; the engine adds tables, identities and offsets and commits.
    """

    records: Sequence[Record]
    now: int
    seen: SeenEvents
    producer: TransactionalProducer
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    emitted: int = 0

    def emit(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None:
        """Produce one record inside the transaction."""
        self.emitted += 1
        self.producer.produce(topic, partition, key, value, headers)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call action once the batch has committed, and not at all when it is aborted."""
        self.on_commit.append(action)

    def first_offsets(self) -> dict[Partition, int]:
        """Return the offset of each partition's first record, to rewind to."""
        first: dict[Partition, int] = {}
        for record in self.records:
            first.setdefault((record.topic(), record.partition()), record.offset())
        return first

    def next_offsets(self) -> dict[Partition, int]:
        """Return the offset behind each partition's last record, to commit."""
        return {(record.topic(), record.partition()): record.offset() + 1 for record in self.records}
