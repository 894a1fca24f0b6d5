"""How every part of the read view connects to Redis."""

from collections.abc import Awaitable
from importlib.resources import files
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_SECONDS = 2.0  # Redis is near; a longer wait only hides that it is down.
ANSWER_TIMEOUT_SECONDS = 10.0  # A loaded server may take a while over a batch; a dead one must not block.

Answer = TypeVar("Answer")


def connect(url: str) -> Redis:
    """
    Return a client that fails at once when Redis is away; whoever calls decides how to wait.

    Raises ValueError for an address that is no Redis URL.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=ANSWER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def script(name: str) -> str:
    """Return the text of a server-side script of this package."""
    return files(__package__).joinpath(f"{name}.lua").read_text("utf-8")


def awaitable(answer: Awaitable[Answer] | Answer) -> Awaitable[Answer]:
    """Say what redis-py's types leave open: the answer of an asyncio client is to be awaited."""
    return cast("Awaitable[Answer]", answer)
