"""
EPCIS 2.0 documents and events in JSON-LD, checked by the standard's rules and taken apart.

Rules from EPCIS 2.0, sections 7.4 and 10.1: mandatory fields, actions, time zones, vocabularies, and that a field of
the sender's own has a namespace. All faults of an event are reported, not only its first. What moves no stock,
such as sensor data, is looked at no further than its name.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from connectors.body import Part, Untranslatable, part_of, unknown
from connectors.epcis.vocabulary import (
    BIZ_STEPS,
    DISPOSITIONS,
    ERROR_REASONS,
    PARTIES,
    TRANSACTIONS,
    words,
)

ACTIONS = ("ADD", "OBSERVE", "DELETE")
TRANSFORMATION = "TransformationEvent"
OFFSET = re.compile(r"[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")

COMMON = words(
    "@context type eventID eventTime recordTime eventTimeZoneOffset errorDeclaration certificationInfo bizStep"
    " disposition persistentDisposition readPoint bizLocation bizTransactionList sourceList destinationList"
    " sensorElementList"
)
LISTS = {
    # Where each type has its goods: one EPC a unit, and quantities of a class.
    "ObjectEvent": ("epcList", "quantityList"),
    "AggregationEvent": ("childEPCs", "childQuantityList"),
    "AssociationEvent": ("childEPCs", "childQuantityList"),
    "TransactionEvent": ("epcList", "quantityList"),
}
INPUTS, OUTPUTS = ("inputEPCList", "inputQuantityList"), ("outputEPCList", "outputQuantityList")
FIELDS = {
    "ObjectEvent": COMMON | {"action", "ilmd", *LISTS["ObjectEvent"]},
    "AggregationEvent": COMMON | {"action", "parentID", *LISTS["AggregationEvent"]},
    "AssociationEvent": COMMON | {"action", "parentID", *LISTS["AssociationEvent"]},
    "TransactionEvent": COMMON | {"action", "parentID", *LISTS["TransactionEvent"]},
    TRANSFORMATION: COMMON | {"transformationID", "ilmd", *INPUTS, *OUTPUTS},
}
_Read = TypeVar("_Read")

NOT_IDENTITY = frozenset({"@context", "eventID", "recordTime", "errorDeclaration"})
"""What may differ between two deliveries of one event, or between it and its error declaration."""


class Amount(NamedTuple):
    """So much of a class of goods; the part has its quantity, which may be left out."""

    uri: str
    part: Part
    unit: str | None


class Goods(NamedTuple):
    """What an event is about: single units by their EPC, each with its path, and amounts of classes."""

    epcs: tuple[tuple[str, str], ...]
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class EpcisEvent:
    """One event; goods are a transformation's inputs, outputs is empty for all other types."""

    part: Part
    kind: str
    event_id: str
    occurred_at: int
    action: str | None
    biz_step: str | None
    disposition: str | None
    goods: Goods
    outputs: Goods
    read_point: str | None
    biz_location: str | None
    transactions: tuple[tuple[str | None, str], ...]
    sources: tuple[tuple[str | None, str], ...]
    destinations: tuple[tuple[str | None, str], ...]
    is_error: bool

    def transaction(self, *types: str) -> str | None:
        """Return the business transaction of the earliest of some types, without the namespace of its issuer."""
        for wanted in types:
            for found, uri in self.transactions:
                if found == wanted:
                    return uri.rpartition(":")[2] if uri.startswith("urn:epcglobal:cbv:bt:") else uri
        return None


