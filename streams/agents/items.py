"""
SKU master data: what sources describe, and the catalogue in force as every worker holds it.

A description passes through the stock agent as a policy does (README, decision 9): merged into what is known of
its SKU it goes to the topic of items in force, which every worker reads whole.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.writing import Writing
from streams.domain import catalogue, fold
from streams.domain.catalogue import BundleComponent, Item, ItemDescribed
from streams.domain.errors import GiveUp, Reason

IN_FORCE = topology.ITEMS_IN_FORCE.name
CATEGORIES_KEPT = 50_000  # Of SKUs asked for last; each costs a decode else.


class ItemChange(NamedTuple):
    """
    What became different of an item that a book has taken.

    components are the keys of what a bundle consists of, and of what it did before; none when that is the same.
    """

    category: bool
    components: frozenset[bytes] = frozenset()


UNCHANGED = ItemChange(category=False)


class ItemBook:
    """All items in force, encoded until they are needed; bundles decoded, since each event may be of one."""

    def __init__(self) -> None:
        self._encoded: dict[bytes, bytes] = {}
        self._categories: dict[bytes, str | None] = {}
        self._own: dict[bytes, bytes] = {}
        self.bundles: dict[bytes, tuple[BundleComponent, ...]] = {}
        """Components by the bundle's key; nothing else is in it."""
        self.bundles_of: dict[bytes, set[bytes]] = {}
        """Keys of bundles by the key of a component; nothing else is in it."""

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
        return ItemChange(
            category=(item.category or None) != (before.category or None),
            components=self._keep_bundle(key, item.components or ()),
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

    def _keep_bundle(self, key: bytes, components: tuple[BundleComponent, ...]) -> frozenset[bytes]:
        """Keep what a SKU consists of; return the keys of what is, or was, in it if that has changed."""
        before = self.bundles.pop(key, ())
        if components:
            self.bundles[key] = components
        if components == before:
            return frozenset()
        for component in component_keys(before):
            self.bundles_of[component].discard(key)
            if not self.bundles_of[component]:
                del self.bundles_of[component]
        for component in component_keys(components):
            self.bundles_of.setdefault(component, set()).add(key)
        return frozenset(component_keys(before + components))


def component_keys(components: Iterable[BundleComponent]) -> list[bytes]:
    """Return the Kafka keys of a bundle's components."""
    return [component.sku.encode() for component in components]


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

    def check(self, key: bytes, described: ItemDescribed) -> None:
        """
        Raise GiveUp for a description that would make a bundle of bundles, as far as this worker knows.

        Two descriptions on different partitions can pass at the same time. Then the one bundle's level counts as
        nothing in the other, and no event is exploded a second time (bundles.py).
        """
        if not described.components:
            return
        for component in component_keys(described.components):
            if component in self._book.bundles or self._is_accepted_bundle(component):
                raise GiveUp(Reason.INVALID_ITEM, f"component {component.decode()!r} is a bundle itself")
        accepted = {part for item, _ in self.accepted.values() for part in item.components or ()}
        if key in self._book.bundles_of or any(part.sku == described.sku for part in accepted):
            raise GiveUp(
                Reason.INVALID_ITEM, f"{described.sku!r} is part of a bundle and can't become one itself"
            )

    def _is_accepted_bundle(self, key: bytes) -> bool:
        return key in self.accepted and bool(self.accepted[key][0].components)

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
