"""X12: what each transaction set becomes, what its envelopes may lack, and damage of every kind."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from connectors.translation import Account, Translation
from connectors.x12.translate import translate
from tests.connectors.edi_mutations import fuzz_edi
from tests.connectors.translated import file, needs_samples, short, told
from tests.connectors.translating import SAMPLES, reasons

ACCOUNT = Account(
    "wms-north",
    "wms",
    locations={"WH-NORTH": "dc-north"},
    skus={"10036000291459": "AB-1", "036000291452": "AB-1"},
    pack_sizes={"10036000291459": 12},
    time_zone=ZoneInfo("Europe/Berlin"),
    orders_of="shop",
)
ANYWHERE = Account("wms", "wms", default_location_id="dc", accepts_test_data=True)
FILES = (("846", "|", "!"), ("856", "*", "~"), ("940", "*", "\r"), ("944", "*", "~"), ("945", "*", "~"))


def text(kind: str, *replacements: tuple[str, str]) -> str:
    """Return a fixture with texts replaced, each of which must be there."""
    found = file(f"x12/{kind}.edi").decode()
    for old, new in replacements:
        assert old in found
        found = found.replace(old, new)
    return found


def translated(kind: str, *replacements: tuple[str, str]) -> Translation:
    """Return what a fixture with texts replaced becomes."""
    return translate(ACCOUNT, "", text(kind, *replacements))


def sample(name: str) -> Translation:
    """Return what a vendor's sample becomes."""
    return translate(ANYWHERE, "", (SAMPLES / "x12" / name).read_bytes())


def test_inventory_advice_sets_what_is_there() -> None:
    """On hand before available, its unit beside it or in UIT, the zone of its time, and zero is a count too."""
    translation = translated("846")
    at = "2026-07-14T13:15:00Z"
    identity = "WMSNORTH:000000017:17:846:0001"
    names = ("event_id", "sku", "location_id", "quantity", "basis", "occurred_at", "as_of")
    assert short(translation, *names) == [
        ("StockCounted", f"{identity}:1", "AB-1", "dc-north", 120, "PHYSICAL", at, at),
        ("StockCounted", f"{identity}:2", "AB-2", "dc-north", 8, "NET_OF_ORDERS", at, at),
        ("StockCounted", f"{identity}:5", "AB-5", "dc-north", 0, "PHYSICAL", at, at),
    ]
    assert reasons(translation) == []
    assert translation.ignored == (
        "quantity 33 of an inventory advice",
        "quantity 63 of an inventory advice",
        "quantity 20 of an inventory advice",
        "measured in LB, not counted in units",
    )


def test_lots_of_one_product_are_one_count() -> None:
    """Else the last line would win, and the others be gone."""
    translation = translated(
        "846", ("LIN|5|VN|AB-5!\r\nQTY|17|0|EA", "LIN|5|VN|036000291452!\r\nQTY|17|30|EA")
    )
    assert short(translation, "event_id", "sku", "quantity")[0] == (
        "StockCounted",
        "WMSNORTH:000000017:17:846:0001:1",
        "AB-1",
        150,
    )
    assert len(translation.events) == 2


def test_a_sum_of_which_a_line_is_refused_is_not_told() -> None:
    """Neither as a count, which would be too low, nor as a promise, which would be half an order."""
    counted = translated("846", ("LIN|5|VN|AB-5!\r\nQTY|17|0|EA", "LIN|5|VN|036000291452!\r\nQTY|17|many|EA"))
    assert short(counted, "sku", "quantity") == [("StockCounted", "AB-2", 8)]
    assert len(counted.refusals) == 1
    ordered = translated("940", ("W01*2*CA", "W01*2.5*CA"))
    assert (ordered.events, len(ordered.refusals)) == ((), 1)


