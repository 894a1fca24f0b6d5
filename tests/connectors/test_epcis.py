"""EPCIS 2.0: what each business step becomes, what corrects, what is refused, and damage of every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.epcis.translate import translate
from connectors.translation import Account, Translation
from tests.connectors.mutations import fuzz
from tests.connectors.translated import needs_samples, short, told
from tests.connectors.translating import SAMPLES, fixture, reasons

ACCOUNT = Account(
    "wms-north",
    "wms",
    locations={"urn:epc:id:sgln:4012345.00011.0": "dc-north", "4012345000122": "store-bonn"},
    skus={
        "4012345987652": "AB-1",
        "14012345987659": "AB-1",
        "04012345111118": "AB-2",
        "4012345333336": "KIT",
    },
    pack_sizes={"14012345987659": 6},
    orders_of="shop",
)
ANYWHERE = Account("wms", "wms", default_location_id="dc")
LINK = "https://id.example.com/01/04012345987652"
UNIT, CASE, OTHER, KIT = "04012345987652", "14012345987659", "04012345111118", "04012345333336"


def day(*numbers: int, **changes: Any) -> dict[str, Any]:
    """Return the day's document with only these of its events, fields of theirs changed, None taking one away."""
    document: dict[str, Any] = fixture("epcis/day.json")
    events = [document["epcisBody"]["eventList"][number - 1] for number in numbers]
    for event in events:
        event.update(changes)
        for name in [name for name, value in event.items() if value is None]:
            del event[name]
    document["epcisBody"]["eventList"] = events
    return document


def translated(*numbers: int, **changes: Any) -> Translation:
    """Return what some events of the day become, fields of theirs changed."""
    return translate(ACCOUNT, "", day(*numbers, **changes))


def told_without_ids(translation: Translation) -> list[tuple[Any, ...]]:
    """Return each event's record, the end of its id, SKU, place and quantity."""
    return [
        (record, value["event_id"].partition("#")[2], value["sku"], value["location_id"], value["quantity"])
        for record, value in translation.events
    ]


def test_a_day_in_a_warehouse() -> None:
    """Every business step that moves stock, units and cases summed by GTIN, places by URI or GLN."""
    translation = translate(ACCOUNT, "", fixture("epcis/day.json"))
    assert told_without_ids(translation) == [
        ("GoodsReceived", UNIT, "AB-1", "dc-north", 12),
        ("GoodsReceived", CASE, "AB-1", "dc-north", 12),
        ("TransferShipped", UNIT, "AB-1", "dc-north", 2),
        ("TransferReceived", UNIT, "AB-1", "store-bonn", 2),
        ("OrderShipped", OTHER, "AB-2", "dc-north", 3),
        ("SaleRecorded", UNIT, "AB-1", "store-bonn", 1),
        ("ReturnReceived", UNIT, "AB-1", "store-bonn", 1),
        ("DispositionChanged", UNIT, "AB-1", "store-bonn", 1),
        ("DispositionChanged", UNIT, "AB-1", "dc-north", 1),
        ("StockAdjusted", CASE, "AB-1", "dc-north", -6),
        ("StockCounted", UNIT, "AB-1", "dc-north", 41),
        ("StockCounted", OTHER, "AB-2", "dc-north", 0),
        ("StockAdjusted", f"{UNIT}#in", "AB-1", "dc-north", -1),
        ("StockAdjusted", f"{OTHER}#in", "AB-2", "dc-north", -2),
        ("StockAdjusted", f"{KIT}#out", "KIT", "dc-north", 1),
        ("GoodsReceived", UNIT, "AB-1", "dc-north", 1),
        ("DispositionChanged", f"{UNIT}#state", "AB-1", "dc-north", 1),
        ("StockAdjusted", UNIT, "AB-1", "store-bonn", -1),
        ("StockAdjusted", OTHER, "AB-2", "dc-north", 1),
    ]
    assert translation.refusals == ()
    assert translation.ignored == (
        "goods that are measured, not counted in units",
        "identifiers that name no trade item, such as pallets and assets",
        "business step moves no stock: installing",
    )


