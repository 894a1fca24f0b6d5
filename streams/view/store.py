"""The read view's Redis side, for writers: generations, positions and guarded batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from streams.topology import STOCK_LEVELS
from streams.view import layout
from streams.view.connection import awaitable, script
from streams.view.layout import TopicPartition

SCAN_COUNT = 1_000  # Keys that Redis looks at in one step: far below a millisecond, so that no query waits.

Write = tuple[str, int, str]
"""SKU, version, and the record as JSON; an empty text removes the SKU."""


class ViewMovedError(Exception):
    """The view is not where this writer left it: emptied, rolled back, or replaced. Look again."""


@dataclass(slots=True)
class Batch:
    """
    Records to write and the positions before and after them.

    writes are by topic, in the order in which they were read within each partition.
    """

    expected: Mapping[TopicPartition, int]
    following: Mapping[TopicPartition, int]
    writes: dict[str, list[Write]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch: generation served (empty when none), entries written, old ones ignored."""

    served: str
    written: int
    ignored: int


@dataclass(frozen=True, slots=True)
class State:
    """The generation that is served, and the one being built, if any."""

    served: str | None
    building: str | None


@dataclass(frozen=True, slots=True)
class Positions:
    """How far a generation is: next offset by partition, in the cluster of that id."""

    cluster: str
    offsets: dict[TopicPartition, int]


class ViewStore:
    """
    The view's generations in one Redis.

    Every method raises redis.RedisError when Redis can't be reached or refuses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._apply = redis.register_script(script("apply"))
        self._publish = redis.register_script(script("publish"))

    async def state(self) -> State:
        """Return which generation is served and which one is being built."""
        fields = [layout.GENERATION_FIELD, layout.BUILDING_FIELD]
        served, building = await awaitable(self._redis.hmget(layout.VIEW_KEY, fields))
        return State(served, building)

    async def positions(self, generation: str) -> Positions:
        """Return the positions of a generation; both parts are empty if it is not there."""
        stored = dict(await awaitable(self._redis.hgetall(layout.positions_key(generation))))
        cluster = stored.pop(layout.CLUSTER_FIELD, "")
        stored.pop(layout.TOPICS_FIELD, None)
        return Positions(
            cluster, {layout.parse_position_field(name): int(text) for name, text in stored.items()}
        )

    async def create(self, positions: Positions) -> str:
        """Make an empty generation that begins at these positions and return its name."""
        generation = uuid4().hex[:12]
        fields = {layout.position_field(part): str(at) for part, at in positions.offsets.items()}
        fields[layout.CLUSTER_FIELD] = positions.cluster
        fields[layout.TOPICS_FIELD] = ",".join(sorted({topic for topic, _ in positions.offsets}))
        await awaitable(self._redis.hset(layout.positions_key(generation), mapping=fields))
        return generation

    async def announce(self, generation: str, percent: int) -> None:
        """Tell readers that a generation is being built and how far it is."""
        fields = {layout.BUILDING_FIELD: generation, layout.PROGRESS_FIELD: str(percent)}
        await awaitable(self._redis.hset(layout.VIEW_KEY, mapping=fields))

    async def apply(self, generation: str, batch: Batch) -> Applied:
        """
        Write a batch and move the positions, all or nothing.

        Raises ViewMovedError, with nothing written, if the stored positions are not those expected.
        """
        keys = [layout.VIEW_KEY, layout.positions_key(generation)]
        keys += [layout.topic_key(generation, topic) for topic in batch.writes]
        answer: Sequence[Any] = await self._apply(keys=keys, args=_arguments(batch))
        if not answer[0]:
            raise ViewMovedError(generation)
        return Applied(served=answer[1], written=answer[2], ignored=answer[3])

    async def size(self, generation: str) -> int:
        """Return how many SKUs have a stock level in a generation."""
        return int(await awaitable(self._redis.hlen(layout.topic_key(generation, STOCK_LEVELS.name))))

    async def publish(self, generation: str) -> None:
        """
        Serve a generation from now on, and remove all others.

        Raises ViewMovedError if the generation itself has been removed meanwhile.
        """
        keys = [layout.VIEW_KEY, layout.positions_key(generation)]
        if not await self._publish(keys=keys, args=[generation]):
            raise ViewMovedError(generation)
        await self._remove_others(generation)

    async def _remove_others(self, generation: str) -> None:
        """Remove what earlier or abandoned generations left; a generation is a handful of keys."""
        ours = layout.topic_key(generation, "")
        async for key in self._redis.scan_iter(match=f"{layout.VIEW_KEY}:*", count=SCAN_COUNT):
            if not key.startswith(ours):
                await awaitable(self._redis.unlink(key))


def _arguments(batch: Batch) -> list[str | int]:
    arguments: list[str | int] = [len(batch.expected)]
    for partition, expected in batch.expected.items():
        arguments += (layout.position_field(partition), expected, batch.following.get(partition, expected))
    for writes in batch.writes.values():
        arguments.append(len(writes))
        for write in writes:
            arguments += write
    return arguments
