"""When an input record is bad: verification's own reading of semantics 2 to 7."""

from typing import Any

from streams.verify.decoding import Undecodable, decode, record_of
from streams.verify.documents import examine_item, examine_policy
from streams.verify.text import is_normal_sku

YEAR_2000_MS = 946_684_800_000
TWO_YEARS_MS = 731 * 86_400_000
FUTURE_TOLERANCE_MS = 5 * 60 * 1000
QUANTITY_MAXIMUM = 1_000_000_000
IDS_CHARACTERS_MAXIMUM = 512

ENVELOPE = ("event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at")
REFERENCES = (
    *("order_id", "hold_id", "owner", "inbound_id", "transfer_id"),
    *("to_location_id", "from_location_id", "feed_id"),
)
POLICY_RECORD, ITEM_RECORD, COUNT_RECORD = "StockPolicySet", "ItemDescribed", "StockCounted"
DOCUMENTS = frozenset({POLICY_RECORD, ITEM_RECORD})
"""Records that move no stock, so they have no row in the ledger."""
PLACE_RECORD, CONFIRM_RECORD, RELEASE_RECORD = "PlaceHold", "ConfirmHold", "ReleaseHold"
REQUESTS = frozenset({PLACE_RECORD, CONFIRM_RECORD, RELEASE_RECORD})
MAY_BE_ZERO = frozenset({COUNT_RECORD, CONFIRM_RECORD})


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
        examine_policy(value, problems)
    elif record == ITEM_RECORD:
        examine_item(value, problems)
    else:
        _examine_event(record, value, problems)
    return Event(record, value, frozenset(problems) if problems else NO_PROBLEMS)


def _examine_event(record: str, value: dict[str, Any], problems: set[str]) -> None:
    if not _is_possible_quantity(record, value["quantity"]):
        problems.add("INVALID_QUANTITY")
    if not is_normal_sku(value["sku"]):
        problems.add("INVALID_SKU")
    ids = [value["event_id"], value["source_id"]]
    if value["location_id"] is not None:  # Only a request may leave it open, by its schema.
        ids.append(value["location_id"])
    if not all(ids) or sum(map(len, ids)) + len(value["channel_id"] or "") > IDS_CHARACTERS_MAXIMUM:
        problems.add("INVALID_IDENTITY")
    if len(value) > len(ENVELOPE):
        _examine_rest(record, value, problems)


def _is_possible_quantity(record: str, quantity: int) -> bool:
    if record == RELEASE_RECORD:  # All of a hold is released, whatever the request says.
        return True
    if record == "StockAdjusted":
        return 0 < abs(quantity) <= QUANTITY_MAXIMUM
    return (0 if record in MAY_BE_ZERO else 1) <= quantity <= QUANTITY_MAXIMUM


def _examine_rest(record: str, value: dict[str, Any], problems: set[str]) -> None:
    for name in REFERENCES:
        text = value.get(name)
        if text is not None and not 0 < len(text) <= IDS_CHARACTERS_MAXIMUM:
            problems.add("INVALID_IDENTITY")
    others = {value.get("to_location_id"), value.get("from_location_id")} - {None}
    if value["location_id"] in others:
        problems.add("INVALID_IDENTITY")
    days = [value.get(name) for name in ("eta", "deliver_at")]
    if any(at is not None and not YEAR_2000_MS <= at <= value["occurred_at"] + TWO_YEARS_MS for at in days):
        problems.add("INVALID_TIME")
    if any(value.get(name, YEAR_2000_MS) < YEAR_2000_MS for name in ("as_of", "expires_at")):
        problems.add("INVALID_TIME")
    if record == COUNT_RECORD and not _feed_makes_sense(value):
        problems.add("INVALID_COUNT")


def _feed_makes_sense(value: dict[str, Any]) -> bool:
    """Tell whether a count is none of a feed's, or a row of one with its number."""
    feed = [value[name] for name in ("feed_id", "feed_kind", "sequence", "total")]
    if feed == [None] * len(feed):
        return True
    if None in feed:
        return False
    return bool(1 <= value["sequence"] <= value["total"] <= QUANTITY_MAXIMUM)