def test_events_say_all_that_the_record_has() -> None:
    """Ids by event and GTIN, what was announced and ordered, and times in UTC."""
    identity = "urn:uuid:00000000-0000-4000-8000-00000000000"
    shared = {"location_id": "dc-north", "sku": "AB-1", "quantity": 12, "inbound_id": "D-12"}
    assert told(translated(1)) == [
        (
            "GoodsReceived",
            {"event_id": f"{identity}1#{gtin}", "occurred_at": "2026-07-14T06:00:00Z", **shared},
        )
        for gtin in (UNIT, CASE)
    ]
    assert short(translated(2), "transfer_id", "to_location_id") == [("TransferShipped", "T-1", "store-bonn")]
    assert short(translated(3), "transfer_id", "from_location_id") == [
        ("TransferReceived", "T-1", "dc-north")
    ]
    assert short(translated(4), "order_id") == [("OrderShipped", "shop:ORDER-31")]
    states = [(6, "QUALITY_CONTROL"), (7, "SELLABLE"), (8, "DAMAGED"), (12, "DAMAGED")]
    assert [translated(number).events[-1][1]["disposition"] for number, _ in states] == [
        state for _, state in states
    ]
    causes = [(9, "EXPIRED"), (11, "OTHER"), (15, "STOLEN"), (16, "CORRECTION")]
    assert [translated(number).events[-1][1]["reason"] for number, _ in causes] == [
        cause for _, cause in causes
    ]
    assert short(translated(10), "basis", "as_of")[0] == ("StockCounted", "PHYSICAL", "2026-07-14T12:00:00Z")


def test_a_count_of_cases_and_units_is_one_figure() -> None:
    """Else the last of the two would win, and the other half of the stock be gone."""
    amounts = [{"epcClass": f"https://id.example.com/01/{gtin}", "quantity": 4} for gtin in (UNIT, CASE)]
    assert told_without_ids(translated(10, quantityList=amounts)) == [
        ("StockCounted", UNIT, "AB-1", "dc-north", 28)
    ]


def test_a_count_of_which_a_part_is_refused_says_nothing_of_its_product() -> None:
    """Four units and half a case are not four; other products are counted."""
    quantities = {UNIT: 4, CASE: 0.5, OTHER: 4}
    amounts = [
        {"epcClass": f"https://id.example.com/01/{gtin}", "quantity": units}
        for gtin, units in quantities.items()
    ]
    translation = translated(10, quantityList=amounts)
    assert told_without_ids(translation) == [("StockCounted", OTHER, "AB-2", "dc-north", 4)]
    assert reasons(translation) == [
        "epcisBody.eventList[0].quantityList[1].quantity: a number, not a whole number"
    ]


def test_shipping_without_an_order_or_a_place_of_ours_takes_goods_away() -> None:
    """They are gone, whoever has them."""
    elsewhere = [{"type": "location", "destination": "urn:epc:id:sgln:9521321.00001.0"}]
    assert told_without_ids(translated(2, destinationList=elsewhere)) == [
        ("StockAdjusted", UNIT, "AB-1", "dc-north", -2)
    ]
    assert told_without_ids(translated(2, destinationList=None)) == [
        ("StockAdjusted", UNIT, "AB-1", "dc-north", -2)
    ]


def test_receiving_from_elsewhere_is_no_transfer() -> None:
    """Nor is a transfer that no document names: nothing could say which shipment has arrived."""
    assert short(translated(3, sourceList=None), "inbound_id") == [("GoodsReceived", "T-1")]
    assert [record for record, _ in translated(3, bizTransactionList=None).events] == ["GoodsReceived"]


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (8, {"disposition": "conformant"}),
        (8, {"bizStep": "storing"}),
        (12, {"bizStep": "loading"}),
        (12, {"bizStep": "https://example.com/steps/receiving"}),
        (4, {"action": "DELETE"}),
    ],
)
def test_what_moves_no_stock_is_left_out_with_a_reason(number: int, changes: dict[str, Any]) -> None:
    """A state is no change, loading belongs to shipping, and an unlinked transaction moves nothing."""
    translation = translated(number, **changes)
    assert (translation.events, translation.refusals) == ((), ())
    assert len(translation.ignored) == 1


