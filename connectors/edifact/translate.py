"""
EDIFACT messages to events: pure. README.md beside this file says which segment decides what.

What is wrong with the envelopes refuses the file, what is wrong with a message's header that message, what is wrong
with a line that line. Event ids are the control references and the line's ordinal in its message, so that the same
file again is the same events.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from connectors import edi
from connectors.body import Untranslatable
from connectors.edifact.segments import Message, Segment, read
from connectors.sums import Sums
from connectors.translation import Account, Event, Gathering, Translation

ORIGINALS = frozenset({"9", "46", ""})  # Data element 1225: original, provisional, and not said.
CANCELLATION = "1"
COPIES = frozenset({"7", "31"})  # Duplicate and copy: what they repeat has been sent.
DATE, DATE_2, MINUTE, MINUTE_2, SECOND = "102", "101", "203", "201", "204"  # Data element 2379.
DIGITS_OF_DATE = {DATE: 8, DATE_2: 6, MINUTE: 8, MINUTE_2: 6, SECOND: 8}
DESPATCHED, ON_HAND = ("12",), ("145", "17")  # Data element 6063: despatched; actual stock, on hand.
ACCEPTED, RECEIVED, REFUSED = "194", "48", ("195", "196")  # Received and accepted; received; of that refused.
ISSUED = "137"  # Data element 2005: when the message was made.
EXPECTED = ("17", "358", "2")  # Estimated, scheduled and requested delivery.
TAKEN_IN = ("50", "35", ISSUED)  # Receipt of goods, actual delivery.
COUNTED_AT = ("7", "91", ISSUED)  # Effective, end of the period reported on.
ACCEPTED_STOCK = frozenset(
    {"", "1"}
)  # Data element 7491: the kind of inventory; not damaged, reserved and so on.


@dataclass(frozen=True, slots=True)
class _Document:
    """A message of an account, with what all of its lines share."""

    account: Account
    source: Message
    prepared: int
    gathering: Gathering

    @property
    def head(self) -> list[Segment]:
        """Return the segments before the first line."""
        segments = self.source.segments
        end = next((index for index, one in enumerate(segments) if one.tag == "LIN"), len(segments))
        return list(segments[:end])

    def begin(self) -> Segment:
        """Return BGM. Raises Untranslatable if it is missing."""
        found = next((segment for segment in self.head if segment.tag == "BGM"), None)
        if found is None:
            raise Untranslatable("BGM", f"missing in {self.source.kind}")
        return found

    def moment(self, qualifiers: Sequence[str]) -> int:
        """Return the time of the header with the earliest of the qualifiers. Raises Untranslatable."""
        found = _first(self.head, "DTM", qualifiers)
        if found is None:
            raise Untranslatable("DTM", f"none of the qualifiers {', '.join(qualifiers)}")
        form, text = found.at(1, 3) or DATE, found.at(1, 2)
        digits = DIGITS_OF_DATE.get(form)
        if digits is None:
            raise Untranslatable(found.field(1, 3), f"no format of {', '.join(DIGITS_OF_DATE)}")
        where = found.field(1, 2)
        return edi.moment(text[:digits], text[digits:], self.account.time_zone, where, self.prepared)

    def location_id(self, *roles: str) -> str:
        """Return the location that the first party with one of these roles is. Raises Untranslatable."""
        party = _first(self.head, "NAD", roles)
        if party is None:
            return self.account.location_of(None, "NAD")
        return self.account.location_of(edi.identifier(party.at(2), party.field(2)), party.field(2))

    def lines(self) -> Iterator[list[Segment]]:
        """Yield each LIN with what belongs to it."""
        line: list[Segment] = []
        for segment in self.source.segments:
            if segment.tag == "LIN" and line:
                yield line
                line = []
            if segment.tag in {"UNS", "CNT"}:  # The summary, and what follows it, is of no line.
                break
            if segment.tag == "LIN" or line:
                line.append(segment)
        if line:
            yield line

    def each(self, take: Callable[[str, list[Segment]], Iterable[Event]], parts: Sums | None = None) -> None:
        """Add what `take` makes of each line and its event id, added up in parts; a wrong line is refused alone."""
        events: list[Event] = []
        for ordinal, line in enumerate(self.lines(), start=1):
            try:
                events.extend(take(f"{self.source.identity}:{ordinal}", line))
            except Untranslatable as refusal:
                self.gathering.refusals.append(refusal)
        self.gathering.events.extend(events if parts is None else parts.of(events))

    def goods(self, line: Sequence[Segment]) -> edi.Goods:
        """Return what a line is about: LIN's own number, then those of its PIA. Raises Untranslatable."""
        head = line[0]
        codes = [head.at(3)]
        for segment in line:
            if segment.tag == "PIA":
                codes += [segment.at(place) for place in range(2, len(segment.elements) + 1)]
        return edi.goods(self.account, [code for code in codes if code], head.field(3))

    def units(self, segment: Segment) -> int | None:
        """Return the quantity of a QTY; None, with the reason noted, if it is measured. Raises Untranslatable."""
        unit = segment.at(1, 3)
        if unit in edi.MEASURED:
            self.gathering.ignore(f"measured in {unit}, not counted in units")
            return None
        return edi.units(segment.at(1, 2), segment.field(1, 2))