def events_of(body: Part) -> list[tuple[str, object]]:
    """Return the events of a document, or the single event that a body is, with paths. Raises Untranslatable."""
    _check_context(body)
    kind = body.text("type")
    if kind in FIELDS:
        return [("", body.value)]
    if kind == "EPCISQueryDocument":
        return body.entries("epcisBody.queryResults.resultsBody.eventList")
    if kind != "EPCISDocument":
        raise body.refuse("type", "neither EPCISDocument, EPCISQueryDocument nor a type of event")
    if not body.text("schemaVersion").startswith("2."):
        raise body.refuse("schemaVersion", "not version 2 of EPCIS")
    body.milliseconds("creationDate")
    if not body.part("epcisBody").has("eventList"):
        raise body.refuse("epcisBody.eventList", "missing")
    return body.entries("epcisBody.eventList")


def _check_context(body: Part) -> None:
    context = body.value.get("@context")
    if not isinstance(context, str | list | dict) or not context:
        raise body.refuse("@context", "missing: without it no word has a meaning")


def event_of(where: str, entry: object) -> tuple[EpcisEvent | None, list[Untranslatable]]:
    """Return an event, or else all that is wrong with it."""
    reader = _Reader()
    try:
        part = part_of(entry, where)
        kind = part.one_of("type", FIELDS)
    except Untranslatable as refusal:
        return None, [refusal]
    for check in (_check_names, _check_error, _check_ilmd, _check_presence):
        reader(partial(check, part, kind), None)
    found = _take(reader, part, kind)
    return (None, reader.refusals) if reader.refusals else (found, [])


class _Reader:
    """Reads fields one by one and goes on after one that is wrong."""

    def __init__(self) -> None:
        self.refusals: list[Untranslatable] = []

    def __call__(self, read: Callable[[], _Read], otherwise: _Read) -> _Read:
        """Return what `read` finds, or otherwise something, with what was wrong kept."""
        try:
            return read()
        except Untranslatable as refusal:
            self.refusals.append(refusal)
            return otherwise


def _check_names(part: Part, kind: str) -> None:
    """Raise Untranslatable for a field that neither the standard has for this type nor a namespace marks."""
    for name in part.value:
        if name not in FIELDS[kind] and ":" not in name:
            raise unknown(part, name, f"a field that {kind} does not have, and without a namespace")


def _check_error(part: Part, _kind: str) -> None:
    if part.has("errorDeclaration"):
        declaration = part.part("errorDeclaration")
        declaration.milliseconds("declarationTime")
        ERROR_REASONS.read(declaration, "reason")


def _check_ilmd(part: Part, kind: str) -> None:
    """Raise Untranslatable for instance data where none is created, or data without a namespace."""
    if not part.has("ilmd"):
        return
    if kind != TRANSFORMATION and part.value.get("action") != "ADD":
        raise part.refuse("ilmd", "only where goods come into being: action ADD, or a transformation")
    ilmd = part.part("ilmd")
    for name in ilmd.value:
        if ":" not in name:
            raise unknown(ilmd, name, "a field without a namespace")


def _check_presence(part: Part, kind: str) -> None:
    """Raise Untranslatable for an event that is about nothing."""
    if kind == TRANSFORMATION:
        if not _any(part, INPUTS + OUTPUTS):
            raise part.refuse(INPUTS[0], "missing: a transformation has inputs or outputs")
        return
    deleting = part.value.get("action") == "DELETE"
    if kind == "TransactionEvent" and not part.entries("bizTransactionList"):
        raise part.refuse("bizTransactionList", "missing: a TransactionEvent is about one")
    if kind == "AssociationEvent" or (
        kind == "AggregationEvent" and part.value.get("action") in ("ADD", "DELETE")
    ):
        part.text("parentID")
    lists: tuple[str, ...] = LISTS[kind]
    if kind == "ObjectEvent":
        lists = (*lists, "sensorElementList")
    elif deleting:  # All children, or all objects of the transaction.
        return
    if not _any(part, lists):
        raise part.refuse(lists[0], f"missing: one of {', '.join(lists)} must name something")


def _any(part: Part, names: tuple[str, ...]) -> bool:
    return any(part.entries(name) for name in names)


