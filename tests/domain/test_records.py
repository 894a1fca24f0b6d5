"""The domain's records are their schemas, field by field: the compiled codec builds them by position."""

from __future__ import annotations

from typing import Any

import pytest

import schemas
from streams import topology
from streams.domain.bundle_orders import AskedOrder, BundleOrder
from streams.domain.bundles import ComponentAvailability, ComponentLevel
from streams.domain.catalogue import AttributeOrigin, BundleComponent, Item, ItemDescribed, ItemUnit
from streams.domain.events import STOCK_EVENTS, StockCounted
from streams.domain.hold_requests import REQUESTS
from streams.domain.holds import ACTIVE, CONFIRMED, EXPIRED, REJECTED, RELEASED, Hold, HoldAnswer
from streams.domain.lines import INBOUND, ORDER, TRANSFER, OpenLine, WaitingEvent
from streams.domain.policy import (
    ChannelPolicy,
    LocationGroup,
    LocationPolicy,
    LocationSources,
    StockPolicySet,
)
from streams.domain.stock import ChannelLevel, FutureSupply, Level, Promise, StandingAlert, Stock


def field_names(schema: dict[str, Any]) -> tuple[str, ...]:
    """Names of a record's fields, in order."""
    return tuple(field["name"] for field in schema["fields"])


def items_of(record: str, field_name: str) -> dict[str, Any]:
    """The record in an array of another record."""
    (field,) = [field for field in schemas.load(record)["fields"] if field["name"] == field_name]
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    (items,) = [kind["items"] for kind in kinds if kind != "null"]
    found: dict[str, Any] = items
    return found


TOP_LEVEL: dict[str, Any] = {kind.__name__: kind for kind in (*STOCK_EVENTS, *REQUESTS)} | {
    "Hold": Hold,
    "StockCounted": StockCounted,
    "StockPolicySet": StockPolicySet,
    "StockLevel": Stock,
    "OpenLine": OpenLine,
    "ItemDescribed": ItemDescribed,
    "Item": Item,
    "ComponentLevel": ComponentLevel,
    "BundleOrder": BundleOrder,
}
NESTED: dict[tuple[str, str], Any] = {
    ("Hold", "answers"): HoldAnswer,
    ("StockPolicySet", "channels"): ChannelPolicy,
    ("StockPolicySet", "locations"): LocationPolicy,
    ("StockPolicySet", "location_groups"): LocationGroup,
    ("StockPolicySet", "sources"): LocationSources,
    ("StockLevel", "future"): FutureSupply,
    ("StockLevel", "promises"): Promise,
    ("StockLevel", "standing"): StandingAlert,
    ("OpenLine", "waiting"): WaitingEvent,
    ("ComponentLevel", "channels"): ComponentAvailability,
    ("BundleOrder", "components"): BundleComponent,
    ("BundleOrder", "asked"): AskedOrder,
    ("Item", "units"): ItemUnit,
    ("Item", "components"): BundleComponent,
    ("Item", "origins"): AttributeOrigin,
    ("StockLevel", "locations"): Level,
    ("StockLevel", "availability"): ChannelLevel,
}


@pytest.mark.parametrize("record", TOP_LEVEL)
def test_record_has_the_fields_of_its_schema_in_order(record: str) -> None:
    """A field added to one of them alone would shift all that follow it."""
    assert TOP_LEVEL[record]._fields == field_names(schemas.load(record))


@pytest.mark.parametrize(("record", "field_name"), NESTED)
def test_nested_record_has_the_fields_of_its_schema_in_order(record: str, field_name: str) -> None:
    """The same for records inside records."""
    assert NESTED[record, field_name]._fields == field_names(items_of(record, field_name))


def test_the_domain_knows_every_event_of_the_input_topics() -> None:
    """No record may be published to a topic without a rule for what it means."""
    known = {kind.__name__ for kind in (*STOCK_EVENTS, StockCounted)} | {"StockPolicySet", "ItemDescribed"}
    requests = {kind.__name__ for kind in REQUESTS}
    assert known | requests == set(topology.EVENT_TOPICS)


def test_every_event_begins_with_the_ledgers_envelope() -> None:
    """The ledger copies these seven fields byte for byte."""
    envelope = field_names(schemas.load("StockMovement"))[:7]
    types = [field["type"] for field in schemas.load("StockMovement")["fields"][:7]]
    for kind in STOCK_EVENTS:
        fields = schemas.load(kind.__name__)["fields"][:7]
        assert kind._fields[:7] == envelope
        assert [field["type"] for field in fields] == types


def test_kinds_of_lines_are_those_of_the_schema() -> None:
    """The codec refuses a kind that the schema does not name."""
    (kind,) = [field["type"] for field in schemas.load("OpenLine")["fields"] if field["name"] == "kind"]
    assert {ORDER, INBOUND, TRANSFER} == set(kind["symbols"])


def test_states_of_holds_are_those_of_the_schema() -> None:
    """The same for what became of a hold."""
    (state,) = [field["type"] for field in schemas.load("Hold")["fields"] if field["name"] == "state"]
    assert {ACTIVE, CONFIRMED, RELEASED, EXPIRED, REJECTED} == set(state["symbols"])
