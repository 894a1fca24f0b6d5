"""
A sink for channels that know goods by identifiers of their own.

What is the same for all of them: find an item's identifier once, write whole packs, and make one verdict of what
became of a SKU's items. What differs is an ItemApi.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from connectors.egress.naming import Name, Naming
from connectors.protocols import Availability, ChannelUnavailable, Figure, ItemResult, Verdict

NOT_THERE = "the channel has no item of this SKU"
SKUS_PER_SEARCH = (
    50  # Their names are part of a query or an address, which channels cut at some thousand characters.
)
WORST_FIRST = (Verdict.FAILED, Verdict.UNSENT, Verdict.REFUSED, Verdict.DELIVERED)

Item = TypeVar("Item")


class Target(NamedTuple):
    """An item of the channel that shows a SKU; one of it holds pack_size units."""

    identifier: str
    pack_size: int = 1


class Write(NamedTuple):
    """A figure for one item of the channel, in the channel's packs, and the availability that it comes from."""

    identifier: str
    quantity: int
    update: Availability


class ItemApi(Protocol):
    """What a channel's client can do; all of it may raise ChannelUnavailable, and `write` BatchRefused."""

    async def find(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the identifiers of items by the names asked for; names of nothing are left out."""

    async def write(self, writes: Sequence[Write]) -> Sequence[ItemResult]:
        """Write figures, at most one an identifier, and return a result for each in the same order."""

    async def read(self, identifiers: Sequence[str]) -> Mapping[str, int]:
        """Return what the channel shows of items now; unknown ones are left out."""

    async def check(self) -> None:
        """Ask for what every write needs, without writing. Raises ChannelUnavailable, in words for a person."""

    async def close(self) -> None:
        """Release connections."""


class MappedSink:
    """
    Writes availability to the items of a channel, see ReadableSink.

    Identifiers that were found are kept, about 200 bytes each, until the channel refuses to write to one: then it is
    looked for anew the next time. A SKU that the channel does not have is refused, and asked for with each new value.
    """

    def __init__(self, api: ItemApi, naming: Naming) -> None:
        self._api = api
        self._naming = naming
        self._known: dict[str, tuple[Target, ...]] = {}

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Write one batch, see Sink."""
        targets = await self._targets([update.sku for update in batch])
        writes = plan(batch, targets)
        written = await self._api.write(writes) if writes else ()
        results = settle(batch, writes, written)
        for update, result in zip(batch, results, strict=True):
            if result.verdict is Verdict.REFUSED:
                self._known.pop(update.sku, None)
        return results

    async def read(self, skus: Sequence[str]) -> Mapping[str, Sequence[Figure]]:
        """Return what the channel shows, see ReadableSink."""
        targets = await self._targets(skus)
        asked = [target.identifier for sku in skus for target in targets.get(sku, ())]
        shown = await self._api.read(asked) if asked else {}
        found = {
            sku: [Figure(shown[one.identifier], one.pack_size) for one in items if one.identifier in shown]
            for sku, items in targets.items()
        }
        return {sku: figures for sku, figures in found.items() if figures}

    async def check(self) -> None:
        """Ask the channel whether the account works. Raises ChannelUnavailable."""
        await self._api.check()

    async def close(self) -> None:
        """Release connections."""
        await self._api.close()

    async def _targets(self, skus: Iterable[str]) -> dict[str, tuple[Target, ...]]:
        """Return the items of each SKU, asking the channel for those that are new."""
        skus = list(skus)
        names = {sku: self._naming.names_of(sku) for sku in skus if sku not in self._known}
        for some in slices(list(names), SKUS_PER_SEARCH):
            # What one search has found is kept before the next: it may be the one that the channel throttles.
            self._known |= await self._found({sku: names[sku] for sku in some})
        return {sku: self._known[sku] for sku in skus if sku in self._known}

    async def _found(self, names: Mapping[str, Sequence[Name]]) -> dict[str, tuple[Target, ...]]:
        """Ask once for the items of some SKUs, by their names."""
        looked_for = [name.text for called in names.values() for name in called if not name.is_identifier]
        found = await self._api.find(looked_for) if looked_for else {}
        targets = {
            sku: dict.fromkeys(
                Target(identifier, name.pack_size)
                for name in called
                for identifier in ((name.text,) if name.is_identifier else found.get(name.text, ()))
            )
            for sku, called in names.items()
        }
        return {sku: tuple(items) for sku, items in targets.items() if items}


def plan(batch: Sequence[Availability], targets: Mapping[str, Sequence[Target]]) -> list[Write]:
    """Return the writes that a batch comes to: packs that can be filled, for each item of each SKU."""
    return [
        Write(target.identifier, update.available_to_sell // target.pack_size, update)
        for update in batch
        for target in targets.get(update.sku, ())
    ]


def settle(
    batch: Sequence[Availability], writes: Sequence[Write], results: Sequence[ItemResult]
) -> list[ItemResult]:
    """Return one result for each SKU of a batch: the worst of its items', refused without any."""
    assert len(results) == len(writes), "a channel's client answers for each write"
    of_sku: dict[str, list[ItemResult]] = {update.sku: [] for update in batch}
    for write, result in zip(writes, results, strict=True):
        of_sku[write.update.sku].append(result)
    refused = ItemResult(Verdict.REFUSED, NOT_THERE)
    return [
        min(of_sku[update.sku], key=lambda result: WORST_FIRST.index(result.verdict), default=refused)
        for update in batch
    ]


async def write_parts(
    parts: Iterable[Sequence[Write]], write: Callable[[Sequence[Write]], Awaitable[Sequence[ItemResult]]]
) -> dict[str, ItemResult]:
    """
    Write parts one after another, each in a request of its own, and return results by identifier.

    When the channel fails at a later part, what it has confirmed before stays confirmed, and the rest is unsent: a
    channel that throttles within a batch would otherwise get the same first parts for ever. Raises what the first part
    raises.
    """
    results: dict[str, ItemResult] = {}
    failed = False
    for part in parts:
        written: Sequence[ItemResult] = [ItemResult(Verdict.UNSENT)] * len(part)
        try:
            written = written if failed else await write(part)
        except ChannelUnavailable:
            if not results:
                raise
            failed = True
        results |= {one.identifier: result for one, result in zip(part, written, strict=True)}
    return results


def slices(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield a sequence in parts of at most a size: what one request may hold."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