ERROR = {"declarationTime": "2026-07-15T08:00:00Z", "reason": "did_not_occur"}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, [("StockAdjusted", f"{gtin}#error", "AB-1", "dc-north", -12) for gtin in (UNIT, CASE)]),
        (2, [
            ("StockAdjusted", f"{UNIT}#error", "AB-1", "dc-north", 2),
            ("TransferReceived", f"{UNIT}#error#closed", "AB-1", "store-bonn", 2),
            ("StockAdjusted", f"{UNIT}#error#target", "AB-1", "store-bonn", -2),
        ]),
        (4, [("StockAdjusted", f"{OTHER}#error", "AB-2", "dc-north", 3)]),
        (5, [("StockAdjusted", f"{UNIT}#error", "AB-1", "store-bonn", 1)]),
        (6, [
            ("StockAdjusted", f"{UNIT}#error", "AB-1", "store-bonn", -1),
            ("DispositionChanged", f"{UNIT}#error#state", "AB-1", "store-bonn", 1),
        ]),
        (8, [("DispositionChanged", f"{UNIT}#error", "AB-1", "dc-north", 1)]),
        (9, [("StockAdjusted", f"{CASE}#error", "AB-1", "dc-north", 6)]),
        (11, [
            ("StockAdjusted", f"{UNIT}#in#error", "AB-1", "dc-north", 1),
            ("StockAdjusted", f"{OTHER}#in#error", "AB-2", "dc-north", 2),
            ("StockAdjusted", f"{KIT}#out#error", "KIT", "dc-north", -1),
        ]),
    ],
)  # fmt: skip
def test_an_error_declaration_undoes_what_was_told(number: int, expected: list[tuple[Any, ...]]) -> None:
    """With ids of its own, at the time of what was wrong: a count since then knows better than both."""
    wrong, declared = translated(number), translated(number, errorDeclaration=ERROR)
    assert told_without_ids(declared) == expected
    assert {value["occurred_at"] for _, value in declared.events} == {wrong.events[0][1]["occurred_at"]}
    ids = {value["event_id"] for _, value in (*wrong.events, *declared.events)}
    assert len(ids) == len(wrong.events) + len(declared.events)


def test_undone_goods_leave_no_trace_in_stock() -> None:
    """After each event and its declaration, on_hand and unsellable are zero again at every place."""
    for number in (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 15, 16):
        events = (*translated(number).events, *translated(number, errorDeclaration=ERROR).events)
        assert not any(_left(events).values()), number


def _left(events: tuple[tuple[str, dict[str, Any]], ...]) -> dict[tuple[str, str, str], int]:
    """Return what is left by SKU, place and figure, counted by a plain loop."""
    left: dict[tuple[str, str, str], int] = {}
    takes = {"SaleRecorded", "OrderShipped", "TransferShipped"}
    for record, value in events:
        unsellable = value.get("disposition", "SELLABLE") != "SELLABLE"
        moved = {"on_hand": 0 if record == "DispositionChanged" else value["quantity"]}
        moved["on_hand"] *= -1 if record in takes else 1
        moved["unsellable"] = value["quantity"] if unsellable else 0
        if record == "DispositionChanged" and not unsellable:
            moved["unsellable"] = -value["quantity"]
        for figure, units in moved.items():
            key = (value["sku"], value["location_id"], figure)
            left[key] = left.get(key, 0) + units
    return left


def test_a_wrong_count_is_corrected_by_the_next() -> None:
    """There is no opposite of a figure."""
    translation = translated(10, errorDeclaration=ERROR)
    assert (translation.events, translation.refusals) == ((), ())
    assert translation.ignored == ("a count that was declared wrong: the next count corrects it",)


