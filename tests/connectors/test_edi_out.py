"""Inventory out as EDI: what we write, our own readers and pyx12 take, whatever is in a SKU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.drop_sink.client import DropSink
from connectors.drop_sink.translate import FileFormat
from connectors.edifact.outgoing import InventoryReport
from connectors.edifact.translate import translate as translate_edifact
from connectors.protocols import Availability, Verdict
from connectors.translation import Account
from connectors.x12.outgoing import InventoryAdvice
from connectors.x12.translate import translate as translate_x12
from tests.connectors.contract import CHANNEL, availability

NOW = 1_800_000_000.0
NUMBER = 1_800_000_017
ACCOUNT = Account("partner", "partner", locations={"DC-LEEDS": "dc"}, time_zone=ZoneInfo("UTC"))
X12 = InventoryAdvice("ONHAND", "PARTNER", warehouse="DC-LEEDS")
EDIFACT = InventoryReport("4012345000009", "4012345000016", warehouse="DC-LEEDS")
BATCH = [
    Availability("AB-1", CHANNEL, 7, 3, 0, int(NOW * 1_000) - 60_000),
    Availability("A.B/2", CHANNEL, 0, 4, 0, int(NOW * 1_000) - 120_000),
]


def test_an_846_is_what_version_004010_says() -> None:
    """ISA in fixed widths, counts and control numbers that agree, available for sale."""
    assert X12.content(BATCH, NUMBER, NOW).decode().splitlines() == [
        "ISA*00*          *00*          *ZZ*ONHAND         *ZZ*PARTNER        *270115*0800*U*00401*800000017*0*P*>~",
        "GS*IB*ONHAND*PARTNER*20270115*0800*800000017*X*004010~",
        "ST*846*0001~",
        "BIA*00*SI*800000017*20270115*0800~",
        "DTM*007*20270115*0759*UT~",
        "N1*WH**92*DC-LEEDS~",
        "LIN*1*VN*AB-1~",
        "QTY*33*7*EA~",
        "LIN*2*VN*A.B/2~",
        "QTY*33*0*EA~",
        "CTT*2~",
        "SE*10*0001~",
        "GE*1*800000017~",
        "IEA*1*800000017~",
    ]


def test_an_invrpt_is_what_directory_d01b_says() -> None:
    """References and counts that agree, actual stock."""
    assert EDIFACT.content(BATCH, NUMBER, NOW).decode().splitlines() == [
        "UNB+UNOC:3+4012345000009:14+4012345000016:14+270115:0800+1800000017'",
        "UNH+1+INVRPT:D:01B:UN'",
        "BGM+35+1800000017+9'",
        "DTM+137:202701150759:203'",
        "NAD+GY+DC-LEEDS::92'",
        "LIN+1++AB-1:SA'",
        "QTY+145:7:PCE'",
        "LIN+2++A.B/2:SA'",
        "QTY+145:0:PCE'",
        "UNS+S'",
        "CNT+2:2'",
        "UNT+11+1'",
        "UNZ+1+1800000017'",
    ]


def counted(content: bytes, file_format: FileFormat) -> dict[str, int]:
    """Return what our own readers make of a file; pyx12 checks the envelopes of X12 among them."""
    translate = translate_x12 if file_format is X12 else translate_edifact
    translation = translate(ACCOUNT, "", content)
    assert (translation.refusals, translation.ignored) == ((), ())
    assert {record for record, _ in translation.events} == {"StockCounted"}
    assert {value["location_id"] for _, value in translation.events} == {"dc"}
    return {value["sku"]: value["quantity"] for _, value in translation.events}


def files(directory: Path) -> list[Path]:
    """Return what was dropped."""
    return sorted(directory.iterdir())


@pytest.mark.parametrize("file_format", [X12, EDIFACT], ids=["846", "INVRPT"])
def test_our_own_reader_takes_what_we_write(file_format: FileFormat) -> None:
    """Envelopes, lines and figures."""
    assert counted(file_format.content(BATCH, NUMBER, NOW), file_format) == {"AB-1": 7, "A.B/2": 0}


@pytest.mark.parametrize("sku", ["it's", "a+b", "a:b", "what?", "a?'+:b"])
def test_edifact_says_its_own_special_characters(sku: str) -> None:
    """By releasing them."""
    update = replace(BATCH[0], sku=sku)
    assert EDIFACT.objection(update) is None
    assert counted(EDIFACT.content([update], NUMBER, NOW), EDIFACT) == {sku: 7}


def test_edifact_is_latin_1() -> None:
    """As UNOC says."""
    update = replace(BATCH[0], sku="über")
    assert EDIFACT.objection(update) is None
    assert b"LIN+1++\xfcber:SA'" in EDIFACT.content([update], NUMBER, NOW)


@pytest.mark.parametrize(
    ("file_format", "sku"),
    [
        (X12, "a*b"),
        (X12, "a~"),
        (X12, "a>b"),
        (X12, "ü"),
        (X12, "x" * 49),
        (EDIFACT, "☃"),
        (EDIFACT, "x" * 36),
    ],
)
async def test_a_sku_that_the_format_cannot_say_is_refused_alone(
    tmp_path: Path, file_format: FileFormat, sku: str
) -> None:
    """The others of its batch are in the file."""
    sink = DropSink(tmp_path, file_format, CHANNEL, lambda: NOW)
    results = await sink.send([availability("good", 1, 5), availability(sku, 1, 5)])
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.REFUSED]
    (path,) = files(tmp_path)
    assert path.suffix == file_format.suffix
    assert counted(path.read_bytes(), file_format) == {"good": 5}


async def test_a_batch_of_nothing_that_can_be_said_makes_no_file(tmp_path: Path) -> None:
    """An interchange without lines is none."""
    await DropSink(tmp_path, X12, CHANNEL, lambda: NOW).send([availability("a*b", 1)])
    assert files(tmp_path) == []