def translate(account: Account, _topic: str, body: object) -> Translation:
    """Return the events of a file of EDIFACT, given as bytes or text. Never raises."""
    gathering = Gathering()
    try:
        messages = read(edi.text_of(body))
    except Untranslatable as refusal:
        return Translation(refusals=(refusal,))
    for source in messages:
        try:
            _translate(account, source, gathering)
        except Untranslatable as refusal:
            gathering.refusals.append(refusal)
    return gathering.result()


def _translate(account: Account, source: Message, gathering: Gathering) -> None:
    take = _KINDS.get(source.kind)
    unb = source.interchange
    if take is None:
        gathering.ignore(f"message {edi.identifier(source.kind, 'UNH 2.1')} moves no stock")
    elif source.is_test and not account.accepts_test_data:
        gathering.ignore("test data: UNB 11 is 1, and the account does not accept it")
    else:
        for element in (2, 5):
            edi.identifier(unb.at(element), unb.field(element))
        edi.identifier(source.reference, "UNH 1.1")
        prepared = edi.moment(unb.at(4), unb.at(4, 2), account.time_zone, unb.field(4))
        take(_Document(account, source, prepared, gathering))


def _despatch_advice(document: _Document) -> None:
    """DESADV: goods on their way to us. Cancelled by function 1; changes can't be told from what they change."""
    record = _opening(document, "InboundAnnounced", "InboundCancelled")
    if record is None:
        return
    begin = document.begin()
    more: dict[str, object] = {"inbound_id": edi.identifier(begin.at(2), begin.field(2))}
    if record == "InboundAnnounced":
        more["eta"] = document.moment(EXPECTED)
    occurred_at, location_id = document.moment((ISSUED, "11")), document.location_id("DP", "ST", "CN")

    def take(event_id: str, line: list[Segment]) -> Iterator[Event]:
        sent = _first(line, "QTY", DESPATCHED)
        if sent is None:
            raise Untranslatable(line[0].field(1), "no quantity 12, despatched")
        quantity = document.units(sent)
        if quantity:
            yield _moved(document, record, event_id, line, quantity, location_id, occurred_at, **more)

    document.each(take)


def _receiving_advice(document: _Document) -> None:
    """RECADV: goods have come in. What was refused at the door is not ours."""
    record = _opening(document, "GoodsReceived", None)
    if record is None:
        return
    occurred_at, location_id = document.moment(TAKEN_IN), document.location_id("DP", "ST")

    def take(event_id: str, line: list[Segment]) -> Iterator[Event]:
        quantity = _accepted(document, line)
        advice = _first(line, "RFF", ("AAK", "DQ")) or _first(document.head, "RFF", ("AAK", "DQ"))
        inbound_id = None if advice is None else edi.identifier(advice.at(1, 2), advice.field(1, 2))
        if quantity:
            yield _moved(
                document, record, event_id, line, quantity, location_id, occurred_at, inbound_id=inbound_id
            )

    document.each(take)


