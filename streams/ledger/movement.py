"""One row of the ledger as it was read, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from schemas import wire

RECORD = "StockMovement"


class UnreadableRow(ValueError):
    """Bytes in the ledger that are no movement; the message says why."""


class Figures(NamedTuple):
    """
    Units at one location after a row: available is on_hand less all the others, and may be negative.

    Rows of the first release hold on_hand and available only; the others are None there.
    """

    on_hand: int
    available: int
    unsellable: int | None = 0
    reserved: int | None = 0
    held: int | None = 0
    safety_stock: int | None = 0


NOTHING = Figures(0, 0)


@dataclass(frozen=True, slots=True)
class Movement:
    """One event's outcome; times are UTC milliseconds, quantities whole units, in the terms of StockMovement."""

    partition: int
    offset: int
    values: Mapping[str, Any]

    @classmethod
    def of(cls, partition: int, offset: int, data: bytes | None) -> Self:
        """Return the movement in a record of the ledger. Raises UnreadableRow."""
        try:
            record, values = wire.decode(data or b"")
        except wire.UndecodableRecord as error:
            raise UnreadableRow(str(error)) from error
        if record != RECORD:
            raise UnreadableRow(f"it is a {record}, not a {RECORD}")
        return cls(partition, offset, values)

    @property
    def location_id(self) -> str:
        """Where it happened."""
        location_id: str = self.values["location_id"]
        return location_id

    @property
    def event_type(self) -> str:
        """Record name of the event."""
        event_type: str = self.values["event_type"]
        return event_type

    @property
    def outcome(self) -> str:
        """What became of the event."""
        outcome: str = self.values["outcome"]
        return outcome

    @property
    def quantity(self) -> int:
        """Units of the event, as it was sent: signed for adjustments only."""
        quantity: int = self.values["quantity"]
        return quantity

    @property
    def on_hand(self) -> tuple[int, int]:
        """Units at the location before and after the event."""
        return self.values["on_hand_before"], self.values["on_hand_after"]

    @property
    def change(self) -> int:
        """Units that the event added to on_hand at its location; negative when it took some."""
        before, after = self.on_hand
        return after - before

    @property
    def after(self) -> Figures:
        """Figures at the location after the event."""
        return Figures(*(self.values[f"{name}_after"] for name in Figures._fields))

    @property
    def reason(self) -> str | None:
        """Why it was refused, if it was."""
        reason: str | None = self.values["reason"]
        return reason

    @property
    def reference(self) -> str | None:
        """The order, hold, delivery, transfer or feed that it belongs to."""
        reference: str | None = self.values["reference"]
        return reference

    @property
    def version(self) -> int:
        """Version of the SKU after the event."""
        version: int = self.values["version"]
        return version

    @property
    def recorded_at(self) -> int:
        """When the stock agent applied it, UTC milliseconds."""
        recorded_at: int = self.values["recorded_at"]
        return recorded_at
