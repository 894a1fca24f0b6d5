"""
Rows of item files to descriptions: pure.

A JSON line is a description as schemas/ has it, without ids: sku, name, category, gtins, aliases, units, components.
In CSV the same names are columns; a list has its entries separated by semicolons, a unit is written case=12 or
case=12=GTIN, and a component MUG=2. A cell that is empty says nothing; one with a dash alone takes back what was
said.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from connectors.body import Part, Untranslatable, body_of, unknown
from streams.domain import catalogue
from streams.domain.catalogue import ATTRIBUTES, BundleComponent, ItemDescribed, ItemUnit
from streams.domain.errors import EventRefused
from streams.domain.sku import InvalidSku, normalise_sku

RECORD = "ItemDescribed"
COLUMNS = ("sku", *ATTRIBUTES)
BETWEEN_ENTRIES, WITHIN_ENTRY, TAKEN_BACK = ";", "=", "-"
UNIT_PARTS = ("unit", "units", "gtin")
COMPONENT_PARTS = ("sku", "quantity")
ID_BYTES = 16  # Two descriptions of one SKU with one id are a matter of luck that nobody has.


def described(row: Mapping[str, Any], source_id: str, occurred_at: int) -> dict[str, Any]:
    """
    Return the description that a row stands for, said by a source at a time (UTC milliseconds).

    Its id follows from all of it: the same row of the same time is the same event. Raises Untranslatable.
    """
    part = body_of(row)
    for name in row:
        if name not in COLUMNS:
            raise unknown(part, name, f"unknown; an item has {', '.join(COLUMNS)}")
    item = ItemDescribed(
        "-",
        source_id,
        _sku(part),
        occurred_at,
        _said(part, "name", _text),
        _said(part, "category", _text),
        _said(part, "gtins", _texts),
        _said(part, "aliases", _texts),
        _said(part, "units", _units),
        _said(part, "components", _components),
    )
    value: dict[str, Any] = _as_fields(item)
    content = json.dumps(value, sort_keys=True).encode()
    value["event_id"] = blake2b(content, digest_size=ID_BYTES).hexdigest()
    try:
        catalogue.check(item, occurred_at)
    except EventRefused as error:
        raise Untranslatable("", error.message) from None
    return value


def from_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return a CSV row as a JSON line would have it. Raises Untranslatable."""
    row: dict[str, Any] = {}
    for name, cell in cells.items():
        text = cell.strip()
        if not text:
            continue
        is_list = name in _ENTRIES
        if text == TAKEN_BACK:
            row[name] = [] if is_list else ""
        elif is_list:
            entries = (entry.strip() for entry in text.split(BETWEEN_ENTRIES))
            row[name] = [_ENTRIES[name](name, entry) for entry in entries if entry]
        else:
            row[name] = text
    return row


def _plain_entry(_name: str, entry: str) -> str:
    return entry


def _unit_entry(name: str, entry: str) -> dict[str, str]:
    return _entry(name, entry, UNIT_PARTS, entry.split(WITHIN_ENTRY))


def _component_entry(name: str, entry: str) -> dict[str, str]:
    return _entry(name, entry, COMPONENT_PARTS, entry.rsplit(WITHIN_ENTRY, 1))


def _entry(name: str, entry: str, names: Sequence[str], parts: Sequence[str]) -> dict[str, str]:
    if not 2 <= len(parts) <= len(names):
        raise Untranslatable(name, f"{entry!r} is not {WITHIN_ENTRY.join(names)}")
    return dict(zip(names, parts, strict=False))


_ENTRIES: dict[str, Callable[[str, str], Any]] = {
    "gtins": _plain_entry,
    "aliases": _plain_entry,
    "units": _unit_entry,
    "components": _component_entry,
}


def _sku(part: Part) -> str:
    try:
        return normalise_sku(part.text("sku"))
    except InvalidSku as error:
        raise part.refuse("sku", str(error)) from None


def _said(part: Part, name: str, read: Callable[[Part, str], Any]) -> Any:
    """Return what a row says of an attribute, None when it says nothing."""
    return read(part, name) if part.has(name) else None


def _text(part: Part, name: str) -> str:
    text = part.optional_text(name) or ""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise part.refuse(name, "no valid Unicode text") from None
    return text


def _texts(part: Part, name: str) -> tuple[str, ...]:
    found = []
    for where, entry in part.entries(name):
        if not isinstance(entry, str):
            raise Untranslatable(where, "not a text")
        found.append(entry.strip())
    return tuple(found)


def _units(part: Part, name: str) -> tuple[ItemUnit, ...]:
    return tuple(
        ItemUnit(unit.text("unit"), unit.whole("units", minimum=1), unit.optional_text("gtin"))
        for unit in part.parts(name)
    )


def _components(part: Part, name: str) -> tuple[BundleComponent, ...]:
    return tuple(
        BundleComponent(component.text("sku"), component.whole("quantity", minimum=1))
        for component in part.parts(name)
    )


def _as_fields(found: Any) -> Any:
    """Return records as dictionaries, as the edge codec takes them."""
    if hasattr(found, "_asdict"):
        return {name: _as_fields(value) for name, value in found._asdict().items()}
    return [_as_fields(entry) for entry in found] if isinstance(found, tuple) else found
