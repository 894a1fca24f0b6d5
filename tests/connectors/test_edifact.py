"""EDIFACT: what each message becomes, what its envelopes may lack, and damage of every kind."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from connectors.edifact.translate import translate
from connectors.translation import Account, Translation
from tests.connectors.edi_mutations import fuzz_edi
from tests.connectors.translated import file, needs_samples, short, told
from tests.connectors.translating import SAMPLES, reasons

ACCOUNT = Account(
    "supplier",
    "erp",
    locations={"4012345000115": "dc-bonn", "4012345000122": "store-bonn"},
    skus={"4012345678901": "AB-1", "4012345678918": "AB-9"},
    pack_sizes={"4012345678918": 6},
    time_zone=ZoneInfo("Europe/Berlin"),
)
FILES = (("desadv", "+", "'"), ("recadv", "*", "#"), ("invrpt", "+", "'"))


def text(name: str, *replacements: tuple[str, str]) -> str:
    """Return a fixture with texts replaced, each of which must be there."""
    found = file(f"edifact/{name}.edi").decode()
    for old, new in replacements:
        assert old in found
        found = found.replace(old, new)
    return found


def translated(name: str, *replacements: tuple[str, str]) -> Translation:
    """Return what a fixture with texts replaced becomes."""
    return translate(ACCOUNT, "", text(name, *replacements))


def test_despatch_advice_announces_each_line() -> None:
    """In packs of six, in the time zone of the sender; flour is weighed; a line without a quantity is refused."""
    translation = translated("desadv")
    shared = {
        "location_id": "dc-bonn",
        "occurred_at": "2026-07-14T06:30:00Z",
        "inbound_id": "DESADV-12",
        "eta": "2026-07-16T12:00:00Z",
    }
    identity = "4012345000009:4711:DESADV:1"
    assert told(translation) == [
        ("InboundAnnounced", {"event_id": f"{identity}:1", "sku": "AB-1", "quantity": 24, **shared}),
        ("InboundAnnounced", {"event_id": f"{identity}:2", "sku": "AB-9", "quantity": 30, **shared}),
    ]
    assert reasons(translation) == ["LIN 1.1 (segment 19): no quantity 12, despatched"]
    assert translation.ignored == ("measured in KGM, not counted in units",)


@pytest.mark.parametrize(
    ("function", "records", "refusals", "ignored"),
    [
        ("1", ["InboundCancelled", "InboundCancelled"], 1, 1),
        ("", ["InboundAnnounced", "InboundAnnounced"], 1, 1),
        ("7", [], 0, 1),
        ("31", [], 0, 1),
        ("5", [], 1, 0),
        ("4", [], 1, 0),
    ],
)
def test_the_function_of_a_message_decides(
    function: str, records: list[str], refusals: int, ignored: int
) -> None:
    """Cancellations cancel, copies do nothing, and what a change changes can't be told."""
    translation = translated("desadv", ("DESADV-12+9", f"DESADV-12+{function}"))
    assert [record for record, _ in translation.events] == records
    assert (len(translation.refusals), len(translation.ignored)) == (refusals, ignored)


def test_receiving_advice_brings_in_what_was_accepted() -> None:
    """Said so, or received less refused; nothing of a line is no event. All with service characters of its own."""
    translation = translated("recadv")
    shared = {"location_id": "dc-bonn", "occurred_at": "2026-07-16T13:30:00Z", "inbound_id": "DESADV-12"}
    identity = "4012345000009:4712:RECADV:1"
    assert told(translation) == [
        ("GoodsReceived", {"event_id": f"{identity}:1", "sku": "AB-1", "quantity": 22, **shared}),
        ("GoodsReceived", {"event_id": f"{identity}:2", "sku": "AB-9", "quantity": 24, **shared}),
    ]
    assert (translation.refusals, translation.ignored) == ((), ())


def test_a_receiving_advice_is_not_cancelled() -> None:
    """Goods do not leave by a message; that is an adjustment of its own."""
    translation = translated("recadv", ("RECADV-5*9", "RECADV-5*1"))
    assert translation.events == ()
    assert reasons(translation) == [
        "BGM 3.1 (segment 3): no original: what it changes can't be told; correct it by a new document"
    ]