def test_redelivery_gives_the_same_ids_with_and_without_event_ids() -> None:
    """However the fields are ordered, and whenever it was recorded; another event is another id."""
    event = fixture("epcis/event.json")
    first = translate(ACCOUNT, "", event)
    again = dict(reversed(event.items())) | {"recordTime": "2026-07-14T06:00:01Z"}
    assert translate(ACCOUNT, "", again).events == first.events
    assert len(first.events) == 2
    later = event | {"eventTime": "2026-07-14T08:00:00.001+02:00"}
    assert {value["event_id"] for _, value in translate(ACCOUNT, "", later).events}.isdisjoint(
        value["event_id"] for _, value in first.events
    )
    declared = translate(ACCOUNT, "", event | {"errorDeclaration": ERROR})
    assert [value["event_id"] for _, value in declared.events] == [
        f"{value['event_id']}#error" for _, value in first.events
    ]


def test_an_event_twice_in_a_document_counts_once_and_an_id_for_two_is_refused() -> None:
    """The second with other content is not taken for the first."""
    document = day(5, 5)
    assert len(translate(ACCOUNT, "", document).events) == 1
    other = json.loads(json.dumps(document))
    other["epcisBody"]["eventList"][1]["eventTime"] = "2026-07-14T12:00:01+02:00"
    translation = translate(ACCOUNT, "", other)
    assert len(translation.events) == 1
    assert reasons(translation) == [
        "epcisBody.eventList[1].eventID: stands for another event of this document too"
    ]


@pytest.mark.parametrize(
    ("number", "changes", "refusals"),
    [
        (5, {"action": "CREATE"}, ["action: none of ADD, OBSERVE, DELETE"]),
        (5, {"action": None, "eventTimeZoneOffset": None}, ["eventTimeZoneOffset: missing", "action: missing"]),
        (5, {"eventTime": "14-07-2026"}, ["eventTime: no time of RFC 3339, such as 2026-01-31T12:00:00Z"]),
        (5, {"eventTime": "2026-07-14T08:00:00"}, ["eventTime: a time without a zone"]),
        (5, {"eventTimeZoneOffset": "+2"}, ["eventTimeZoneOffset: no offset such as +02:00"]),
        (5, {"bizStep": "returning"}, ["bizStep: no word of the standard's BizStep list"]),
        (5, {"disposition": "sold"}, ["disposition: no word of the standard's Disp list, and no URI"]),
        (5, {"epcList": None}, ["epcList: missing: one of epcList, "]),
        (5, {"epcList": ["AB-1"]}, ["epcList[0]: no URI"]),
        (5, {"epcList": ["urn:epc:id:sgtin:4012345.98765.1"]}, ["epcList[0]: no EPC URI as"]),
        (5, {"epcList": ["https://id.example.com/01/04012345987653"]}, ["epcList[0]: no GS1 Digital Link: its check"]),
        (5, {"ilmd": {"lot": "7"}}, ["ilmd: only where goods come into being"]),
        (5, {"action": "ADD", "ilmd": {"lot": "7"}}, ["ilmd.lot: a field without a namespace"]),
        (5, {"shelf": 7}, ["shelf: a field that ObjectEvent does not have"]),
        (5, {"bizLocation": {"id": "urn:epc:id:sgln:4012345.00099.0"}}, ["bizLocation: location urn:epc:id:sgln"]),
        (5, {"errorDeclaration": {"reason": "incorrect_data"}}, ["errorDeclaration.declarationTime: missing or empty"]),
        (4, {"bizTransactionList": None}, ["bizTransactionList: missing: a TransactionEvent is about one"]),
        (14, {"parentID": None}, ["parentID: missing or empty"]),
        (2, {"destinationList": [{"type": "place", "destination": "urn:x:y"}]}, ["destinationList[0].type: no word"]),
        (10, {"quantityList": [{"epcClass": LINK, "quantity": "twenty"}]}, ["quantityList[0].quantity: no number"]),
        (10, {"quantityList": [{"epcClass": LINK, "quantity": 1.5}]}, ["quantityList[0].quantity: a number, not"]),
        (10, {"action": "ADD"}, ["action: a count observes, it does not add or delete"] * 2),
        (11, {"inputEPCList": None, "inputQuantityList": None, "outputEPCList": None}, ["inputEPCList: missing"]),
    ],
)  # fmt: skip
def test_faults_are_named_by_field_and_hide_no_other_event(
    number: int, changes: dict[str, Any], refusals: list[str]
) -> None:
    """All faults of one event, each with the path that leads to it."""
    document = day(number, **changes)
    document["epcisBody"]["eventList"].append(day(16)["epcisBody"]["eventList"][0])
    translation = translate(ACCOUNT, "", document)
    assert [record for record, _ in translation.events] == ["StockAdjusted"]
    found = [reason.removeprefix("epcisBody.eventList[0].") for reason in reasons(translation)]
    assert len(found) == len(refusals)
    assert all(map(str.startswith, found, refusals)), found


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"@context": None}, "@context: missing: without it no word has a meaning"),
        ({"type": "Document"}, "type: neither EPCISDocument, EPCISQueryDocument nor a type of event"),
        ({"schemaVersion": "1.2"}, "schemaVersion: not version 2 of EPCIS"),
        ({"creationDate": "today"}, "creationDate: no time of RFC 3339, such as 2026-01-31T12:00:00Z"),
        ({"epcisBody": {}}, "epcisBody.eventList: missing"),
        ({"epcisBody": None}, "epcisBody: missing"),
    ],
)
def test_a_document_that_is_none_is_refused_whole(changes: dict[str, Any], refusal: str) -> None:
    """Before any of its events is looked at."""
    translation = translate(ACCOUNT, "", day(5) | changes)
    assert (translation.events, reasons(translation)) == ((), [refusal])


