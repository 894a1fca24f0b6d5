"""
The catalogue: what is known of a SKU, merged from what several sources say of it.

Each attribute is merged by itself. The description of the source that is its authority wins; without one, and
between two of the same standing, the newer one does. That is a greatest element, so every order of arrival, and
any repetition, gives the same item.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.domain.errors import GiveUp, Reason
from streams.domain.sku import MAX_SKU_BYTES, InvalidSku, normalise_sku
from streams.domain.validation import (
    EARLIEST_MILLISECONDS,
    FUTURE_TOLERANCE_MILLISECONDS,
    MAXIMUM_ID_CHARACTERS,
    MAXIMUM_QUANTITY,
)

GTIN_LENGTHS = frozenset({8, 12, 13, 14})  # GS1 General Specifications 1.3: GTIN-8, -12, -13 and -14.
GTIN_DIGITS = 14  # Shorter ones are the same number with zeros in front.
MAXIMUM_ENTRIES = 500  # Of one attribute: a description must fit into a message, and nobody reads more.
MAXIMUM_NAME_CHARACTERS = 500  # Room for any title that a shop shows.
ATTRIBUTES = ("name", "category", "gtins", "aliases", "units", "components")


class ItemUnit(NamedTuple):
    """A unit of measure such as a case; units are whole single units in it."""

    unit: str
    units: int
    gtin: str | None = None


class BundleComponent(NamedTuple):
    """Part of a bundle: units of a SKU in one bundle."""

    sku: str
    quantity: int


class AttributeOrigin(NamedTuple):
    """The description that an attribute comes from."""

    attribute: str
    source_id: str
    occurred_at: int
    event_id: str


class ItemDescribed(NamedTuple):
    """What one source says about a SKU; None says nothing, and what is empty takes back."""

    event_id: str
    source_id: str
    sku: str
    occurred_at: int
    name: str | None = None
    category: str | None = None
    gtins: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None
    units: tuple[ItemUnit, ...] | None = None
    components: tuple[BundleComponent, ...] | None = None


class Item(NamedTuple):
    """What is known of a SKU, in the order of its schema; origins in the order of the attributes."""

    sku: str
    name: str | None = None
    category: str | None = None
    gtins: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None
    units: tuple[ItemUnit, ...] | None = None
    components: tuple[BundleComponent, ...] | None = None
    origins: tuple[AttributeOrigin, ...] = ()


def merge(item: Item | None, described: ItemDescribed, authority: Mapping[str, str]) -> Item:
    """
    Return an item with a description merged in.

    authority is the source_id that decides an attribute, by attribute; one that is not named has none. Pure, and
    the same for any order and repetition of descriptions.
    """
    item = Item(described.sku) if item is None else item
    origins = {origin.attribute: origin for origin in item.origins}
    for attribute in ATTRIBUTES:
        value = getattr(described, attribute)
        if value is None:
            continue
        origin = AttributeOrigin(attribute, described.source_id, described.occurred_at, described.event_id)
        known = origins.get(attribute)
        if known is None or _standing(origin, authority) > _standing(known, authority):
            item = item._replace(**{attribute: value})
            origins[attribute] = origin
    return item._replace(origins=tuple(origins[name] for name in ATTRIBUTES if name in origins))


def _standing(origin: AttributeOrigin, authority: Mapping[str, str]) -> tuple[bool, int, str, str]:
    decides = authority.get(origin.attribute) == origin.source_id
    return decides, origin.occurred_at, origin.source_id, origin.event_id


def identifiers(item: Item) -> Iterable[tuple[str, int]]:
    """Yield (identifier, units) for everything that means an item, its SKU first and GTINs with 14 digits."""
    yield item.sku, 1
    for alias in item.aliases or ():
        yield alias, 1
    for gtin in item.gtins or ():
        yield whole_gtin(gtin), 1
    for unit in item.units or ():
        if unit.gtin is not None:
            yield whole_gtin(unit.gtin), unit.units


def whole_gtin(gtin: str) -> str:
    """Return a GTIN with all its 14 digits."""
    return gtin.zfill(GTIN_DIGITS)


def is_gtin(text: str) -> bool:
    """Return True for a GTIN whose check digit is right (GS1 General Specifications 7.9)."""
    if len(text) not in GTIN_LENGTHS or not (text.isascii() and text.isdigit()):
        return False
    weighted = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(whole_gtin(text)))
    return weighted % 10 == 0


def check(described: ItemDescribed, now: int) -> None:
    """Raise GiveUp unless a description makes sense at `now`; its SKU is checked as every record's is."""
    if not described.event_id or not described.source_id:
        raise GiveUp(Reason.INVALID_IDENTITY, "event_id and source_id must not be empty")
    if len(described.event_id) + len(described.source_id) > MAXIMUM_ID_CHARACTERS:
        raise GiveUp(
            Reason.INVALID_IDENTITY, f"the ids have more than {MAXIMUM_ID_CHARACTERS} characters together"
        )
    if described.occurred_at < EARLIEST_MILLISECONDS:
        raise GiveUp(Reason.INVALID_TIME, f"occurred_at {described.occurred_at} lies before the year 2000")
    if described.occurred_at > now + FUTURE_TOLERANCE_MILLISECONDS:
        raise GiveUp(Reason.FUTURE_EVENT, "occurred_at lies more than 300 s in the future")
    if described.name is not None and len(described.name) > MAXIMUM_NAME_CHARACTERS:
        raise _invalid(f"the name has more than {MAXIMUM_NAME_CHARACTERS} characters")
    if described.category:
        _check_category(described.category)
    _check_entries(described)
    _check_identifiers(described)
    for component in described.components or ():
        _check_component(described.sku, component)