def test_inventory_report_sets_what_is_there() -> None:
    """Actual stock before on hand, at the line's own place, zero too; no movements, no damaged stock, no debts."""
    translation = translated("invrpt")
    at = "2026-07-14T04:00:00Z"
    identity = "4012345000009:4713:INVRPT:1"
    names = ("event_id", "sku", "location_id", "quantity", "basis", "occurred_at", "as_of")
    assert short(translation, *names) == [
        ("StockCounted", f"{identity}:1", "AB-1", "dc-bonn", 118, "PHYSICAL", at, at),
        ("StockCounted", f"{identity}:2", "AB-2", "store-bonn", 8, "PHYSICAL", at, at),
        ("StockCounted", f"{identity}:4", "AB-4", "dc-bonn", 0, "PHYSICAL", at, at),
    ]
    assert reasons(translation) == ["QTY 1.2 (segment 23): not a whole number from 0 to 1000000000"]
    assert translation.ignored == ("movements, and stock of other kinds, in an inventory report",)


def test_lots_of_one_product_are_one_count() -> None:
    """Else the last line would win, and the others be gone."""
    translation = translated(
        "invrpt", ("LIN+4++AB-4:SA", "LIN+4++4012345678901:SRV"), ("QTY+145:0,0", "QTY+145:2,0")
    )
    assert short(translation, "sku", "location_id", "quantity") == [
        ("StockCounted", "AB-1", "dc-bonn", 120),
        ("StockCounted", "AB-2", "store-bonn", 8),
    ]


def test_a_count_of_which_a_line_is_refused_is_not_told() -> None:
    """It would be too low; other products are counted."""
    translation = translated("invrpt", ("LIN+5++AB-5:SA", "LIN+5++4012345678901:SRV"))
    assert short(translation, "sku", "quantity") == [("StockCounted", "AB-2", 8), ("StockCounted", "AB-4", 0)]
    assert len(translation.refusals) == 1


@pytest.mark.parametrize("name", [name for name, _, _ in FILES])
def test_the_same_file_again_is_the_same_events(name: str) -> None:
    """As bytes or text, with a byte order mark or other line ends."""
    expected = translated(name)
    assert expected.events
    plain = text(name)
    for again in (plain, plain.encode(), b"\xef\xbb\xbf" + plain.encode(), plain.replace("\n", "\r\n")):
        found = translate(ACCOUNT, "", again)
        assert (found.events, reasons(found), found.ignored) == (
            expected.events,
            reasons(expected),
            expected.ignored,
        )


def test_letters_of_older_character_sets_do_no_harm() -> None:
    """A name in Latin-1 stands in a field that nobody needs."""
    file = text("desadv", ("Somebody", "Müller")).encode("latin-1")
    assert translate(ACCOUNT, "", file).events == translated("desadv").events


@pytest.mark.parametrize(
    ("replacement", "sentence"),
    [
        (("UNT+22+1", "UNT+24+1"), "UNT 1.1 (segment 23): counts other segments than the 22"),
        (("UNZ+1+4711'\n", ""), "UNZ: the file is cut off, or holds more than one interchange: send each alone"),
        (("UNZ+1+4711", "UNZ+1+4799"), "UNZ 2.1 (segment 24): ends another interchange than UNB began"),
        (("UNT+22+1'\n", ""), "UNT: the last message is not ended"),
        (("UNB+", "UNA+"), "UNA: service characters that can't be told from data"),
        (("UNH+", "BGM+"), "segment 2: stands where it can't"),
        (("BGM+351", "B+351"), "segment 3: begins with no tag of three letters"),
    ],
)  # fmt: skip
def test_a_file_that_lacks_something_is_refused_whole(replacement: tuple[str, str], sentence: str) -> None:
    """Half of a delivery must not pass for all of it."""
    translation = translated("desadv", replacement)
    assert translation.events == ()
    assert [found.startswith(sentence) for found in reasons(translation)] == [True], reasons(translation)


