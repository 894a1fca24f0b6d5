"""When a document is bad, a policy or a description of an item: verification's own reading of semantics 9."""

from typing import Any

from streams.verify.text import is_normal_policy_key, is_normal_sku

QUANTITY_MAXIMUM = 1_000_000_000
STALENESS_MINIMUM_SECONDS = 10
IDS_CHARACTERS_MAXIMUM = 512
NAME_CHARACTERS_MAXIMUM = 500
CATEGORY_BYTES_MAXIMUM = 198  # With */ before it it is the key of a policy.
ENTRIES_MAXIMUM = 500
GTIN_DIGITS = (8, 12, 13, 14)
WHOLE_BASIS_POINTS = 10_000


def _examine_identity(value: dict[str, Any], problems: set[str]) -> None:
    ids = value["event_id"], value["source_id"]
    if not all(ids) or sum(map(len, ids)) > IDS_CHARACTERS_MAXIMUM:
        problems.add("INVALID_IDENTITY")


def examine_policy(value: dict[str, Any], problems: set[str]) -> None:
    """Add what is wrong with a policy."""
    _examine_identity(value, problems)
    if not is_normal_policy_key(value["sku"]):
        problems.add("INVALID_SKU")
    if not (_figures_make_sense(value) and _names_make_sense(value)):
        problems.add("INVALID_POLICY")


def _figures_make_sense(value: dict[str, Any]) -> bool:
    """Tell whether each figure of a policy lies within its limits, and a feed's share is stated for all SKUs."""
    units = [value[name] for name in ("network_safety", "low_stock_threshold", "discrepancy_threshold")]
    units += [rule["safety_stock"] for rule in value["locations"]]
    shares = [rule["feed_zero_share_basis_points"] for rule in value["sources"]]
    if value["sku"] != "*" and any(share is not None for share in shares):
        return False
    silences = []
    for rule in value["channels"]:
        units += (rule["buffer"], rule["cap"], rule["ring_fence"], rule["priority"])
        shares.append(rule["share_basis_points"])
        silences.append(rule["maximum_staleness_seconds"])
    return (
        _all_between(0, units, QUANTITY_MAXIMUM)
        and _all_between(-QUANTITY_MAXIMUM, [value["backorder_limit"]], QUANTITY_MAXIMUM)
        and _all_between(0, shares, WHOLE_BASIS_POINTS)
        and _all_between(STALENESS_MINIMUM_SECONDS, silences, QUANTITY_MAXIMUM)
    )


def _all_between(least: int, figures: list[int | None], most: int) -> bool:
    return all(figure is None or least <= figure <= most for figure in figures)


def _names_make_sense(value: dict[str, Any]) -> bool:
    """Tell whether nothing in a policy is without a name or named twice."""
    for rules, name in (
        ("channels", "channel_id"),
        ("locations", "location_id"),
        ("location_groups", "group_id"),
        ("sources", "location_id"),
    ):
        names = [rule[name] for rule in value[rules]]
        if not all(names) or len(set(names)) != len(names):
            return False
    mentioned = [
        *(rule[name] or () for rule in value["channels"] for name in ("location_ids", "location_group_ids")),
        *(group["location_ids"] for group in value["location_groups"]),
        *(
            rule[name] or ()
            for rule in value["sources"]
            for name in ("source_ids", "trusted_count_source_ids")
        ),
    ]
    return all(0 < len(name) <= IDS_CHARACTERS_MAXIMUM for names in mentioned for name in names)


def examine_item(value: dict[str, Any], problems: set[str]) -> None:
    """Add what is wrong with a description of an item."""
    _examine_identity(value, problems)
    if not is_normal_sku(value["sku"]):
        problems.add("INVALID_SKU")
    if not (_texts_make_sense(value) and _entries_make_sense(value) and _identifiers_make_sense(value)):
        problems.add("INVALID_ITEM")


def _texts_make_sense(value: dict[str, Any]) -> bool:
    category = value["category"] or ""
    steps = category.split("/") if category else []
    return (
        len(value["name"] or "") <= NAME_CHARACTERS_MAXIMUM
        and all(step and step == step.strip() for step in steps)
        and (not category or is_normal_sku(category))
        and len(category.encode()) <= CATEGORY_BYTES_MAXIMUM
    )


def _entries_make_sense(value: dict[str, Any]) -> bool:
    """Tell whether no list of a description is too long or names something twice, and every number is possible."""
    units, components = value["units"] or [], value["components"] or []
    lists = [value["gtins"] or [], value["aliases"] or []]
    lists += [[unit["unit"] for unit in units], [component["sku"] for component in components]]
    if any(len(names) > ENTRIES_MAXIMUM or len(set(names)) < len(names) for names in lists):
        return False
    figures = [unit["units"] for unit in units] + [component["quantity"] for component in components]
    spelled = all(is_normal_sku(name) for names in lists[1:] for name in names)
    return spelled and _all_between(1, figures, QUANTITY_MAXIMUM)


def _identifiers_make_sense(value: dict[str, Any]) -> bool:
    """Tell whether nothing that is to mean the SKU, a package of it or a part of it can mean something else."""
    sku, gtins = value["sku"], value["gtins"] or []
    packages = [unit["gtin"] for unit in value["units"] or [] if unit["gtin"] is not None]
    parts = [component["sku"] for component in value["components"] or []]
    if not all(_is_gtin(gtin) for gtin in gtins + packages):
        return False
    whole = [int(gtin) for gtin in packages]
    apart = len(set(whole)) == len(whole) and not {int(gtin) for gtin in gtins} & set(whole)
    return apart and sku not in {*(value["aliases"] or []), *packages, *parts}


def _is_gtin(text: str) -> bool:
    if len(text) not in GTIN_DIGITS or not (text.isascii() and text.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0