def test_ship_notice_announces_each_item() -> None:
    """Cases are counted in units, rope is measured and left out, half a unit is refused without hiding others."""
    translation = translated("856")
    shared = {
        "location_id": "dc-north",
        "occurred_at": "2026-07-14T07:00:00Z",
        "inbound_id": "SHIP-9001",
        "eta": "2026-07-16T12:00:00Z",
    }
    identity = "WMSNORTH:000000018:18:856:0001"
    assert told(translation) == [
        ("InboundAnnounced", {"event_id": f"{identity}:3", "sku": "AB-1", "quantity": 24, **shared}),
        ("InboundAnnounced", {"event_id": f"{identity}:4", "sku": "AB-1", "quantity": 60, **shared}),
    ]
    assert reasons(translation) == ["SN1-02 (segment 24): not a whole number from 0 to 1000000000"]
    assert translation.ignored == ("measured in FT, not counted in units",)


def test_ship_notice_can_be_cancelled_but_not_changed() -> None:
    """A cancellation names the same inbound; what a change changes can't be told."""
    cancelled = translated("856", ("BSN*00", "BSN*01"))
    assert short(cancelled, "sku", "quantity", "inbound_id") == [
        ("InboundCancelled", "AB-1", 24, "SHIP-9001"),
        ("InboundCancelled", "AB-1", 60, "SHIP-9001"),
    ]
    changed = translated("856", ("BSN*00", "BSN*05"))
    assert changed.events == ()
    assert reasons(changed) == [
        "BSN-01 (segment 4): no original and no cancellation: cancel, then announce again"
    ]


def test_warehouse_order_is_one_promise_for_each_sku() -> None:
    """Three units and two cases of twelve ask for 27 at once: both or none (semantics 1)."""
    assert told(translated("940")) == [
        (
            "OrderPlaced",
            {
                "event_id": "WMSNORTH:000000019:19:940:0001:1",
                "sku": "AB-1",
                "location_id": "dc-north",
                "quantity": 27,
                "occurred_at": "2026-07-14T07:05:00Z",
                "order_id": "shop:ORDER-31",
            },
        )
    ]


@pytest.mark.parametrize(
    ("status", "records", "sentence", "ignored"),
    [
        ("F", ["OrderCancelled"], [], ()),
        ("S", ["OrderPlaced"], [], ()),
        ("X", [], [], ("warehouse order of status X",)),
        ("T", [], ["W05-01 (segment 4): no original and no cancellation: cancel, then order again"], ()),
    ],
)
def test_the_status_of_a_warehouse_order_decides(
    status: str, records: list[str], sentence: list[str], ignored: tuple[str, ...]
) -> None:
    """A simulation is no order, and a resubmission would be placed twice."""
    translation = translated("940", ("W05*N*", f"W05*{status}*"))
    assert [record for record, _ in translation.events] == records
    assert (reasons(translation), translation.ignored) == (sentence, ignored)


def test_receipt_advice_brings_goods_in() -> None:
    """Of the shipment that it names, so that they are no longer incoming."""
    shared = {"location_id": "dc-north", "occurred_at": "2026-07-16T13:30:00Z", "inbound_id": "SHIP-9001"}
    identity = "WMSNORTH:000000020:20:944:0001"
    assert told(translated("944")) == [
        ("GoodsReceived", {"event_id": f"{identity}:1", "sku": "AB-1", "quantity": 24, **shared}),
        ("GoodsReceived", {"event_id": f"{identity}:2", "sku": "AB-1", "quantity": 48, **shared}),
    ]


def test_shipping_advice_ships_what_left_not_what_was_ordered() -> None:
    """A line of which nothing left is no event; Eastern Time is New York's, in summer four hours behind."""
    translation = translated("945")
    shared = {"location_id": "dc-north", "occurred_at": "2026-07-15T21:45:00Z", "order_id": "shop:ORDER-31"}
    identity = "WMSNORTH:000000021:21:945:0001"
    assert told(translation) == [
        ("OrderShipped", {"event_id": f"{identity}:1", "sku": "AB-1", "quantity": 3, **shared}),
        ("OrderShipped", {"event_id": f"{identity}:2", "sku": "AB-1", "quantity": 12, **shared}),
    ]
    assert translation.ignored == ("lines of quantity 0",)


