"""The projector: keeps the read view up to date whatever happens to Redis and Kafka around it."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from redis.exceptions import RedisError

from streams.settings import Settings
from streams.view import metrics
from streams.view.build import STEP_WAIT_MS, Stopped, build
from streams.view.connection import connect
from streams.view.projection import Projection
from streams.view.source import Source, TopicsMissingError, open_source, view_topics
from streams.view.store import ViewMovedError, ViewStore

FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0  # A server that is back is noticed within that.
COMMIT_INTERVAL_SECONDS = 1.0  # Only monitoring reads these offsets; the view keeps its own positions.

log = structlog.get_logger(__name__)


def group_of(settings: Settings) -> str:
    """Return the consumer group under which the projector publishes its progress."""
    return f"{settings.group_id}-projector"


@dataclass
class Backoff:
    """Growing waits between tries, with jitter so that many processes do not knock in step."""

    seconds: float = FIRST_RETRY_SECONDS

    def reset(self) -> None:
        """Begin anew after a success."""
        self.seconds = FIRST_RETRY_SECONDS

    def next_wait_seconds(self) -> float:
        """Return how long to wait now."""
        wait = self.seconds * random.uniform(0.5, 1.0)
        self.seconds = min(self.seconds * 2, LONGEST_RETRY_SECONDS)
        return wait


@dataclass
class Projector:
    """
    Projects stock-levels and availability topics to Redis until stopped.

    Nothing that Redis or Kafka do ends it: it waits for them and goes on from the positions that the view
    itself holds. `ready` is true while a complete view is served and being kept up to date.
    """

    settings: Settings
    ready: bool = False
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _backoff: Backoff = field(default_factory=Backoff)
    _committed_at: float = 0.0

    def stop(self) -> None:
        """Ask run() to return soon."""
        self._stopping.set()

    async def run(self) -> None:
        """Project until stop()."""
        for topic in view_topics(self.settings):  # Prometheus never sees the first event of a new counter.
            metrics.RECORDS.labels(topic)
            metrics.REFUSED.labels(topic)
        redis = connect(self.settings.redis_url)
        store = ViewStore(redis)
        try:
            while not self._stopping.is_set():
                with contextlib.suppress(Stopped):
                    await self._run_once(store)
        finally:
            await redis.aclose()

    async def _run_once(self, store: ViewStore) -> None:
        """Open the source and project until something fails, then wait a little."""
        try:
            source = await open_source(self.settings, group_of(self.settings))
        except (KafkaError, TopicsMissingError, OSError) as error:
            await self._wait("view.kafka_unavailable", error)
            return
        try:
            while not self._stopping.is_set():
                await self._attach_and_follow(source, store)
        except OffsetOutOfRangeError as error:
            await self._wait("view.log_replaced", error)
        except KafkaError as error:
            await self._wait("view.kafka_unavailable", error)
        finally:
            self.ready = False
            await source.close()

    async def _attach_and_follow(self, source: Source, store: ViewStore) -> None:
        try:
            projection = await self._attach(source, store)
            log.info("view.following", generation=projection.generation)
            await self._follow(projection)
        except ViewMovedError:
            self.ready = False
            log.warning("view.moved", advice="Redis was emptied or rolled back, or the view was rebuilt")
        except (RedisError, OSError) as error:
            metrics.REDIS_FAILURES.inc()
            await self._wait("view.redis_unavailable", error)

    async def _attach(self, source: Source, store: ViewStore) -> Projection:
        """Return the generation to go on with: the one served if it fits, else one built now."""
        state = await store.state()
        if state.served and await source.fits(await store.positions(state.served)):
            projection = Projection(source, store, state.served, {})
            await projection.seek()
            return projection
        unfinished = state.building
        if unfinished and not await source.fits(await store.positions(unfinished)):
            unfinished = None
        log.info("view.building", resumed=unfinished is not None)
        return await build(source, store, unfinished, stopping=self._stopping.is_set)

    async def _follow(self, projection: Projection) -> None:
        while not self._stopping.is_set():
            applied = await projection.step(STEP_WAIT_MS)
            if applied.served != projection.generation:
                raise ViewMovedError(projection.generation)
            self.ready = True
            self._backoff.reset()
            self._measure_lag(projection)
            await self._publish_progress(projection)

    def _measure_lag(self, projection: Projection) -> None:
        consumer = projection.consumer
        lag = 0
        for (topic, number), position in projection.positions.items():
            lag += max(0, (consumer.last_stable_offset(TopicPartition(topic, number)) or 0) - position)
        metrics.LAG.set(lag)

    async def _publish_progress(self, projection: Projection) -> None:
        """Commit the view's positions to the group, after Redis has them."""
        now = asyncio.get_running_loop().time()
        if now - self._committed_at < COMMIT_INTERVAL_SECONDS:
            return
        self._committed_at = now
        offsets = {TopicPartition(*part): offset for part, offset in projection.positions.items()}
        await projection.consumer.commit(offsets)

    async def _wait(self, event: str, error: BaseException) -> None:
        self.ready = False
        seconds = self._backoff.next_wait_seconds()
        log.warning(event, error=str(error) or type(error).__name__, retry_in_seconds=round(seconds, 2))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
