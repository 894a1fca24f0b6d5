"""The memory log's member of a consumer group."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto

from streams.engine.errors import FatalLogError, FencedError
from streams.engine.log import AssignmentCallback, Partition
from streams.engine.memory_log.cluster import MemoryCluster
from streams.engine.memory_log.groups import Membership
from streams.engine.memory_log.processes import Process
from streams.engine.memory_log.records import MemoryRecord

PREFETCH_RECORDS = 500
"""Most records per partition that the client holds ready, in the order of librdkafka's defaults."""

HEARING_PROBABILITY = 0.5
"""How likely the background thread has heard by a call that the group has moved on."""

SERVING_PROBABILITY = 0.5
"""How likely a poll serves the news before the records that were prefetched earlier."""


class _News(Enum):
    """What the coordinator would answer to this member's heartbeat."""

    NONE = auto()
    REBALANCE = auto()
    EXPELLED = auto()
    FENCED = auto()


class _Fetch:
    """One assigned partition: where reading stands, and records that have been fetched but not returned."""

    __slots__ = ("paused", "position", "prefetched", "resolved")

    def __init__(self) -> None:
        self.resolved = False  # Until the group's committed offset is known, and stable.
        self.position = 0
        self.paused = False
        self.prefetched: list[MemoryRecord] = []