def test_a_query_document_holds_events_too() -> None:
    """What a subscription delivers."""
    document = day(5)
    events = document.pop("epcisBody")
    body = {"queryResults": {"queryName": "all", "resultsBody": events}}
    query = {**document, "type": "EPCISQueryDocument", "epcisBody": body}
    assert translate(ACCOUNT, "", query).events == translated(5).events


def test_an_unknown_product_refuses_its_line_only() -> None:
    """Where the account's products are all that there are."""
    closed = Account("wms", "wms", default_location_id="dc", skus={UNIT: "AB-1"}, skus_closed=True)
    translation = translate(closed, "", day(1))
    assert [value["sku"] for _, value in translation.events] == ["AB-1"]
    assert reasons(translation) == [
        f"epcisBody.eventList[0].quantityList[1].epcClass: {CASE} is not among the account's skus"
    ]


def samples(kind: str) -> list[Path]:
    """Return the vendor's samples that must be accepted, or refused."""
    return sorted((SAMPLES / "epcis" / kind).glob("*.json"))


@needs_samples
def test_every_valid_sample_is_accepted() -> None:
    """With what it moves, counted over all of them; the rest says why it moves nothing."""
    paths = samples("valid")
    assert len(paths) == 30
    records: dict[str, int] = {}
    for path in paths:
        translation = translate(ANYWHERE, "", json.loads(path.read_text("utf-8")))
        assert translation.refusals == (), path.name
        assert translation.events or translation.ignored, path.name
        for record, _ in translation.events:
            records[record] = records.get(record, 0) + 1
    assert records == {
        "DispositionChanged": 3,
        "GoodsReceived": 10,
        "OrderShipped": 4,
        "StockAdjusted": 30,
    }


