"""What a channel calls our SKUs: an account's mapping, read in the other direction."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.translation import Account


class Name(NamedTuple):
    """A channel's word for an item: how many units one of it holds, and whether it is the item's id there."""

    text: str
    pack_size: int = 1
    is_identifier: bool = False


@dataclass(frozen=True, slots=True)
class Naming:
    """
    The channel's names of SKUs.

    One SKU may be several items there, such as the single unit and the case of 12. A SKU without an entry is called
    by itself, unless the naming is closed: then the channel does not sell it.
    """

    names: Mapping[str, tuple[Name, ...]] = field(default_factory=dict)
    pack_sizes: Mapping[str, int] = field(default_factory=dict)
    closed: bool = False

    def names_of(self, sku: str) -> tuple[Name, ...]:
        """Return what the channel calls a SKU; nothing if it does not sell it."""
        found = self.names.get(sku)
        if found is not None:
            return found
        return () if self.closed else (Name(sku, self.pack_sizes.get(sku, 1)),)


def naming_of(
    account: Account,
    *,
    is_name: Callable[[str], bool] | None = None,
    is_identifier: Callable[[str], bool] | None = None,
) -> Naming:
    """
    Return an account's naming.

    An account may map identifiers of several kinds to one SKU, such as a variant's number beside the text in its SKU
    field; is_name says which of them this channel's items are found by (all, if not given), is_identifier which are
    the items' own (none).
    """
    names: defaultdict[str, list[Name]] = defaultdict(list)
    for text, sku in account.skus.items():
        identifies = is_identifier is not None and is_identifier(text)
        if identifies or is_name is None or is_name(text):
            names[sku].append(Name(text, account.pack_sizes.get(text, 1), identifies))
    return Naming(
        {sku: tuple(found) for sku, found in names.items()}, account.pack_sizes, account.skus_closed
    )
