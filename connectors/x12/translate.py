"""
X12 transaction sets to events: pure. README.md beside this file says which segment decides what.

What is wrong with an interchange's envelopes refuses the file, what is wrong with a set's header that set, what is
wrong with a line that line. Event ids are the control numbers and the line's ordinal in its set, so that the same
file again is the same events.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from connectors import edi
from connectors.body import Untranslatable
from connectors.sums import Sums
from connectors.translation import Account, Event, Gathering, Translation
from connectors.x12.segments import Segment, TransactionSet, read

ORIGINAL, CANCELLATION = "00", "01"  # Data element 353, purpose of a transaction set.
PLACED = frozenset({"N", "B", "S"})  # Data element 473, order status: original, backorder, future dated.
CANCELLED = frozenset({"F", "D"})
NOT_AN_ORDER = frozenset({"A", "C", "E", "X"})  # Information, confirmations and simulation.
ON_HAND = ("17", "26")  # Data element 673: on hand, total inventory; everything at the place.
FREE = ("33", "34")  # Available for sale, uncommitted on the shelf: open orders are already taken off.
EXPECTED = ("017", "067", "002")  # Data element 374: estimated, scheduled and requested delivery.

ZONES: dict[str, tzinfo] = {
    # Data element 623. The general codes follow daylight saving, those with S and D say which it is.
    "GM": UTC,
    "UT": UTC,
    "ET": ZoneInfo("America/New_York"),
    "CT": ZoneInfo("America/Chicago"),
    "MT": ZoneInfo("America/Denver"),
    "PT": ZoneInfo("America/Los_Angeles"),
    **{
        f"{name}S": timezone(timedelta(hours=hours))
        for name, hours in (("E", -5), ("C", -6), ("M", -7), ("P", -8))
    },
    **{
        f"{name}D": timezone(timedelta(hours=hours))
        for name, hours in (("E", -4), ("C", -5), ("M", -6), ("P", -7))
    },
}


@dataclass(frozen=True, slots=True)
class _Set:
    """A transaction set of an account, with what all of its lines share."""

    account: Account
    source: TransactionSet
    prepared: int
    gathering: Gathering

    def first(self, tag: str, qualifiers: Sequence[str] = ()) -> Segment | None:
        """Return the first segment of a tag, by the earliest of the qualifiers in its first element."""
        for qualifier in qualifiers or (None,):
            for segment in self.source.segments:
                if segment.tag == tag and qualifier in {None, segment.at(1)}:
                    return segment
        return None

    def header(self, tag: str) -> Segment:
        """Return a segment that the set can't do without. Raises Untranslatable."""
        found = self.first(tag)
        if found is None:
            raise Untranslatable(tag, f"missing in transaction set {self.source.kind}")
        return found

    def location_id(self, *roles: str) -> str:
        """Return the location that the first party with one of these roles is. Raises Untranslatable."""
        party = self.first("N1", roles)
        if party is None:
            return self.account.location_of(None, "N1")
        return self.account.location_of(edi.identifier(party.at(4), party.field(4)), party.field(4))

    def moment(self, segment: Segment, date: int, time: int = 0, zone: int = 0) -> int:
        """Return the time that elements of a segment say; a place of 0 is one that the segment has not."""
        code = segment.at(zone) if zone else ""
        if code not in {"", "LT"} and code not in ZONES:
            raise Untranslatable(segment.field(zone), "a time zone code that is not known here")
        clock = segment.at(time) if time else ""
        where = segment.field(date)
        return edi.moment(
            segment.at(date), clock, ZONES.get(code, self.account.time_zone), where, self.prepared
        )

    def event_id(self, line: int) -> str:
        """Return the id of the event that a line becomes."""
        return f"{self.source.identity}:{line}"

    def each(
        self,
        lines: Iterable[list[Segment]],
        take: Callable[[int, list[Segment]], Iterable[Event]],
        parts: Sums | None = None,
    ) -> None:
        """Add what `take` makes of each line and its ordinal, added up in parts; a wrong line is refused alone."""
        events: list[Event] = []
        for ordinal, line in enumerate(lines, start=1):
            try:
                events.extend(take(ordinal, line))
            except Untranslatable as refusal:
                self.gathering.refusals.append(refusal)
        self.gathering.events.extend(events if parts is None else parts.of(events))

    def lines(self, tag: str) -> Iterator[list[Segment]]:
        """Yield the loops that begin with a tag, up to the next."""
        line: list[Segment] = []
        for segment in self.source.segments:
            if segment.tag == tag and line:
                yield line
                line = []
            if segment.tag == tag or line:
                line.append(segment)
        if line:
            yield line

    def is_counted(self, unit: str) -> bool:
        """Tell whether a unit counts, with the reason noted if it measures."""
        if unit in edi.MEASURED:
            self.gathering.ignore(f"measured in {unit}, not counted in units")
        return unit not in edi.MEASURED

    def units(self, segment: Segment, quantity: int) -> int:
        """Return a quantity; nothing at all is noted as such. Raises Untranslatable."""
        units = edi.units(segment.at(quantity), segment.field(quantity))
        if not units:
            self.gathering.ignore("lines of quantity 0")
        return units


