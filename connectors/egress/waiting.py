"""The waiting room: the latest value of each SKU until the channel has taken it (semantics 12)."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from connectors.egress.positions import Positions
from connectors.protocols import Availability

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A Kafka record as read: what a dead letter keeps."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class Waiting:
    """
    One value that waits, or is under way.

    company is how many may travel with it: less after a batch was refused, to find the culprit.
    """

    update: Availability
    stored: Stored
    attempts: int = 0
    company: int = 1_000_000


@dataclass(slots=True)
class _Partition:
    positions: Positions = field(default_factory=Positions)
    versions: dict[str, int] = field(default_factory=dict)
    given_up: dict[str, int] = field(default_factory=dict)


class WaitingRoom:
    """
    Holds at most one value a SKU, hands them out oldest SKU first, and knows how far may be committed.

    Versions accepted of a SKU only rise as long as its partition is here: an older one, or the same
    again, is not delivered after a newer one. on_superseded is called for each that a newer one made
    needless. Memory follows the number of SKUs: about 800 bytes for one that waits, 230 for one that
    does not. Times are monotonic seconds.
    """

    def __init__(self, on_superseded: Callable[[], None] = lambda: None) -> None:
        self._on_superseded = on_superseded
        self._ready: OrderedDict[str, Waiting] = OrderedDict()
        self._delayed: dict[str, Waiting] = {}
        self._due: list[tuple[float, str, int]] = []
        self._partitions: dict[int, _Partition] = {}

    def __len__(self) -> int:
        """How many SKUs wait; those under way are not counted."""
        return len(self._ready) + len(self._delayed)

    def add(self, entry: Waiting) -> bool:
        """Let a value wait in place of an older one of its SKU; False if it is not newer than all before."""
        sku, version = entry.update.sku, entry.update.version
        partition = self._partitions.setdefault(entry.stored.partition, _Partition())
        if version <= partition.versions.get(sku, -1):
            self._on_superseded()
            return False
        partition.versions[sku] = version
        partition.positions.add(sku, entry.stored.offset)
        if self._delayed.pop(sku, None) or sku in self._ready:
            self._on_superseded()
        self._ready[sku] = entry  # A SKU that waits already keeps its place in the queue.
        return True

    def take(self, limit: int, now: float) -> list[Waiting]:
        """Return up to limit values that are due, oldest first; they are under way until put back or done."""
        self._wake(now)
        batch: list[Waiting] = []
        for entry in self._ready.values():
            limit = min(limit, entry.company)
            if len(batch) >= limit:
                break
            batch.append(entry)
        for entry in batch:
            del self._ready[entry.update.sku]
        return batch

    def put_back(self, entries: Iterable[Waiting]) -> None:
        """Let values that were under way wait again, first in the queue, in their order."""
        for entry in reversed(list(entries)):
            if not self.drop_if_superseded(entry):
                self._ready[entry.update.sku] = entry
                self._ready.move_to_end(entry.update.sku, last=False)

    def delay(self, entry: Waiting, until: float) -> None:
        """Let a value that was under way wait until a time."""
        if not self.drop_if_superseded(entry):
            self._delayed[entry.update.sku] = entry
            heappush(self._due, (until, entry.update.sku, entry.update.version))

    def done(self, entry: Waiting) -> None:
        """Forget a value that was under way."""
        partition = self._partitions.get(entry.stored.partition)
        if partition is not None:
            partition.positions.done(entry.update.sku, entry.stored.offset)

    def give_up(self, entry: Waiting) -> None:
        """Forget a value that was under way and never arrived; it is not to be told again."""
        self.done(entry)
        partition = self._partitions.get(entry.stored.partition)
        if partition is not None:
            partition.given_up[entry.update.sku] = entry.update.version

    def is_settled(self, entry: Waiting) -> bool:
        """Return True if a value was delivered, and nothing newer of its SKU waits or is under way."""
        partition = self._partitions.get(entry.stored.partition)
        if partition is None:
            return True
        sku, version = entry.update.sku, entry.update.version
        newest = partition.versions.get(sku, version)
        waits = sku in self._ready or sku in self._delayed or partition.positions.waits(sku)
        return version == newest and not waits and partition.given_up.get(sku) != version

    def again(self, entry: Waiting) -> bool:
        """
        Let a value wait that was delivered before; False if something newer has come, or waits.

        It does not hold positions back: whoever starts again finds by reading back that it is needed.
        """
        if not self.is_settled(entry):
            return False
        partition = self._partitions.setdefault(entry.stored.partition, _Partition())
        partition.versions[entry.update.sku] = entry.update.version
        self._ready[entry.update.sku] = entry
        return True

    def drop_if_superseded(self, entry: Waiting) -> bool:
        """Return True if a newer value came in while this was under way, or its partition left."""
        partition = self._partitions.get(entry.stored.partition)
        if partition is None:
            return True
        if partition.versions.get(entry.update.sku) == entry.update.version:
            return False
        self._on_superseded()
        return True

    def lowest(self, partition: int) -> int | None:
        """Return a partition's first offset that is not done, None when all that came in is done."""
        known = self._partitions.get(partition)
        return known.positions.lowest() if known is not None else None

    def next_due(self, now: float) -> float | None:
        """Return in how many seconds something is due: 0 for now, None when nothing waits."""
        self._wake(now)
        if self._ready:
            return 0.0
        return self._due[0][0] - now if self._due else None

    def clear(self) -> None:
        """Forget everything: the partitions are gone, or come back from their committed offsets."""
        self._ready.clear()
        self._delayed.clear()
        self._due.clear()
        self._partitions.clear()

    def _wake(self, now: float) -> None:
        """Move what has become due to the end of the queue, and drop reminders of what no longer waits."""
        while self._due:
            until, sku, version = self._due[0]
            entry = self._delayed.get(sku)
            current = entry is not None and entry.update.version == version
            if current and until > now:
                return
            heappop(self._due)
            if current and entry is not None:
                self._ready[sku] = self._delayed.pop(sku)
