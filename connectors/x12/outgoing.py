"""Availability as an X12 846 inventory advice, version 004010: pure. README.md beside this file shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.protocols import Availability

ELEMENT, COMPONENT, SEGMENT = "*", ">", "~"
SKU_CHARACTERS_MAX = 48  # Data element 234, product id, in version 004010.
QUANTITY_DIGITS_MAX = 15  # Data element 380.
CONTROL_NUMBERS = 1_000_000_000  # ISA-13 has nine digits.
AVAILABLE_FOR_SALE = "33"


@dataclass(frozen=True, slots=True)
class InventoryAdvice:
    """
    One interchange of one 846 for each file, see FileFormat.

    sender and receiver are the partners' ids with their qualifiers (ISA-05 to -08); warehouse is how the receiver
    calls the place that the figures are of, which may be left out. Times are UTC.
    """

    sender: str
    receiver: str
    sender_qualifier: str = "ZZ"
    receiver_qualifier: str = "ZZ"
    warehouse: str | None = None
    suffix: str = ".x12"

    def objection(self, update: Availability) -> str | None:
        """Return why X12 can't say a value: it has no way to escape its separators."""
        sku = update.sku
        if len(sku) > SKU_CHARACTERS_MAX:
            return f"X12 takes no SKU longer than {SKU_CHARACTERS_MAX} characters"
        if not (sku.isascii() and sku.isprintable()) or {ELEMENT, COMPONENT, SEGMENT} & set(sku):
            return f"X12 can't say a SKU with {ELEMENT}, {COMPONENT}, {SEGMENT}, or beyond ASCII"
        return None

    def content(self, batch: Sequence[Availability], number: int, now: float) -> bytes:
        """Return one interchange; its control number is the last nine digits of the file's."""
        control = number % CONTROL_NUMBERS
        inner = list(self._advice(batch, control, now))
        segments = [
            self._interchange(control, now),
            _segment("GS", "IB", self.sender, self.receiver, *_date_time(now), str(control), "X", "004010"),
            _segment("ST", "846", "0001"),
            *inner,
            _segment("SE", str(len(inner) + 2), "0001"),
            _segment("GE", "1", str(control)),
            _segment("IEA", "1", f"{control:09}"),
        ]
        return "".join(segments).encode("ascii")

    def _advice(self, batch: Sequence[Availability], control: int, now: float) -> Iterator[str]:
        yield _segment("BIA", "00", "SI", str(control), *_date_time(now))
        told_at = max(update.emitted_at for update in batch) / 1_000
        yield _segment("DTM", "007", *_date_time(told_at), "UT")
        if self.warehouse is not None:
            yield _segment("N1", "WH", "", "92", self.warehouse)
        for line, update in enumerate(batch, start=1):
            yield _segment("LIN", str(line), "VN", update.sku)
            yield _segment("QTY", AVAILABLE_FOR_SALE, str(update.available_to_sell), "EA")
        yield _segment("CTT", str(len(batch)))

    def _interchange(self, control: int, now: float) -> str:
        """Return ISA, the one segment whose elements have fixed widths."""
        date, time = _date_time(now)
        blank = " " * 10
        parties = (f"{self.sender:15}", self.receiver_qualifier, f"{self.receiver:15}")
        numbers = (date[2:], time, "U", "00401", f"{control:09}", "0", "P", COMPONENT)
        return _segment("ISA", "00", blank, "00", blank, self.sender_qualifier, *parties, *numbers)


def _segment(*elements: str) -> str:
    return ELEMENT.join(elements) + SEGMENT + "\n"


def _date_time(seconds: float) -> tuple[str, str]:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M")
