"""Asking the read view."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from streams.topology import STOCK_LEVELS
from streams.view import layout
from streams.view.connection import script


class ViewNotServedError(Exception):
    """No complete view is served now; the message says how far the one being built is."""


@dataclass(frozen=True, slots=True)
class SkuView:
    """One SKU as the view has it: its stock level, and its availability by channel, in order of channel."""

    level: dict[str, Any] | None
    availability: dict[str, dict[str, Any]]

    @property
    def known(self) -> bool:
        """True if any topic has said something about the SKU."""
        return self.level is not None or bool(self.availability)


class ViewReader:
    """
    Reads the generation that is served; an answer is of one moment.

    Raises redis.RedisError when Redis can't be reached, ViewNotServedError while no view is complete.
    """

    def __init__(self, redis: Redis) -> None:
        self._read = redis.register_script(script("read"))

    async def sku(self, sku: str) -> SkuView:
        """Return what the view has about one SKU."""
        generation, progress, *pairs = await self._read(keys=[layout.VIEW_KEY], args=[sku])
        if not generation:
            raise ViewNotServedError(
                f"The read view is being built ({progress} % done): try again in a moment."
                if progress
                else "There is no read view yet: start `onhand projector`, or run `onhand view rebuild`."
            )
        entries = dict(zip(pairs[::2], pairs[1::2], strict=True))
        level = entries.pop(STOCK_LEVELS.name, None)
        shown = [layout.value_of(entries[topic]) for topic in sorted(entries)]
        return SkuView(
            layout.value_of(level) if level else None, {value["channel_id"]: value for value in shown}
        )