def translate(account: Account, _topic: str, body: object) -> Translation:
    """Return the events of a file of X12, given as bytes or text. Never raises."""
    gathering = Gathering()
    try:
        file = read(edi.text_of(body))
    except Untranslatable as refusal:
        return Translation(refusals=(refusal,))
    for remark in file.remarks:
        gathering.ignore(f"envelope: {remark}")
    for source in file.sets:
        try:
            _translate(account, source, gathering)
        except Untranslatable as refusal:
            gathering.refusals.append(refusal)
    return gathering.result()


def _translate(account: Account, source: TransactionSet, gathering: Gathering) -> None:
    take = _KINDS.get(source.kind)
    if take is None:
        gathering.ignore(f"transaction set {edi.identifier(source.kind, 'ST-01')} moves no stock")
    elif source.is_test and not account.accepts_test_data:
        gathering.ignore("test data: ISA-15 is T, and the account does not accept it")
    else:
        for segment, position in ((source.interchange, 6), (source.interchange, 13), (source.group, 6)):
            edi.identifier(segment.at(position), segment.field(position))
        edi.identifier(source.control_number, "ST-02")
        take(_Set(account, source, _prepared(account, source), gathering))


def _prepared(account: Account, source: TransactionSet) -> int:
    """Return when the group was made; some senders have the elements of GS displaced, then that of ISA."""
    group, interchange = source.group, source.interchange
    try:
        return edi.moment(group.at(4), group.at(5), account.time_zone, group.field(4))
    except Untranslatable:
        return edi.moment(interchange.at(9), interchange.at(10), account.time_zone, interchange.field(9))


def _inventory_advice(document: _Set) -> None:
    """846: what is there, as of its effective date. Of several quantities of a line the fullest counts."""
    begin = document.header("BIA")
    effective = document.first("DTM", ("007",))
    as_of = document.moment(begin, 4, 5) if effective is None else document.moment(effective, 2, 3, 4)
    location_id, parts = document.location_id("WH", "ST", "SF"), Sums()

    def take(ordinal: int, line: list[Segment]) -> Iterator[Event]:
        quantities = {segment.at(1): index for index, segment in enumerate(line) if segment.tag == "QTY"}
        kind = next((one for one in (*ON_HAND, *FREE) if one in quantities), None)
        for other in quantities:
            if other == kind:
                continue
            document.gathering.ignore(f"quantity {edi.identifier(other, 'QTY-01')} of an inventory advice")
        if kind is None:
            return
        segment = line[quantities[kind]]
        if not document.is_counted(_unit_after(line, quantities[kind])):
            return
        sku, pack_size = edi.goods(document.account, _paired(line[0], 2), line[0].field(3))
        with parts.line_of(sku):
            yield document.account.counted(
                document.event_id(ordinal),
                sku=sku,
                location_id=location_id,
                quantity=edi.units(segment.at(2), segment.field(2)) * pack_size,
                as_of=as_of,
                basis="PHYSICAL" if kind in ON_HAND else "NET_OF_ORDERS",
                where=segment.field(2),
            )

    document.each(document.lines("LIN"), take, parts)


def _ship_notice(document: _Set) -> None:
    """856: goods on their way to us. Cancelled by purpose 01; changes can't be told from what they change."""
    begin = document.header("BSN")
    purpose = begin.at(1)
    if purpose not in {ORIGINAL, CANCELLATION}:
        raise Untranslatable(begin.field(1), "no original and no cancellation: cancel, then announce again")
    record = "InboundAnnounced" if purpose == ORIGINAL else "InboundCancelled"
    shared = {"inbound_id": _shipment(document, begin)}
    expected = document.first("DTM", EXPECTED)
    more: dict[str, object] = dict(shared)
    if record == "InboundAnnounced":
        if expected is None:
            raise Untranslatable("DTM", f"no expected delivery: none of {', '.join(EXPECTED)}")
        more["eta"] = document.moment(expected, 2, 3, 4)
    occurred_at = document.moment(begin, 3, 4)
    location_id = document.location_id("ST", "WH")

    def take(ordinal: int, line: list[Segment]) -> Iterator[Event]:
        item = next((segment for segment in line if segment.tag == "LIN"), None)
        shipped = next((segment for segment in line if segment.tag == "SN1"), None)
        if item is None or shipped is None:
            return
        quantity = document.units(shipped, 2) if document.is_counted(shipped.at(3)) else 0
        if quantity:
            sku, pack_size = edi.goods(document.account, _paired(item, 2), item.field(3))
            yield document.account.event(
                record,
                document.event_id(ordinal),
                sku=sku,
                location_id=location_id,
                quantity=quantity * pack_size,
                occurred_at=occurred_at,
                where=shipped.field(2),
                **more,
            )

    document.each(document.lines("HL"), take)