@pytest.mark.parametrize("kind", [kind for kind, _, _ in FILES])
def test_the_same_file_again_is_the_same_events(kind: str) -> None:
    """As bytes or text, with a byte order mark, indented, or with line ends gone through a Windows machine."""
    expected = translated(kind)
    assert expected.events
    plain = text(kind)
    for again in (plain, plain.encode(), b"\xef\xbb\xbf" + plain.encode(), plain.replace("\n", "\n   ")):
        found = translate(ACCOUNT, "", again)
        assert (found.events, reasons(found), found.ignored) == (
            expected.events,
            reasons(expected),
            expected.ignored,
        )


def test_two_interchanges_of_different_separators_are_one_file() -> None:
    """Each brings its own; their control numbers keep their events apart."""
    both = translate(ACCOUNT, "", text("846") + text("944"))
    assert both.events == translated("846").events + translated("944").events
    twice = translate(ACCOUNT, "", text("944") + text("944"))
    assert reasons(twice) == [
        "ISA: two interchanges have one control number, so that their events could not be told apart"
    ]


@pytest.mark.parametrize(
    ("replacement", "sentence"),
    [
        (("GE*1*20", "GE*1*99"), "envelope: GE names another group than GS"),
        (("IEA*1*000000020", "IEA*1*000000099"), "envelope: IEA names another interchange than ISA"),
    ],
)
def test_a_wrong_number_at_the_end_is_noted(replacement: tuple[str, str], sentence: str) -> None:
    """Real senders write them; nothing is lost, and the ids are made of the numbers at the front."""
    translation = translated("944", replacement)
    assert translation.events == translated("944").events
    assert sentence in translation.ignored


@pytest.mark.parametrize(
    ("replacement", "sentence"),
    [
        (("SE*10*", "SE*11*"), "ST: SE counts other segments than there are: some are missing; ask for the file again"),
        (("SE*10*0001", "SE*10*0002"), "ST: SE ends another set than ST began"),
        (("GE*1*", "GE*2*"), "GS: GE counts other sets than there are: some are missing; ask for the file again"),
        (("IEA*1*", "IEA*3*"), "ISA: IEA counts other groups than there are: some are missing; ask for the file again"),
        (("IEA*1*000000020~\n", ""), "IEA: the file is cut off: ISA not ended; fetch it again"),
        (("ST*944*0001~\n", ""), "segment 3: stands outside of ST and SE"),
        (("GS*RE", "XX*RE"), "segment 2: stands outside of ST and SE"),
        (("ISA*", "ISB*"), "ISA: an interchange begins with ISA"),
        (("P*>~", "P*A~"), "ISA: separators that can't be told from data"),
        (("P*>~", "P**~"), "ISA: separators that can't be told from data"),
    ],
)  # fmt: skip
def test_a_file_that_lacks_something_is_refused_whole(replacement: tuple[str, str], sentence: str) -> None:
    """Half of a delivery must not pass for all of it."""
    translation = translated("944", replacement)
    assert translation.events == ()
    assert [found.startswith(sentence) for found in reasons(translation)] == [True], reasons(translation)


@pytest.mark.parametrize(
    ("replacement", "sentence"),
    [
        (("*92*WH-NORTH", "*92*WH-EAST"), "N1-04 (segment 10): location WH-EAST is not among the account's locations"),
        (("*92*WH-NORTH", ""), "N1-04 (segment 10): missing or empty"),
        (("DTM*017*20260716*1400", "DTM*099*20260716"), "DTM: no expected delivery: none of 017, 067, 002"),
        (("20260716*1400", "20260230"), "DTM-02 (segment 9): no date or time that the calendar has"),
        (("20260716*1400", "20260716*1400*QQ"), "DTM-04 (segment 9): a time zone code that is not known here"),
        (("20260716*1400", "16.07.2026"), "DTM-02 (segment 9): missing or no date"),
    ],
)  # fmt: skip
def test_a_wrong_header_refuses_its_set(replacement: tuple[str, str], sentence: str) -> None:
    """By field, and with the segment's number in the file."""
    translation = translated("856", replacement)
    assert translation.events == ()
    assert reasons(translation)[-1].startswith(sentence), reasons(translation)