def test_a_file_cut_off_anywhere_is_refused() -> None:
    """There is no character at which it could end and still be a file, but its last."""
    whole = text("recadv").rstrip()
    for end in range(len(whole)):
        translation = translate(ACCOUNT, "", whole[:end])
        assert (translation.events, len(translation.refusals)) == ((), 1), end


@pytest.mark.parametrize(
    ("replacement", "sentence"),
    [
        (("NAD+DP+4012345000115", "NAD+DP+4012345000999"), "NAD 2.1 (segment 9): location 4012345000999"),
        (("DTM+17:202607161400:203'\n", ""), "DTM: none of the qualifiers 17, 358, 2"),
        (("202607161400:203", "202607162560:203"), "DTM 1.2 (segment 6): no date or time that the calendar has"),
        (("202607161400:203", "202607161400:999"), "DTM 1.3 (segment 6): no format of 102, 101, 203, 201, 204"),
        (("DESADV-12+9", "+9"), "BGM 2.1 (segment 3): missing or empty"),
        (("14+260714:0905+", "14+soon+"), "UNB 4.1 (segment 1): missing or no date"),
    ],
)  # fmt: skip
def test_a_wrong_header_refuses_its_message(replacement: tuple[str, str], sentence: str) -> None:
    """By field, and with the segment's number in the file."""
    cut = [("UNT+22+1", "UNT+21+1")] if not replacement[1] else []
    translation = translated("desadv", replacement, *cut)
    assert translation.events == ()
    assert [found.startswith(sentence) for found in reasons(translation)] == [True], reasons(translation)


def test_test_data_moves_no_stock_unless_the_account_takes_it() -> None:
    """The eleventh element of UNB says so."""
    translation = translated("desadv", ("0905+4711", "0905+4711++++++1"))
    assert translation.events == ()
    assert translation.ignored == ("test data: UNB 11 is 1, and the account does not accept it",)


def test_other_messages_are_left_out_with_a_reason() -> None:
    """Orders and invoices travel in the same files."""
    translation = translated("desadv", ("DESADV:D", "INVOIC:D"))
    assert (translation.events, translation.refusals) == ((), ())
    assert translation.ignored == ("message INVOIC moves no stock",)


def test_two_messages_of_one_reference_are_refused() -> None:
    """Their lines would have the same ids, and the second message would be taken for the first."""
    one = text("desadv").split("UNH")[1].split("UNZ")[0]
    translation = translated("desadv", ("UNZ", f"UNH{one}UNZ"))
    assert (translation.events, reasons(translation)) == (
        (),
        ["UNH 1.1 (segment 24): two messages of one reference could not be told apart"],
    )


@needs_samples
def test_the_sample_becomes_a_receipt() -> None:
    """Released characters, names in Chinese, and a product's number in PIA only."""
    account = Account("erp", "erp", locations={"GCCN33": "dc-tianjin"}, time_zone=ZoneInfo("Asia/Shanghai"))
    translation = translate(account, "", (SAMPLES / "edifact" / "recadv.txt").read_bytes())
    assert told(translation) == [
        (
            "GoodsReceived",
            {
                "event_id": "512X20101054836182:000002:RECADV:1:1",
                "sku": "1000629",
                "location_id": "dc-tianjin",
                "quantity": 200,
                "occurred_at": "2022-08-22T16:00:00Z",
            },
        )
    ]
    assert (translation.refusals, translation.ignored) == ((), ())


def test_damage_gives_typed_refusals_only() -> None:
    """Whatever happens to a file on its way."""
    seen = fuzz_edi(translate, ACCOUNT, [(text(name), separator, end) for name, separator, end in FILES])
    assert all(seen.values())


@pytest.mark.parametrize(
    "nothing", [b"", "", " \n", None, 7, {"UNB": 1}, b"\xff\xfe", "UNA", "UNA:+.? '", "UNB"]
)
def test_what_is_no_file_is_refused(nothing: object) -> None:
    """One refusal, no exception."""
    translation = translate(ACCOUNT, "", nothing)
    assert (translation.events, len(translation.refusals)) == ((), 1)
