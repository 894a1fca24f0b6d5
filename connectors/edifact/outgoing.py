"""Availability as an EDIFACT INVRPT, directory D.01B: pure. README.md beside this file shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.protocols import Availability

SPECIAL = "?:+'"  # The first releases the others, and itself.
SKU_CHARACTERS_MAX = 35  # Data element 7140, item identifier.
ACTUAL_STOCK = "145"
CHARACTER_SET = "latin-1"  # What UNOC means: ISO 8859-1.


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """
    One interchange of one INVRPT for each file, see FileFormat.

    sender and receiver are the partners' ids with their qualifiers (UNB), such as 14 for a GLN; warehouse is how the
    receiver calls the place that the figures are of, which may be left out. Times are UTC.
    """

    sender: str
    receiver: str
    sender_qualifier: str = "14"
    receiver_qualifier: str = "14"
    warehouse: str | None = None
    suffix: str = ".edi"

    def objection(self, update: Availability) -> str | None:
        """Return why EDIFACT can't say a value."""
        if len(update.sku) > SKU_CHARACTERS_MAX:
            return f"EDIFACT takes no SKU longer than {SKU_CHARACTERS_MAX} characters"
        try:
            update.sku.encode(CHARACTER_SET)
        except UnicodeEncodeError:
            return "EDIFACT of character set UNOC can't say a SKU beyond Latin-1"
        return None

    def content(self, batch: Sequence[Availability], number: int, now: float) -> bytes:
        """Return one interchange; its reference is the file's number."""
        written_at = datetime.fromtimestamp(now, UTC)
        inner = list(self._report(batch, number))
        segments = [
            _segment(
                "UNB",
                ("UNOC", "3"),
                (self.sender, self.sender_qualifier),
                (self.receiver, self.receiver_qualifier),
                (written_at.strftime("%y%m%d"), written_at.strftime("%H%M")),
                (str(number),),
            ),
            _segment("UNH", ("1",), ("INVRPT", "D", "01B", "UN")),
            *inner,
            _segment("UNT", (str(len(inner) + 2),), ("1",)),
            _segment("UNZ", ("1",), (str(number),)),
        ]
        return "".join(segments).encode(CHARACTER_SET)

    def _report(self, batch: Sequence[Availability], number: int) -> Iterator[str]:
        told_at = datetime.fromtimestamp(max(update.emitted_at for update in batch) / 1_000, UTC)
        yield _segment("BGM", ("35",), (str(number),), ("9",))
        yield _segment("DTM", ("137", told_at.strftime("%Y%m%d%H%M"), "203"))
        if self.warehouse is not None:
            yield _segment("NAD", ("GY",), (self.warehouse, "", "92"))
        for line, update in enumerate(batch, start=1):
            yield _segment("LIN", (str(line),), ("",), (update.sku, "SA"))
            yield _segment("QTY", (ACTUAL_STOCK, str(update.available_to_sell), "PCE"))
        yield _segment("UNS", ("S",))
        yield _segment("CNT", ("2", str(len(batch))))


def _segment(tag: str, *composites: tuple[str, ...]) -> str:
    return "+".join([tag, *(":".join(map(_released, one)) for one in composites)]) + "'\n"


def _released(text: str) -> str:
    """Return a text whose special characters are released."""
    return "".join(f"?{character}" if character in SPECIAL else character for character in text)
