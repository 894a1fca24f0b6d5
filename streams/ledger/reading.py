"""Reading one SKU's part of the ledger: its partition, from a moment or from the beginning, up to now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from streams.engine.log import Record
from streams.engine.partitioner import partition_for
from streams.ledger.chain import Chain, Entry
from streams.ledger.movement import Movement, UnreadableRow
from streams.topology import STOCK_MOVEMENTS
from streams.verify.plan import Partition
from streams.verify.reading import KafkaReader


@dataclass(frozen=True, slots=True)
class Question:
    """
    What is asked of the ledger.

    sku is normalised; without location_id all of its locations are meant; since is UTC milliseconds of when a
    row was recorded, None for all that there is.
    """

    sku: str
    location_id: str | None = None
    since: int | None = None


class LedgerSource(Protocol):
    """The ledger as it stood at one moment: the part of KafkaReader that is needed here."""

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the first offset that is there and the end."""

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset written at or after a time, UTC milliseconds; the end if there is none."""

    def read_on(self, partition: Partition, offset: int) -> Iterator[Record]:
        """Yield the committed records from an offset on, up to the end."""


class KafkaLedger:
    """The ledger in a cluster; close() it. Every method raises streams.verify.reading.ReadError."""

    def __init__(self, bootstrap_servers: str, on_records: Callable[[int], None]) -> None:
        self._reader = KafkaReader(bootstrap_servers, [STOCK_MOVEMENTS.name], on_records)

    @property
    def partitions(self) -> int:
        """How many partitions the ledger has; 0 when there is none yet."""
        return self._reader.partitions(STOCK_MOVEMENTS.name)

    def snapshot(self) -> None:
        """Take the ledger's present end as the end."""
        self._reader.snapshot()

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the first offset that is there and the end."""
        return self._reader.bounds(partition)

    def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset written at or after a time, UTC milliseconds; the end if there is none."""
        return self._reader.offset_at(partition, timestamp)

    def read_on(self, partition: Partition, offset: int) -> Iterator[Record]:
        """Yield the committed records from an offset on, up to the end."""
        return self._reader.unread({partition: offset})

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()


class Reading:
    """
    One question being answered: iterate over it, then look at its chain.

    total is how many offsets of the partition will be passed, those of other SKUs and of markers included.
    """

    def __init__(self, source: LedgerSource, question: Question, partitions: int) -> None:
        self.question = question
        self.partition = (STOCK_MOVEMENTS.name, partition_for(question.sku.encode(), partitions))
        self._source = source
        first, end = source.bounds(self.partition)
        since = question.since
        self._start = first if since is None else max(first, source.offset_at(self.partition, since))
        self.total = max(0, end - self._start)
        # A partition that still has its first record has never lost any to retention.
        self.chain = Chain(complete=since is None and first == 0)

    def __iter__(self) -> Iterator[Entry | str]:
        """Yield each row of the SKU with what there is to say about it; a sentence for one that is damaged."""
        key = self.question.sku.encode()
        for record in self._source.read_on(self.partition, self._start):
            if record.key() != key:
                continue
            try:
                movement = Movement.of(record.partition(), record.offset(), record.value())
            except UnreadableRow as error:
                where = f"{record.topic()}:{record.partition()}:{record.offset()}"
                yield self.chain.add_unreadable(where, str(error))
                continue
            if self._is_wanted(movement):
                yield self.chain.add(movement)

    def _is_wanted(self, movement: Movement) -> bool:
        if self.question.since is not None and movement.recorded_at < self.question.since:
            return False
        return self.question.location_id in {None, movement.location_id}
