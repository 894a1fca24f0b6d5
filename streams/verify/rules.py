"""When an input record is bad: verification's own reading of semantics 2, 7 and 9."""

from typing import Any
from unicodedata import category, normalize

from streams.verify.decoding import Undecodable, decode, record_of

YEAR_2000_MS = 946_684_800_000
TWO_YEARS_MS = 731 * 86_400_000
FUTURE_TOLERANCE_MS = 5 * 60 * 1000
QUANTITY_MAXIMUM = 1_000_000_000
STALENESS_MINIMUM_SECONDS = 10
SKU_BYTES_MAXIMUM = 200
IDS_CHARACTERS_MAXIMUM = 512
WHOLE_BASIS_POINTS = 10_000

ENVELOPE = ("event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at")
REFERENCES = ("order_id", "hold_id", "inbound_id", "transfer_id", "to_location_id", "from_location_id")
POLICY_RECORD = "StockPolicySet"


class Event:
    """One input record that could be decoded; problems are the reasons for which it may be refused."""

    __slots__ = ("problems", "record", "value")

    def __init__(self, record: str, value: dict[str, Any], problems: frozenset[str]) -> None:
        self.record = record
        self.value = value
        self.problems = problems


NO_PROBLEMS: frozenset[str] = frozenset()


def examine(key: bytes | None, data: bytes | None, allowed: frozenset[str]) -> Event | frozenset[str]:
    """
    Return the event in a record of a topic that takes the allowed records, or the reasons why there is none.

    Whether an event lies too far in the future depends on when it was read, so it is no problem here.
    """
    try:
        record = record_of(data)
        if record not in allowed:
            return frozenset({"UNEXPECTED_RECORD", "UNDECODABLE"})
        record, value = decode(data)
    except Undecodable:
        return frozenset({"UNDECODABLE"})
    sku: str = value["sku"]
    problems: set[str] = set()
    if not key or key != sku.encode():
        problems.add("INVALID_KEY")
    if value["occurred_at"] < YEAR_2000_MS:
        problems.add("INVALID_TIME")
    if record == POLICY_RECORD:
        _examine_policy(value, problems)
    else:
        _examine_event(record, value, problems)
    return Event(record, value, frozenset(problems) if problems else NO_PROBLEMS)


def _examine_event(record: str, value: dict[str, Any], problems: set[str]) -> None:
    quantity = value["quantity"]
    smallest = -QUANTITY_MAXIMUM if record == "StockAdjusted" else 1
    if not smallest <= quantity <= QUANTITY_MAXIMUM or quantity == 0:
        problems.add("INVALID_QUANTITY")
    if not is_normal_sku(value["sku"]):
        problems.add("INVALID_SKU")
    ids = value["event_id"], value["source_id"], value["location_id"]
    if not all(ids) or sum(map(len, ids)) + len(value["channel_id"] or "") > IDS_CHARACTERS_MAXIMUM:
        problems.add("INVALID_IDENTITY")
    if len(value) == len(ENVELOPE):
        return
    for name in REFERENCES:
        text = value.get(name)
        if text is not None and not 0 < len(text) <= IDS_CHARACTERS_MAXIMUM:
            problems.add("INVALID_IDENTITY")
    if value["location_id"] in {value.get("to_location_id"), value.get("from_location_id")}:
        problems.add("INVALID_IDENTITY")
    days = [value.get(name) for name in ("eta", "deliver_at")]
    if any(at is not None and not YEAR_2000_MS <= at <= value["occurred_at"] + TWO_YEARS_MS for at in days):
        problems.add("INVALID_TIME")


def is_normal_sku(sku: str) -> bool:
    """Tell whether a SKU is in its one spelling: NFC, trimmed, no control characters, not too long; no policy's key."""
    return sku != "*" and not sku.startswith("*/") and is_normal_text(sku)


def is_normal_policy_key(key: str) -> bool:
    """Tell whether a key is that of a policy: for all SKUs, for a category's path, or for one SKU."""
    if not key.startswith("*/"):
        return key == "*" or is_normal_sku(key)
    steps = key[2:].split("/")
    return is_normal_text(key) and all(step and step == step.strip() for step in steps)


def is_normal_text(sku: str) -> bool:
    """Tell whether a key is NFC, trimmed, not too long and without control characters."""
    if not sku or len(sku.encode()) > SKU_BYTES_MAXIMUM or sku != sku.strip():
        return False
    if sku.isascii() and sku.isprintable():
        return True
    return normalize("NFC", sku) == sku and not any(category(character) == "Cc" for character in sku)


def _examine_policy(value: dict[str, Any], problems: set[str]) -> None:
    ids = value["event_id"], value["source_id"]
    if not all(ids) or sum(map(len, ids)) > IDS_CHARACTERS_MAXIMUM:
        problems.add("INVALID_IDENTITY")
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
