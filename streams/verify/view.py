"""Verification's own look into the Redis view (keys as `streams/view` documents them)."""

import json
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from streams.verify.plan import Partition
from streams.verify.reading import ReadError

TIMEOUT_SECONDS = 10.0
VIEW = "onhand:view"


class RedisView:
    """
    The generation that is served.

    Every method raises ReadError, with what to do, when Redis does not answer or no view is served.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def entries(self, topic: str, skus: list[str]) -> list[dict[str, Any] | None]:
        """Return the records that the view shows for SKUs, in their order."""
        key = self._key(topic)
        found = self._ask("HMGET", key, *skus) if skus else []
        return [None if entry is None else json.loads(entry.partition(" ")[2]) for entry in found]

    def size(self, topic: str) -> int:
        """Return how many SKUs the view shows for a topic."""
        return int(self._ask("HLEN", self._key(topic)))

    def positions(self) -> dict[Partition, int]:
        """Return up to which offset of each partition the view goes; nothing while it is being built."""
        generation = self._generation()
        stored: dict[str, str] = self._ask("HGETALL", f"{VIEW}:{generation}:positions") if generation else {}
        positions = {}
        for name, text in stored.items():
            topic, colon, number = name.rpartition(":")
            if colon:
                positions[topic, int(number)] = int(text)
        return positions

    def _key(self, name: str) -> str:
        generation = self._generation()
        if not generation:
            raise ReadError(
                f"Redis at {self._url} serves no view: start `onhand projector`, or leave the view out with --no-view."
            )
        return f"{VIEW}:{generation}:{name}"

    def _generation(self) -> str | None:
        generation: str | None = self._ask("HGET", VIEW, "generation")
        return generation

    def _ask(self, *command: str) -> Any:
        try:
            return self._redis.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves it untyped.
        except (RedisError, OSError) as error:
            raise ReadError(
                f"Redis at {self._url} does not answer: start it, or leave the view out with --no-view."
            ) from error