@needs_samples
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ObjectEvent", [("OrderShipped", "10614141073464", 2), ("GoodsReceived", "10614141073464", 1)]),
        ("event-AggregationEvent", [("GoodsReceived", "09520001123467", 3)]),
        ("AggregationEvent_with_digitalLink", [
            ("GoodsReceived", "70614141123451", 2),
            ("GoodsReceived", "04012345987652", 10),
        ]),
        ("CurieString_document", [("GoodsReceived", "04012345999990", 1)]),
        ("ObjectEvent_with_error_declaration", [
            ("StockAdjusted", "10614141073464", 2),
            ("GoodsReceived", "10614141073464", 1),
        ]),
        ("TransactionEvent_with_sensorData", [("DispositionChanged", "10614141073402", 2)]),
        ("TransformationEvent_with_digitalLink", [
            ("StockAdjusted", "04012345111224", -1),
            ("StockAdjusted", "04000001654321", -1),
            ("StockAdjusted", "00614141777778", -30),
            ("StockAdjusted", "04012345666663", -220),
            ("StockAdjusted", "04012345778892", 4),
        ]),
        ("event-TransformationEvent", [
            ("StockAdjusted", "04012345111118", 1),
            ("StockAdjusted", "04012345333336", -1),
        ]),
        ("JumbledFieldsOrder", [("OrderShipped", "10614141073464", 2)]),
        ("AssociationEvent", []),
    ],
)  # fmt: skip
def test_valid_samples_become_what_they_say(name: str, expected: list[tuple[str, str, int]]) -> None:
    """Product and quantity, in the order in which the event names them."""
    body = json.loads((SAMPLES / "epcis" / "valid" / f"{name}.json").read_text("utf-8"))
    assert short(translate(ANYWHERE, "", body), "sku", "quantity") == expected


STEP = "bizStep: no word of the standard's BizStep list, and no URI"
DISPOSITION = "disposition: no word of the standard's Disp list, and no URI"
INVALID = {
    "Combination_of_events_with_missing_mandatory_fields": [
        "[0].action: missing or empty",
        "[1].eventTimeZoneOffset: missing or empty",
        "[1].action: missing or empty",
    ],
    "Combination_of_multiple_invalid_fields": [
        f"[0].{STEP}",
        f"[1].{DISPOSITION}",
        "[2].sourceList[0].type: no word of the standard's SDT list, and no URI",
        "[3].ilmd.materialType: a field without a namespace",
        "[4].eventTime: no time of RFC 3339, such as 2026-01-31T12:00:00Z",
        "[4].action: none of ADD, OBSERVE, DELETE",
    ],
    "Combination_of_non_standard_bizStep_and_disposition": [f"[0].{STEP}", f"[1].{DISPOSITION}"],
    "ObjectEvent_with_ilmd_field_without_namespace": ["[0].ilmd.materialType: a field without a namespace"],
    "ObjectEvent_with_invalid_action": ["[0].action: none of ADD, OBSERVE, DELETE"],
    "ObjectEvent_with_invalid_eventTime_format": [
        "[0].eventTime: no time of RFC 3339, such as 2026-01-31T12:00:00Z"
    ],
    "ObjectEvent_with_non_standard_bizStep": [f"[0].{STEP}"],
    "ObjectEvent_with_quantity_as_text": ["[0].quantityList[0].quantity: no number"],
}


@needs_samples
def test_every_invalid_sample_is_refused_for_the_right_reason() -> None:
    """By field, and nothing of it moves stock."""
    found = {}
    for path in samples("invalid"):
        translation = translate(ANYWHERE, "", json.loads(path.read_text("utf-8")))
        assert translation.events == (), path.name
        found[path.stem] = [reason.removeprefix("epcisBody.eventList") for reason in reasons(translation)]
    assert found == INVALID


def test_damage_gives_typed_refusals_only() -> None:
    """Single events for speed, with error declarations and without, and a document of several."""
    document = fixture("epcis/day.json")
    events = [event | {"@context": document["@context"]} for event in document["epcisBody"]["eventList"]]
    declared = [event | {"errorDeclaration": ERROR} for event in events[:6]]
    bodies = [("", body) for body in (*events, *declared, fixture("epcis/event.json"), day(1, 2, 5))]
    seen = fuzz(translate, ACCOUNT, bodies)
    assert seen["events"] > 1_000
    assert seen["refusals"] > 1_000