def _accepted(document: _Document, line: Sequence[Segment]) -> int:
    """Return what was received and accepted: said so, or else received less refused. Raises Untranslatable."""
    accepted, received = _first(line, "QTY", (ACCEPTED,)), _first(line, "QTY", (RECEIVED,))
    if accepted is not None:
        return document.units(accepted) or 0
    if received is None:
        raise Untranslatable(line[0].field(1), f"no quantity {ACCEPTED} or {RECEIVED}, received")
    refused = sum(document.units(one) or 0 for one in line if one.tag == "QTY" and one.at(1) in REFUSED)
    quantity = (document.units(received) or 0) - refused
    if quantity < 0:
        raise Untranslatable(received.field(1, 2), "less was received than refused")
    return quantity


def _inventory_report(document: _Document) -> None:
    """INVRPT: what is there. Movements are left out, because their own messages say them."""
    record = _opening(document, "StockCounted", None)
    if record is None:
        return
    as_of, location_id = document.moment(COUNTED_AT), document.location_id("WH", "GY", "ST")
    parts = Sums()

    def take(event_id: str, line: list[Segment]) -> Iterator[Event]:
        found = next(_balances(document, line), None)
        if found is None:
            return
        sku, pack_size = document.goods(line)
        with parts.line_of(sku):
            quantity = document.units(found)
            if quantity is None:
                return
            place = _first(line, "LOC")
            yield document.account.counted(
                event_id,
                sku=sku,
                location_id=(
                    location_id
                    if place is None
                    else document.account.location_of(place.at(2), place.field(2))
                ),
                quantity=quantity * pack_size,
                as_of=as_of,
                basis="PHYSICAL",
                where=found.field(1, 2),
            )

    document.each(take, parts)


def _balances(document: _Document, line: Sequence[Segment]) -> Iterator[Segment]:
    """Yield the quantities of a line that say what is there, the best first."""
    found = []
    kept = True
    for segment in line:
        if segment.tag == "INV":
            kept = not segment.at(1) and segment.at(2) in ACCEPTED_STOCK
        elif segment.tag == "QTY" and kept and segment.at(1) in ON_HAND:
            found.append(segment)
        elif segment.tag == "QTY":
            document.gathering.ignore("movements, and stock of other kinds, in an inventory report")
    yield from sorted(found, key=lambda segment: ON_HAND.index(segment.at(1)))


def _opening(document: _Document, original: str, cancellation: str | None) -> str | None:
    """Return the record that BGM's function asks for; None, with the reason noted, for a copy."""
    begin = document.begin()
    function = begin.at(3)
    if function in COPIES:
        document.gathering.ignore(f"a copy of a {document.source.kind}")
        return None
    if function in ORIGINALS:
        return original
    if function == CANCELLATION and cancellation is not None:
        return cancellation
    raise Untranslatable(
        begin.field(3), "no original: what it changes can't be told; correct it by a new document"
    )


def _moved(
    document: _Document,
    record: str,
    event_id: str,
    line: Sequence[Segment],
    quantity: int,
    location_id: str,
    occurred_at: int,
    **more: object,
) -> Event:
    """Return the event of a line that moves so many of what it counts. Raises Untranslatable."""
    sku, pack_size = document.goods(line)
    return document.account.event(
        record,
        event_id,
        sku=sku,
        location_id=location_id,
        quantity=quantity * pack_size,
        occurred_at=occurred_at,
        where=line[0].field(1),
        **more,
    )


def _first(segments: Sequence[Segment], tag: str, qualifiers: Sequence[str] = ()) -> Segment | None:
    """Return the first segment of a tag, by the earliest of the qualifiers in its first component."""
    for qualifier in qualifiers or (None,):
        for segment in segments:
            if segment.tag == tag and qualifier in {None, segment.at(1)}:
                return segment
    return None


_KINDS: dict[str, Callable[[_Document], None]] = {
    "DESADV": _despatch_advice,
    "RECADV": _receiving_advice,
    "INVRPT": _inventory_report,
}
