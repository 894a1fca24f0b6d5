"""Redis: whether it answers, keeps what it is given, has the right time, and serves a view."""

import time
from collections.abc import Mapping

from redis.exceptions import RedisError

from streams.doctor.finding import Finding, failure, fine, warning
from streams.settings import Settings
from streams.view import layout
from streams.view.connection import awaitable, connect

AREA = "read view"
CLOCK = "clock"
CLOCKS_APART_SECONDS = 60.0  # A fifth of what an event may lie in the future (semantics 7).
KEEPS_ALL = "noeviction"


async def look_at_view(settings: Settings) -> list[Finding]:
    """Ask Redis, and judge what it says."""
    redis = connect(settings.redis_url)
    try:
        seconds, microseconds = await awaitable(redis.time())
        memory = await awaitable(redis.info("memory"))
        served = await awaitable(redis.hgetall(layout.VIEW_KEY))
    except (RedisError, OSError) as error:
        what = f"Redis at {settings.redis_url} does not answer: {error}"
        return [failure(AREA, what, "start it, or check --redis-url; stock goes on without it")]
    finally:
        await redis.aclose()
    apart = seconds + microseconds / 1e6 - time.time()
    return [*judge_clock(apart), *judge_memory(memory), judge_served(served)]


def judge_clock(apart_seconds: float) -> list[Finding]:
    """Return whether this machine's clock and that of Redis agree; positive is Redis ahead."""
    if abs(apart_seconds) > CLOCKS_APART_SECONDS:
        what = f"this machine and Redis are {abs(apart_seconds):.0f} s apart"
        advice = "set clocks by NTP: beyond 5 minutes honest events are refused as from the future"
        return [failure(CLOCK, what, advice)]
    return [fine(CLOCK, f"this machine and Redis agree within {abs(apart_seconds):.1f} s")]


def judge_memory(memory: Mapping[str, object]) -> list[Finding]:
    """Return whether Redis may throw parts of the view away."""
    policy, limit = str(memory.get("maxmemory_policy", KEEPS_ALL)), int(str(memory.get("maxmemory", 0)))
    if limit and policy != KEEPS_ALL:
        what = f"Redis may drop keys when full (maxmemory-policy {policy}): SKUs would look unknown"
        return [warning(AREA, what, f"set maxmemory-policy {KEEPS_ALL}")]
    return []


def judge_served(view: Mapping[str, str]) -> Finding:
    """Return whether a view is served, from the fields of its key."""
    if view.get(layout.GENERATION_FIELD):
        return fine(AREA, "Redis answers, and a view is served")
    if view.get(layout.BUILDING_FIELD):
        done = view.get(layout.PROGRESS_FIELD, "0")
        return warning(AREA, f"the view is being built, {done} % done", "wait, then look again")
    return warning(AREA, "there is no view yet", "start `onhand projector`")
