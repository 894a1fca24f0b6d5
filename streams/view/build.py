"""Building a generation of the view from the beginning of its topics."""

import contextlib
from collections.abc import Callable

from streams.view import metrics
from streams.view.projection import Projection
from streams.view.source import Source
from streams.view.store import ViewMovedError, ViewStore

STEP_WAIT_MS = 500  # Longest pause in which a stop request goes unheard.

OnProgress = Callable[[float], None]


class Stopped(Exception):
    """The build was asked to stop; what is built so far stays and can be gone on with."""


async def build(
    source: Source,
    store: ViewStore,
    generation: str | None = None,
    *,
    on_progress: OnProgress | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Projection:
    """
    Build a generation up to the present end of the topics, serve it, and return it for going on.

    Without a generation a new one is begun, otherwise that one is gone on with. Raises ViewMovedError when
    another build has been finished meanwhile and has removed this one, Stopped when `stopping()` says so.
    """
    beginning = await source.beginning()
    if generation is None:
        generation = await store.create(beginning)
        metrics.REBUILDS.inc()
    projection = Projection(source, store, generation, {})
    await projection.seek()
    goal = await source.end()
    done = projection.progress(beginning.offsets, goal)
    while True:
        if on_progress:
            on_progress(done)
        await store.announce(generation, int(done * 100))
        if done >= 1.0:
            break
        if stopping():
            raise Stopped
        await _step(projection)
        done = projection.progress(beginning.offsets, goal)
    await store.publish(generation)
    return projection


async def _step(projection: Projection) -> None:
    with contextlib.suppress(ViewMovedError):
        await projection.step(STEP_WAIT_MS)
        return
    await (
        projection.seek()
    )  # Another writer is at the same generation, or Redis was rolled back: go on from there.