class MemoryConsumer:
    """
    Member of a consumer group of the memory log; see streams.engine.log.GroupConsumer.

    Like librdkafka it has a background thread: it sends heartbeats, prefetches, and hears news of the group
    before poll serves them. Hearing and serving happen at random times.
    """

    def __init__(self, cluster: MemoryCluster, process: Process, group_id: str, instance_id: str) -> None:
        self._cluster = cluster
        self._process = process
        self._group = cluster.group(group_id)
        self._instance_id = instance_id
        self._topics: tuple[str, ...] = ()
        self._callbacks: tuple[AssignmentCallback, AssignmentCallback, AssignmentCallback] | None = None
        self._member_id: str | None = None
        self._generation: int | None = None  # That of the assignment; None without one.
        self._heard = _News.NONE
        self._fetches: dict[Partition, _Fetch] = {}
        self._closed = False

    def subscribe(
        self,
        topics: Sequence[str],
        on_assign: AssignmentCallback,
        on_revoke: AssignmentCallback,
        on_lost: AssignmentCallback,
    ) -> None:
        """Join the group at the next poll."""
        self._process.point("before consumer.subscribe")
        self._topics = tuple(sorted(topics))
        self._callbacks = (on_assign, on_revoke, on_lost)

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[MemoryRecord]:
        """Serve news of the group, then return records; how many of them is random. Waits virtually."""
        self._process.point("before consumer.poll")
        if self._closed or self._callbacks is None:
            raise FatalLogError("This consumer is closed, or has not subscribed.")
        self._hear()
        if self._must_serve():
            self._serve()
        if self._heard is _News.NONE:
            self._prefetch()
        records = self._take(max_records)
        if not records:
            self._cluster.wait(timeout_seconds)
        self._process.point("after consumer.poll")
        return records

    def group_metadata(self) -> Membership:
        """Return the membership as the background thread knows it at this moment."""
        self._process.point("before consumer.group_metadata")
        self._hear()
        if (
            self._heard in {_News.EXPELLED, _News.FENCED}
            or self._member_id is None
            or self._generation is None
        ):
            return Membership(self._group.group_id)
        return Membership(self._group.group_id, self._instance_id, self._member_id, self._generation)

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Return no records of these for now."""
        for partition in partitions:
            self._assigned(partition).paused = True

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Return records of these again."""
        for partition in partitions:
            self._assigned(partition).paused = False

    def seek(self, partition: Partition, offset: int) -> None:
        """Go on reading a partition at an offset. Raises FatalLogError when it is not assigned."""
        self._process.point("before consumer.seek")
        fetch = self._assigned(partition)
        fetch.resolved = True
        fetch.position = offset
        fetch.prefetched = []

    def lag(self) -> Mapping[Partition, int]:
        """Return records not yet returned by assigned partition."""
        return {
            partition: self._cluster.log(partition).high_watermark - fetch.position
            for partition, fetch in self._fetches.items()
            if fetch.resolved
        }

    def close(self) -> None:
        """Stop; a static member does not leave, its place waits until the session ends."""
        self._process.point("before consumer.close")
        self._closed = True
        self._fetches = {}

    # --- news of the group ---

    def _beats(self) -> bool:
        return self._process.running and not self._closed

    def _news(self) -> _News:
        if self._member_id is None:
            return _News.NONE
        if self._group.fenced(self._instance_id, self._member_id):
            return _News.FENCED
        if not self._group.knows(self._member_id):
            return _News.EXPELLED
        if self._generation is not None and self._group.rebalancing():
            return _News.REBALANCE
        return _News.NONE

    def _hear(self) -> None:
        """Let the background thread hear of what has happened, or not yet."""
        news = self._news()
        if news is not self._heard and self._cluster.random.random() < HEARING_PROBABILITY:
            self._heard = news

    def _must_serve(self) -> bool:
        """Return whether poll serves news now: what was prefetched before may come first."""
        if self._generation is None:
            return True
        if self._heard is _News.NONE:
            return False
        return not self._has_prefetched() or self._cluster.random.random() < SERVING_PROBABILITY

    def _serve(self) -> None:
        """Run the callbacks that the news asks for, and join the group (again)."""
        self._heard = self._news()
        if self._heard is _News.FENCED:
            raise FencedError(f"Another process has joined as {self._instance_id} (FENCED_INSTANCE_ID).")
        if self._heard is _News.EXPELLED:
            self._give_up("lost")
            self._member_id = None
        elif self._heard is _News.REBALANCE:
            self._give_up("revoke")
        self._heard = _News.NONE
        self._join()

    def _give_up(self, how: str) -> None:
        if self._generation is None:
            return
        partitions = list(self._fetches)
        self._process.point(f"before consumer.{how}")
        self._callback(how)(partitions)
        self._fetches = {}
        self._generation = None

    def _join(self) -> None:
        if self._member_id is None:
            self._member_id = self._group.join(
                self._instance_id, self._topics, self._cluster.now_ms, self._beats
            )
        elif self._group.knows(self._member_id):
            self._group.rejoin(self._member_id)
        if self._group.rebalancing() or not self._group.knows(self._member_id):
            return
        self._generation = self._group.generation
        partitions = self._group.assignment(self._member_id)
        self._fetches = {partition: _Fetch() for partition in partitions}
        self._process.point("before consumer.assign")
        self._callback("assign")(partitions)

    def _callback(self, how: str) -> Callable[[list[Partition]], None]:
        assert self._callbacks is not None
        return self._callbacks[("assign", "revoke", "lost").index(how)]

    # --- records ---

    def _assigned(self, partition: Partition) -> _Fetch:
        if partition not in self._fetches:
            raise FatalLogError(f"Partition {partition} is not assigned to {self._instance_id}.")
        return self._fetches[partition]

    def _has_prefetched(self) -> bool:
        return any(fetch.prefetched and not fetch.paused for fetch in self._fetches.values())

    def _prefetch(self) -> None:
        for partition, fetch in self._fetches.items():
            if not fetch.resolved:
                self._resolve(partition, fetch)
            if fetch.resolved and not fetch.paused and not fetch.prefetched:
                log = self._cluster.log(partition)
                fetch.prefetched, position = log.committed(fetch.position, PREFETCH_RECORDS)
                if not fetch.prefetched:
                    fetch.position = position

    def _resolve(self, partition: Partition, fetch: _Fetch) -> None:
        """Take the committed offset, unless a transaction that is not over yet may change it (KIP-447)."""
        if not self._group.unstable(partition):
            fetch.position = self._group.offset(partition) or 0
            fetch.resolved = True

    def _take(self, max_records: int) -> list[MemoryRecord]:
        """Return some of what was prefetched, in order within each partition."""
        generator = self._cluster.random
        ready = [fetch for fetch in self._fetches.values() if fetch.prefetched and not fetch.paused]
        generator.shuffle(ready)
        taken: list[MemoryRecord] = []
        for fetch in ready:
            room = min(max_records - len(taken), len(fetch.prefetched))
            if room <= 0:
                break
            count = generator.randint(1, room)
            taken += fetch.prefetched[:count]
            del fetch.prefetched[:count]
            fetch.position = taken[-1].offset() + 1
        return taken