def _invalid(message: str) -> GiveUp:
    return GiveUp(Reason.INVALID_ITEM, message)


def _check_category(category: str) -> None:
    """Check a path such as shoes/trainers; the key of its policies, */ and the path, must be possible too."""
    parts = category.split("/")
    if any(not part or part != part.strip() for part in parts):
        raise _invalid(
            f"category {category!r} is not a path such as shoes/trainers: a part is empty or padded"
        )
    _check_spelling("category", category)
    if len(category.encode()) > MAX_SKU_BYTES - len("*/"):
        raise _invalid(f"category takes more than {MAX_SKU_BYTES - len('*/')} bytes")


def _check_spelling(what: str, text: str) -> None:
    try:
        normal = normalise_sku(text)
    except InvalidSku as error:
        raise _invalid(f"{what}: {error}") from None
    if normal != text:
        raise _invalid(f"{what} {text!r} is not normalised (NFC, no outer white space)")


def _check_entries(described: ItemDescribed) -> None:
    listed: tuple[tuple[str, tuple[object, ...]], ...] = (
        ("gtin", described.gtins or ()),
        ("alias", described.aliases or ()),
        ("unit", tuple(unit.unit for unit in described.units or ())),
        ("component", tuple(component.sku for component in described.components or ())),
    )
    for what, names in listed:
        if len(names) > MAXIMUM_ENTRIES:
            raise _invalid(f"there are {len(names)} entries of {what}, more than {MAXIMUM_ENTRIES}")
        if len(set(names)) < len(names):
            raise _invalid(f"a {what} is named twice")


def _check_identifiers(described: ItemDescribed) -> None:
    """
    Check what shall mean the SKU.

    A GTIN may be the SKU itself, as many shops have it: it means the same unit. An alias or a package may not.
    """
    packages = [unit.gtin for unit in described.units or () if unit.gtin is not None]
    for gtin in (*(described.gtins or ()), *packages):
        if not is_gtin(gtin):
            raise _invalid(f"{gtin!r} is no GTIN: 8, 12, 13 or 14 digits, the last one their check digit")
    for alias in described.aliases or ():
        _check_spelling("alias", alias)
    for unit in described.units or ():
        _check_spelling("unit", unit.unit)
        if not 1 <= unit.units <= MAXIMUM_QUANTITY:
            raise _invalid(f"a {unit.unit} holds {unit.units} units, not 1 to {MAXIMUM_QUANTITY}")
    if described.sku in (described.aliases or ()) or described.sku in packages:
        raise _invalid(f"{described.sku!r} is the SKU itself and can't be an alias or a package of it")
    means_one = {whole_gtin(gtin) for gtin in described.gtins or ()}
    whole = [whole_gtin(gtin) for gtin in packages]
    if len(set(whole)) < len(whole) or means_one & set(whole):
        raise _invalid("one GTIN stands for two packages, or for a package and a single unit")


def _check_component(bundle: str, component: BundleComponent) -> None:
    _check_spelling("component", component.sku)
    if component.sku == bundle:
        raise _invalid(f"{bundle!r} can't be a bundle of itself")
    if not 1 <= component.quantity <= MAXIMUM_QUANTITY:
        raise _invalid(f"{component.quantity} units of {component.sku!r} are no part of a bundle")


def parse_authority(text: str) -> dict[str, str]:
    """Return the authority by attribute of a text such as `category=pim,gtins=erp`. Raises ValueError."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        attribute, equals, source_id = (word.strip() for word in part.partition("="))
        if attribute not in ATTRIBUTES or not equals or not source_id:
            raise ValueError(f"{part!r} is not attribute=source with one of {', '.join(ATTRIBUTES)}")
        if attribute in found:
            raise ValueError(f"{attribute} has two authorities")
        found[attribute] = source_id
    return found
