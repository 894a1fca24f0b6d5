"""What an event must fulfil before it may touch stock (semantics 2 and 7)."""

from streams.domain.errors import GiveUp, Reason
from streams.domain.events import StockAdjusted, StockCounted, StockEvent, TransferReceived, TransferShipped

MILLISECONDS_PER_HOUR = 3_600_000
FUTURE_TOLERANCE_MILLISECONDS = 5 * 60_000  # Semantics 7: clocks differ, but not by more than 5 minutes.
EARLIEST_MILLISECONDS = 946_684_800_000  # 2000-01-01: no stock event of a living system is older.
LATEST_AHEAD_MILLISECONDS = (
    731 * 24 * MILLISECONDS_PER_HOUR
)  # Two years: nobody plans a delivery further ahead.
MAXIMUM_QUANTITY = 1_000_000_000  # No event moves more units; a larger figure is a mistaken barcode.
MAXIMUM_ID_CHARACTERS = 512  # Room for a URI; anything longer is not an identifier.


def check(event: StockEvent | StockCounted, now: int) -> None:
    """Raise GiveUp unless an event's identity, quantity and time make sense at `now`."""
    quantity, occurred_at = event.quantity, event.occurred_at
    if not 0 < quantity <= MAXIMUM_QUANTITY and not (_is_correction(event) or _counts_nothing(event)):
        least = 0 if isinstance(event, StockCounted) else 1
        raise GiveUp(
            Reason.INVALID_QUANTITY, f"quantity {quantity} is not between {least} and {MAXIMUM_QUANTITY}"
        )
    if occurred_at < EARLIEST_MILLISECONDS:
        raise GiveUp(Reason.INVALID_TIME, f"occurred_at {occurred_at} lies before the year 2000")
    if occurred_at > now + FUTURE_TOLERANCE_MILLISECONDS:
        ahead = (occurred_at - now) // 1000
        raise GiveUp(
            Reason.FUTURE_EVENT, f"occurred_at lies {ahead} s in the future, more than the 300 s allowed"
        )
    if not (event.event_id and event.source_id and event.location_id):
        raise GiveUp(Reason.INVALID_IDENTITY, "event_id, source_id and location_id must not be empty")
    channel_id = event.channel_id or ""
    if (
        len(event.event_id) + len(event.source_id) + len(event.location_id) + len(channel_id)
        > MAXIMUM_ID_CHARACTERS
    ):
        raise GiveUp(
            Reason.INVALID_IDENTITY, f"the ids have more than {MAXIMUM_ID_CHARACTERS} characters together"
        )
    if len(event) > _ENVELOPE_FIELDS:
        _check_references(event)


_ENVELOPE_FIELDS = 7


def check_count(event: StockCounted, now: int) -> None:
    """Raise GiveUp unless what a count says beyond other events makes sense at `now`; check comes first."""
    if event.as_of < EARLIEST_MILLISECONDS:
        raise GiveUp(Reason.INVALID_TIME, f"as_of {event.as_of} lies before the year 2000")
    if event.as_of > now + FUTURE_TOLERANCE_MILLISECONDS:
        ahead = (event.as_of - now) // 1000
        raise GiveUp(Reason.FUTURE_EVENT, f"as_of lies {ahead} s in the future, more than the 300 s allowed")
    feed = (event.feed_id, event.feed_kind, event.sequence, event.total)
    if all(part is None for part in feed):
        return
    if event.feed_id is None or event.feed_kind is None or event.sequence is None or event.total is None:
        raise GiveUp(
            Reason.INVALID_COUNT,
            "a row of a feed names feed_id, feed_kind, sequence and total; a single count none of them",
        )
    if not 1 <= event.sequence <= event.total <= MAXIMUM_QUANTITY:
        raise GiveUp(
            Reason.INVALID_COUNT,
            f"sequence {event.sequence} of total {event.total}: rows are numbered from 1 to total",
        )


def check_age(event: StockCounted, now: int, horizon_hours: int) -> None:
    """
    Raise GiveUp for a count older than the lateness horizon.

    What happened since then is not remembered in full, so on_hand could not be told from it.
    """
    if is_late(event.as_of, now, horizon_hours):
        raise GiveUp(
            Reason.TOO_LATE,
            f"as_of is older than the {horizon_hours} hours of the lateness horizon: count again, "
            "or raise ONHAND_LATENESS_HORIZON_HOURS",
        )


def _counts_nothing(event: StockEvent | StockCounted) -> bool:
    """Return True for a count that found an empty shelf."""
    return isinstance(event, StockCounted) and event.quantity == 0


def _is_correction(event: StockEvent | StockCounted) -> bool:
    """Return True for a signed quantity that makes sense."""
    return (
        isinstance(event, StockAdjusted)
        and event.quantity != 0
        and event.quantity >= -MAXIMUM_QUANTITY
        and (event.quantity <= MAXIMUM_QUANTITY)
    )


_DAYS = frozenset({"eta", "deliver_at"})


def _check_day(name: str, value: int, occurred_at: int) -> None:
    """Check when something is to happen; bounded, so that a SKU's future stays a list of few days."""
    if value < EARLIEST_MILLISECONDS:
        raise GiveUp(Reason.INVALID_TIME, f"{name} {value} lies before the year 2000")
    if value > occurred_at + LATEST_AHEAD_MILLISECONDS:
        raise GiveUp(Reason.INVALID_TIME, f"{name} {value} lies more than two years after occurred_at")


def _check_references(event: StockEvent | StockCounted) -> None:
    """Check what a record names beyond the envelope: orders, inbound lines, transfers and other locations."""
    for name, value in zip(event._fields[_ENVELOPE_FIELDS:], event[_ENVELOPE_FIELDS:], strict=True):
        if isinstance(value, str) and not 0 < len(value) <= MAXIMUM_ID_CHARACTERS:
            raise GiveUp(Reason.INVALID_IDENTITY, f"{name} has {len(value)} characters")
        if name in _DAYS and isinstance(value, int):
            _check_day(name, value, event.occurred_at)
    other = getattr(event, "to_location_id", None) or getattr(event, "from_location_id", None)
    if isinstance(event, TransferShipped | TransferReceived) and other == event.location_id:
        raise GiveUp(Reason.INVALID_IDENTITY, f"a transfer leads from {other} to itself")


def is_late(occurred_at: int, now: int, horizon_hours: int) -> bool:
    """Return True for an event older than the lateness horizon (semantics 7)."""
    return occurred_at < now - horizon_hours * MILLISECONDS_PER_HOUR
