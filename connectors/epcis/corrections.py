"""The events that undo others: what an error declaration makes of the movement that it declares wrong."""

from typing import Any

from connectors.translation import Event

SUFFIX = "#error"
_ENVELOPE = ("event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at")
TAKEN = frozenset({"SaleRecorded", "OrderShipped", "TransferShipped"})
BROUGHT = frozenset({"GoodsReceived", "TransferReceived", "ReturnReceived"})


def compensation(event: Event) -> list[Event] | None:
    """
    Return what undoes an event, at the time of the event itself; None for a count, which only a count corrects.

    The time is the wrong event's own, so that a count since then, which has seen the truth, covers both
    (semantics 5). What was on its way is put back too: a transfer that was not sent does not stay incoming. A
    reservation that a wrong shipment used up stays used: the shop's own order events say whether it is still owed.
    """
    record, value = event
    quantity = value["quantity"]
    if record == "StockCounted":
        return None
    if record == "StockAdjusted":
        return [_adjusted(value, -quantity)]
    if record == "DispositionChanged":
        back = "QUALITY_CONTROL" if value["disposition"] == "SELLABLE" else "SELLABLE"
        return [_made(value, "DispositionChanged", quantity, disposition=back)]
    assert record in TAKEN | BROUGHT, record
    undone = [_adjusted(value, quantity if record in TAKEN else -quantity)]
    if record == "ReturnReceived" and value["disposition"] != "SELLABLE":
        undone.append(_made(value, "DispositionChanged", quantity, "#state", disposition="SELLABLE"))
    if record == "TransferShipped":
        undone += _arrived_nowhere(value, quantity)
    return undone


def _arrived_nowhere(value: dict[str, Any], quantity: int) -> list[Event]:
    """Return what closes a transfer at its target without leaving goods there."""
    there = value | {"location_id": value["to_location_id"]}
    return [
        _made(
            there,
            "TransferReceived",
            quantity,
            "#closed",
            transfer_id=value["transfer_id"],
            from_location_id=value["location_id"],
        ),
        _adjusted(there, -quantity, "#target"),
    ]


def _adjusted(value: dict[str, Any], quantity: int, suffix: str = "") -> Event:
    return _made(value, "StockAdjusted", quantity, suffix, reason="CORRECTION")


def _made(value: dict[str, Any], record: str, quantity: int, suffix: str = "", **more: Any) -> Event:
    envelope = {name: value[name] for name in _ENVELOPE}
    event_id = f"{value['event_id']}{SUFFIX}{suffix}"
    return record, envelope | {"event_id": event_id, "quantity": quantity} | more