def _shipment(document: _Set, begin: Segment) -> str:
    """Return the shipment's id: BSN-02, else the bill of lading, else the packing list."""
    reference = document.first("REF", ("BM", "PK"))
    if begin.at(2) or reference is None:
        return edi.identifier(begin.at(2), begin.field(2))
    return edi.identifier(reference.at(2), reference.field(2))


def _warehouse_order(document: _Set) -> None:
    """940: ship these goods. Its time is that of its group, since the set has only wishes for times."""
    begin = document.header("W05")
    status = begin.at(1)
    if status in NOT_AN_ORDER:
        document.gathering.ignore(f"warehouse order of status {status}")
        return
    if status not in PLACED | CANCELLED:
        raise Untranslatable(begin.field(1), "no original and no cancellation: cancel, then order again")
    _movements(
        document,
        record="OrderPlaced" if status in PLACED else "OrderCancelled",
        roles=("WH",),
        places=_Places("W01", quantity=1, unit=2, code=3, pairs=4),
        occurred_at=document.prepared,
        order_id=document.account.order_id(edi.identifier(begin.at(2), begin.field(2))),
        parts=Sums(),
    )


def _shipping_advice(document: _Set) -> None:
    """945: the warehouse has shipped. W12-03 is what left, whatever was ordered."""
    begin = document.header("W06")
    shipped = document.first("G62", ("11",))
    position = next((one for one in (2, 6, 4) if begin.at(one)), 2)
    _movements(
        document,
        record="OrderShipped",
        roles=("WH", "SF"),
        places=_Places("W12", quantity=3, unit=5, code=6, pairs=7),
        occurred_at=document.moment(begin, 3) if shipped is None else document.moment(shipped, 2, 4, 5),
        order_id=document.account.order_id(edi.identifier(begin.at(position), begin.field(position))),
    )


def _receipt_advice(document: _Set) -> None:
    """944: goods have come in, of the shipment that W17-05 names."""
    begin = document.header("W17")
    received = document.first("G62", ("09", "35"))
    _movements(
        document,
        record="GoodsReceived",
        roles=("WH", "ST"),
        places=_Places("W07", quantity=1, unit=2, code=3, pairs=4),
        occurred_at=document.moment(begin, 2) if received is None else document.moment(received, 2, 4, 5),
        inbound_id=edi.identifier(begin.at(5), begin.field(5)) if begin.at(5) else None,
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a line segment has what: quantity, unit, a code of its own, then pairs of qualifier and code."""

    tag: str
    quantity: int
    unit: int
    code: int
    pairs: int


def _movements(
    document: _Set,
    *,
    record: str,
    roles: tuple[str, ...],
    places: _Places,
    occurred_at: int,
    parts: Sums | None = None,
    **more: object,
) -> None:
    """Add one event for each line segment; with parts, one for each SKU."""
    location_id = document.location_id(*roles)

    def take(ordinal: int, line: list[Segment]) -> Iterator[Event]:
        item = line[0]
        if not document.is_counted(item.at(places.unit)):
            return
        codes = [code for code in (item.at(places.code), *_paired(item, places.pairs)) if code]
        sku, pack_size = edi.goods(document.account, codes, item.field(places.code))
        with (parts or Sums()).line_of(sku):
            quantity = document.units(item, places.quantity)
            if quantity:
                yield document.account.event(
                    record,
                    document.event_id(ordinal),
                    sku=sku,
                    location_id=location_id,
                    quantity=quantity * pack_size,
                    occurred_at=occurred_at,
                    where=item.field(places.quantity),
                    **more,
                )

    document.each(document.lines(places.tag), take, parts)


def _paired(segment: Segment, first: int) -> list[str]:
    """Return the codes of the pairs of qualifier and code that begin at an element."""
    return [code for place in range(first + 1, len(segment.elements) + 1, 2) if (code := segment.at(place))]


def _unit_after(line: list[Segment], index: int) -> str:
    """Return the unit of a QTY: in its third element, or in the UIT that follows it."""
    following = line[index + 1] if index + 1 < len(line) else None
    return line[index].at(3) or (following.at(1) if following is not None and following.tag == "UIT" else "")


_KINDS: dict[str, Callable[[_Set], None]] = {
    "846": _inventory_advice,
    "856": _ship_notice,
    "940": _warehouse_order,
    "944": _receipt_advice,
    "945": _shipping_advice,
}