def _take(reader: _Reader, part: Part, kind: str) -> EpcisEvent:
    """Return an event; where something was wrong, the reader knows, and the event must not be used."""
    reader(lambda: _check_offset(part), None)
    reader(lambda: part.milliseconds("recordTime") if part.has("recordTime") else 0, 0)
    inputs, outputs = (INPUTS, OUTPUTS) if kind == TRANSFORMATION else (LISTS[kind], None)
    return EpcisEvent(
        part=part,
        kind=kind,
        event_id=reader(lambda: part.optional_identifier("eventID") or _content_id(part), ""),
        occurred_at=reader(lambda: part.milliseconds("eventTime"), 0),
        action=None if kind == TRANSFORMATION else reader(lambda: part.one_of("action", ACTIONS), ""),
        biz_step=reader(lambda: BIZ_STEPS.read(part, "bizStep"), None),
        disposition=reader(lambda: DISPOSITIONS.read(part, "disposition"), None),
        goods=_goods(reader, part, inputs),
        outputs=Goods((), ()) if outputs is None else _goods(reader, part, outputs),
        read_point=reader(lambda: _place(part, "readPoint"), None),
        biz_location=reader(lambda: _place(part, "bizLocation"), None),
        transactions=reader(lambda: tuple(_transactions(part)), ()),
        sources=reader(lambda: tuple(_parties(part, "sourceList", "source")), ()),
        destinations=reader(lambda: tuple(_parties(part, "destinationList", "destination")), ()),
        is_error=part.value.get("errorDeclaration") is not None,
    )


def _check_offset(part: Part) -> None:
    if not OFFSET.fullmatch(part.text("eventTimeZoneOffset")):
        raise part.refuse("eventTimeZoneOffset", "no offset such as +02:00")


def _content_id(part: Part) -> str:
    """
    Return an id made of the content, for an event that has none.

    The standard does the same (CBV 2.0, 8.9): an event's content, with its time and its goods, is what it is. Raises
    Untranslatable for numbers that no JSON should hold.
    """
    content = {name: value for name, value in part.value.items() if name not in NOT_IDENTITY}
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    except ValueError:  # Python refuses to write out whole numbers of more than 4,300 digits.
        raise Untranslatable(part.path, "holds a number that is too long") from None
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _uri(part: Part, name: str) -> str:
    text = part.text(name)
    if not URI.fullmatch(text):
        raise part.refuse(name, "no URI")
    return text


def _place(part: Part, name: str) -> str | None:
    return _uri(part.part(name), "id") if part.has(name) else None


def _transactions(part: Part) -> Iterator[tuple[str | None, str]]:
    for entry in part.parts("bizTransactionList"):
        yield TRANSACTIONS.read(entry, "type"), _uri(entry, "bizTransaction")


def _parties(part: Part, name: str, value: str) -> Iterator[tuple[str | None, str]]:
    for entry in part.parts(name):
        entry.text("type")
        yield PARTIES.read(entry, "type"), _uri(entry, value)


def _goods(reader: _Reader, part: Part, names: tuple[str, str]) -> Goods:
    epcs, quantities = names
    none: list[tuple[str, object]] = []
    amounts = []
    for where, entry in reader(lambda: part.entries(quantities), none):
        amounts.append(reader(partial(_amount, where, entry), None))
    return Goods(
        reader(lambda: tuple(_epcs(part, epcs)), ()),
        tuple(amount for amount in amounts if amount is not None),
    )


def _epcs(part: Part, name: str) -> Iterator[tuple[str, str]]:
    for where, entry in part.entries(name):
        if not isinstance(entry, str) or not URI.fullmatch(entry):
            raise Untranslatable(where, "no URI")
        yield where, entry


def _amount(where: str, entry: object) -> Amount:
    part = part_of(entry, where)
    if part.has("quantity"):
        found = part.value["quantity"]
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise part.refuse("quantity", "no number")
    return Amount(_uri(part, "epcClass"), part, part.optional_text("uom"))