def test_test_data_moves_no_stock_unless_the_account_takes_it() -> None:
    """ISA-15 says T."""
    translation = translated("945", ("*0*P*>", "*0*T*>"))
    assert translation.events == ()
    assert translation.ignored == ("test data: ISA-15 is T, and the account does not accept it",)


def test_other_transaction_sets_are_left_out_with_a_reason() -> None:
    """Acknowledgements and invoices travel in the same files."""
    translation = translated("945", ("ST*945", "ST*997"))
    assert (translation.events, translation.refusals) == ((), ())
    assert translation.ignored == ("transaction set 997 moves no stock",)


@needs_samples
def test_samples_with_odd_separators_become_events() -> None:
    """Tildes between elements, braces and asterisks behind segments, indents, byte order marks."""
    advice = sample("846-Example1.txt")
    assert short(advice, "sku", "quantity", "basis", "as_of") == [
        ("StockCounted", "46L5055", 5250, "NET_OF_ORDERS", "2004-08-11T23:00:00Z")
    ]
    notice = sample("856-Example1.txt")
    assert short(notice, "event_id", "sku", "quantity", "inbound_id", "eta") == [
        (
            "InboundAnnounced",
            f"201495124:000000001:1:856:0001:{line}",
            sku,
            16,
            "123456",
            "2001-04-22T08:00:00Z",
        )
        for line, sku in ((3, "1234-123456"), (5, "1234-223456"))
    ]
    assert notice.ignored == ("measured in LB, not counted in units",)
    assert (advice.refusals, notice.refusals) == ((), ())


@needs_samples
def test_samples_of_old_and_faulty_senders_become_events() -> None:
    """Version 00200, dates of six digits, GS with elements displaced, and no number where the standard wants it."""
    notice = sample("856-Example2.txt")
    assert short(notice, "sku", "quantity", "inbound_id", "occurred_at", "eta") == [
        ("InboundAnnounced", sku, quantity, "25673", "2003-06-19T12:35:00Z", "2003-06-20T08:00:00Z")
        for sku, quantity in (("rt2371", 1400), ("lt2372", 1500))
    ]
    order = sample("940-simplot.txt")
    assert short(order, "event_id", "sku", "quantity", "order_id", "occurred_at") == [
        (
            "OrderPlaced",
            f"UP:398161180:177818711:940:0001:{line}",
            sku,
            quantity,
            "wms:01235639",
            "2011-12-11T09:30:00Z",
        )
        for line, sku, quantity in ((1, "007117900989", 972), (2, "007117901707", 189))
    ]
    shipped = sample("945-inter-americanproducts.txt")
    assert short(shipped, "sku", "quantity", "order_id", "occurred_at") == [
        ("OrderShipped", sku, quantity, "wms:2144", "2002-09-16T00:00:00Z")
        for sku, quantity in (("339408", 120), ("100021", 400), ("133848", 400))
    ]
    assert [each.refusals for each in (notice, order, shipped)] == [(), (), ()]


def test_damage_gives_typed_refusals_only() -> None:
    """Whatever happens to a file on its way."""
    seen = fuzz_edi(translate, ACCOUNT, [(text(kind), separator, end) for kind, separator, end in FILES])
    assert all(seen.values())


@pytest.mark.parametrize("nothing", [b"", "", " \n", None, 7, {"ISA": 1}, b"\xff\xfe", "ISA", "ISA*" * 40])
def test_what_is_no_file_is_refused(nothing: object) -> None:
    """One refusal, no exception."""
    translation = translate(ACCOUNT, "", nothing)
    assert (translation.events, len(translation.refusals)) == ((), 1)
