"""What a row of the ledger says, in words: for what the name of its event does not tell by itself."""

from streams.ledger.movement import Movement

APPLIED = "APPLIED"

EVENTS = {
    "PlaceHold": "a checkout holds {units} (hold {reference})",
    "ConfirmHold": "hold {reference} became {units} reserved for its order",
    "ReleaseHold": "{units} of hold {reference} were given back by its owner",
    "HoldExpired": "hold {reference} ended by itself and gave back {units}",
    "HoldMoved": "hold {reference} left this location with {units}; the next row says where it holds now",
    "HoldConfirmed": "an order took hold {reference}, here of {units}; the next row is the order's",
    "StockCounted": "a count found {quantity}; with what happened after it, on hand is {on_hand}",
    "FeedZeroed": "a complete full feed does not name the SKU: nothing is on hand but what came after it",
    "OrderFellDue": "the day of order {reference} has begun, for which {units} became reserved",
}
"""What an applied row says; of other events the name says it all."""

OUTCOMES = {
    "DUPLICATE": "it came before: no effect",
    "LATE": "it happened before the location's last count, which has its goods in it: on hand is left alone",
    "SUPERSEDED": "a newer count was in force already: no effect",
    "NOT_TRUSTED": "the location does not trust counts of this source: no effect",
    "EXPLODED": "the SKU is a bundle: its components move instead, each with a row of its own",
}
"""What another outcome says, whatever the event."""

SUPERSEDED = {
    "PlaceHold": "hold {reference} stood like that already: granted again, no effect",
    "ConfirmHold": "hold {reference} was confirmed for this order already: granted again, no effect",
    "ReleaseHold": "hold {reference} had ended already: granted again, no effect",
    "OrderPlaced": "its units were reserved when its hold was confirmed: no effect",
}

REFUSALS = {
    "INSUFFICIENT_STOCK": "not so many units were available",
    "HOLD_EXPIRED": "the time of hold {reference} was over, and its units were not available any more",
    "HOLD_UNKNOWN": "there was no hold {reference}",
    "HOLD_ENDED": "hold {reference} had been confirmed or released",
    "NOT_OWNER": "hold {reference} is somebody else's",
    "UNKNOWN_SKU": "no event had named the SKU yet",
    "INVALID_TIME": "nothing is held for so long",
    "IS_BUNDLE": "it is a bundle, which lies on no shelf",
}
"""Why a request or an order was refused, by reason."""


def words(movement: Movement) -> str | None:
    """Return what a row says, in a sentence without its end; None where the names of event and outcome tell."""
    text = _text(movement)
    if text is None:
        return None
    return text.format(
        units=_units(abs(movement.quantity)),
        quantity=f"{movement.quantity:,}",
        reference=movement.reference or "-",
        on_hand=f"{movement.on_hand[1]:,}",
        reason=movement.reason,
    )


def _text(movement: Movement) -> str | None:
    event_type, outcome, reason = movement.event_type, movement.outcome, movement.reason
    if outcome == APPLIED:
        return EVENTS.get(event_type)
    if outcome == "REJECTED":
        return f"refused: {REFUSALS.get(reason or '', '{reason}')}"
    if reason == "IS_BUNDLE":
        return f"no effect: {REFUSALS[reason]}"
    if outcome == "SUPERSEDED" and event_type in SUPERSEDED:
        return SUPERSEDED[event_type]
    return OUTCOMES.get(outcome)


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count:,} units"
