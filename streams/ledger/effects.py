"""What events may do to the figures of their location (semantics 3 to 5), for the ledger to be judged by."""

from math import inf

from streams.ledger.movement import Movement

GOODS = {
    "SaleRecorded": -1,
    "OrderPlaced": 0,
    "OrderShipped": -1,
    "OrderCancelled": 0,
    "ReturnReceived": 1,
    "GoodsReceived": 1,
    "InboundAnnounced": 0,
    "InboundCancelled": 0,
    "TransferShipped": -1,
    "TransferReceived": 1,
    "StockAdjusted": 1,
    "DispositionChanged": 0,
}
"""What one unit of an applied event does to on_hand at its location."""
PROMISES = (
    "PlaceHold",
    "ConfirmHold",
    "ReleaseHold",
    "HoldExpired",
    "HoldMoved",
    "HoldConfirmed",
    "OrderFellDue",
)
ON_HAND_FACTORS = {**GOODS, **dict.fromkeys(PROMISES, 0)}
"""The same for all that is judged; counts are not, nor what a later release writes."""

WITHOUT_EFFECT = frozenset({"DUPLICATE", "REJECTED", "SUPERSEDED", "NOT_TRUSTED", "EXPLODED"})

Factors = tuple[float, float]
ANY: Factors = (-inf, inf)

MOVERS: dict[str, dict[str, Factors]] = {
    "held": {
        "PlaceHold": (
            -inf,
            1,
        ),  # A hold that grows adds less than all of it, one that shrinks takes some away.
        "ConfirmHold": (-inf, 0),  # What a confirmation leaves of its hold is given back.
        "ReleaseHold": (-1, -1),
        "HoldExpired": (-1, -1),
        "HoldMoved": (-1, -1),
        "HoldConfirmed": (-1, -1),
    },
    "reserved": {
        "OrderPlaced": ANY,  # It may move all of its order to another day.
        "ConfirmHold": ANY,  # The same.
        "OrderFellDue": (1, 1),
        "OrderShipped": (-1, 0),
        "OrderCancelled": (-1, 0),
    },
    "unsellable": {"ReturnReceived": (0, 1), "DispositionChanged": (-1, 1)},
}
"""The least and the most that one unit does to a figure, by the events that move it; all others leave it alone."""

# Rows of the first release hold none of these figures; of them only this can be told.
AVAILABLE_FACTORS: dict[str, tuple[int, int]] = {
    **{name: (factor, factor) for name, factor in GOODS.items()},
    "OrderPlaced": (-1, 0),  # Less when a part was shipped or cancelled before the order arrived.
    "OrderShipped": (-1, 0),  # What was reserved for it leaves what is available alone.
    "OrderCancelled": (0, 1),
    "ReturnReceived": (0, 1),  # Damaged goods come back without becoming available.
    "DispositionChanged": (-1, 1),
}
"""The least and the most that one unit may do to what is available there."""


def on_hand_change(movement: Movement) -> int | None:
    """Return what an event does to on_hand, None for one that is not judged."""
    if movement.outcome in WITHOUT_EFFECT:
        return 0
    factor = ON_HAND_FACTORS.get(movement.event_type)
    if factor is None or movement.outcome != "APPLIED":
        return None
    return factor * movement.quantity


def span_of(figure: str, movement: Movement) -> Factors | None:
    """Return the least and the most that an event does to a figure, None for one that is not judged."""
    if movement.outcome in WITHOUT_EFFECT:
        return 0, 0
    factors = MOVERS[figure].get(movement.event_type)
    if factors is None:
        known = movement.event_type in ON_HAND_FACTORS or movement.event_type in _COUNTS
        return (0, 0) if known else None
    least, most = (factor * movement.quantity if factor else 0 for factor in factors)
    return least, most


_COUNTS = frozenset({"StockCounted", "FeedZeroed"})  # They never touch what is promised (semantics 5).


def beyond_event(movement: Movement, change: int) -> int:
    """Return the part of a change of what is available that an event can't have made, as far as is known."""
    if movement.outcome in WITHOUT_EFFECT:
        return change
    factors = AVAILABLE_FACTORS.get(movement.event_type)
    if factors is None or movement.outcome != "APPLIED":
        return 0
    least, most = sorted(factor * movement.quantity for factor in factors)
    return change - min(max(change, least), most)
