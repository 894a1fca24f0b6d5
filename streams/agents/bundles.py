"""
What channels may sell of bundles, as their components' levels have it (semantics 9).

The components of a bundle lie on other partitions. Their owners publish what channels may sell of them whenever that
changes, on a global topic that every worker reads whole: so a bundle's owner always has what it needs at hand.
"""

from collections.abc import Iterable

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.items import ItemBook
from streams.agents.writing import Writing
from streams.domain import bundles
from streams.domain.bundles import ComponentAvailability, ComponentLevel

LEVELS = topology.COMPONENT_LEVELS.name


class BundleBook:
    """What channels may sell of components, as every worker holds it."""

    def __init__(self, writing: Writing, items: ItemBook) -> None:
        self._writing = writing
        self._items = items
        self._levels: dict[bytes, ComponentLevel] = {}
        self.published: dict[bytes, bytes | None] = {}
        """What the batch in hand says of components, by key; None of what is a component no more."""

    def __bool__(self) -> bool:
        """Return True when there is any component whose level is to be published, or taken back."""
        return bool(self._items.bundles_of or self._levels)

    def begin(self) -> None:
        """Forget what an earlier batch has published."""
        self.published = {}

    def take(self, key: bytes, encoded: bytes | None) -> bool:
        """Take a component's level; return False when it is known, or an older one that comes round late."""
        known = self._levels.get(key)
        if encoded is None:
            return self._levels.pop(key, None) is not None
        level = codec.decode_component_level(encoded)
        if known is not None and level.version <= known.version:
            return False
        self._levels[key] = level
        return True

    def publish(self, touched: Iterable[tuple[int, bytes]]) -> None:
        """Tell all workers what channels may sell of those SKUs that are components, where that is news."""
        for partition, key in touched:
            if key in self._items.bundles_of and key not in self._items.bundles:
                self._publish(partition, key)
            elif key in self._levels:
                self._emit(partition, key, None)

    def _publish(self, partition: int, key: bytes) -> None:
        stock = self._writing.levels.get(partition, key)
        assert stock is not None, "what was touched is there"
        channels = tuple(ComponentAvailability(name, units) for name, units, _ in stock.availability)
        known = self._levels.get(key)
        if known is None or known.channels != channels:
            level = ComponentLevel(stock.sku, stock.version, stock.occurred_at, channels)
            self._emit(partition, key, codec.encode_component_level(level))

    def _emit(self, partition: int, key: bytes, encoded: bytes | None) -> None:
        self.published[key] = encoded
        self._writing.batch.emit(LEVELS, partition, key, encoded)

    def offered(self, key: bytes) -> tuple[list[tuple[str, int]], int]:
        """Return (channel_id, bundles) by channel, and the latest occurred_at behind them."""
        components = self._items.bundles[key]
        levels = [level for part in components if (level := self._level_of(part.sku)) is not None]
        latest = max((level.occurred_at for level in levels), default=0)
        return bundles.available_to_sell(components, self._level_of, self._writing.settings.channels), latest

    def _level_of(self, sku: str) -> ComponentLevel | None:
        """Return a component's level; of a bundle in a bundle none, so that it can't be sold until it is mended."""
        key = sku.encode()
        return None if key in self._items.bundles else self._levels.get(key)
