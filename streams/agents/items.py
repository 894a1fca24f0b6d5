"""
SKU master data: what sources describe, and the catalogue in force as every worker holds it.

A description passes through the stock agent as a policy does (README, decision 9): merged into what is known of
its SKU it goes to the topic of items in force, which every worker reads whole.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.writing import Writing
from streams.domain import catalogue, fold
from streams.domain.catalogue import BundleComponent, Item, ItemDescribed

IN_FORCE = topology.ITEMS_IN_FORCE.name
CATEGORIES_KEPT = 50_000  # Of SKUs asked for last; each costs a decode else.


class ItemChange(NamedTuple):
    """What became different of an item that a book has taken."""

    category: bool
    components: bool


UNCHANGED = ItemChange(category=False, components=False)


class ItemBook:
    """All items in force, encoded until they are needed; bundles decoded, since each event may be of one."""

    def __init__(self) -> None:
        self._encoded: dict[bytes, bytes] = {}
        self._categories: dict[bytes, str | None] = {}
        self._own: dict[bytes, bytes] = {}
        self.bundles: dict[bytes, tuple[BundleComponent, ...]] = {}
        """Components by the bundle's key; nothing else is in it."""

    def __len__(self) -> int:
        return len(self._encoded)

    def __contains__(self, key: bytes) -> bool:
        return key in self._encoded

    def take(self, key: bytes, encoded: bytes | None) -> ItemChange:
        """Take an item from the topic of items in force, and say what changes with it."""
        if encoded is None:
            return UNCHANGED
        if key in self._own:
            # All that comes before what we have committed ourselves is older than what we hold.
            if self._own[key] == encoded:
                del self._own[key]
            return UNCHANGED
        return self._replace(key, encoded)

    def committed(self, key: bytes, encoded: bytes) -> ItemChange:
        """Take an item that this worker has just put in force: its topic brings it only later."""
        self._own[key] = encoded
        return self._replace(key, encoded)

    def _replace(self, key: bytes, encoded: bytes) -> ItemChange:
        before = self.item(key) or Item(key.decode())
        item = codec.decode_item(encoded)
        self._encoded[key] = encoded
        self._categories.pop(key, None)
        self._keep_bundle(key, item)
        return ItemChange(
            category=(item.category or None) != (before.category or None),
            components=(item.components or ()) != (before.components or ()),
        )

    def item(self, key: bytes) -> Item | None:
        """Return what is known of a SKU, None when nothing is."""
        encoded = self._encoded.get(key)
        return None if encoded is None else codec.decode_item(encoded)

    def category(self, key: bytes) -> str | None:
        """Return the path of a SKU's category, such as shoes/trainers; None without one."""
        if key not in self._encoded:
            return None
        if key not in self._categories:
            if len(self._categories) >= CATEGORIES_KEPT:
                self._categories.clear()
            self._categories[key] = codec.decode_item(self._encoded[key]).category or None
        return self._categories[key]

    def _keep_bundle(self, key: bytes, item: Item) -> None:
        if item.components:
            self.bundles[key] = item.components
        else:
            self.bundles.pop(key, None)


class ItemDesk:
    """Merges descriptions into items."""

    def __init__(self, writing: Writing, book: ItemBook, authority: Mapping[str, str]) -> None:
        self._writing = writing
        self._book = book
        self._authority = authority
        self.accepted: dict[bytes, tuple[Item, bytes]] = {}
        """Items of the batch in hand, with their encoding, by key."""

    def begin(self) -> None:
        """Forget what an earlier batch has accepted."""
        self.accepted = {}

    def apply(self, partition: int, key: bytes, described: ItemDescribed) -> str:
        """Merge a description in and return its outcome: APPLIED, or SUPERSEDED when nothing of it counts."""
        known = self.accepted[key][0] if key in self.accepted else self._book.item(key)
        item = catalogue.merge(known, described, self._authority)
        if item == known:
            return fold.SUPERSEDED
        encoded = codec.encode_item(item)
        self.accepted[key] = item, encoded
        self._writing.batch.emit(IN_FORCE, partition, key, encoded)
        return fold.APPLIED
