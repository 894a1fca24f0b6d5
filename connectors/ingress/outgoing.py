"""What goes to Kafka for a body: records of a translation, and the body itself where it can't be taken whole."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import schemas
from connectors.body import Untranslatable
from connectors.egress.dead_letters import ERROR_PREFIX, MESSAGE_MAX_CHARACTERS
from connectors.publish import CONTENT_TYPE, cloudevents_headers
from connectors.statements import RECORD, key_of, statement
from connectors.translation import Account, Fetch, Translation
from schemas import wire
from streams.topology import CHANNEL_FETCHES, CHANNEL_ORDERS, EVENT_TOPICS, INGRESS_DEAD_LETTERS

KafkaHeaders = list[tuple[str, bytes]]
ACCOUNT, KIND, TOPIC, RECEIVED_AT = "onhand-account", "onhand-kind", "onhand-topic", "onhand-received-at"
FETCH = "onhand-fetch"
"""Headers of a body that is kept: whose it is, how it is translated, when it came; what was to be fetched."""
REASON, MESSAGE = f"{ERROR_PREFIX}exception", f"{ERROR_PREFIX}message"
TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, version 00.
TRACESTATE_CHARACTERS = 512  # What the specification asks to be passed on.
HEADER_CHARACTERS = 256  # Of a header that is kept with a body; ids and topics are shorter.

UNREADABLE, UNTRANSLATABLE, PARTLY = "UNREADABLE", "UNTRANSLATABLE", "PARTLY_UNTRANSLATABLE"
FETCH_REFUSED = "FETCH_REFUSED"
"""Why a body is kept: no text of its format, nothing of it can be taken, some of it can't, it could not be had."""


class Outgoing(NamedTuple):
    """One record on its way to Kafka."""

    topic: str
    key: bytes
    value: bytes
    headers: KafkaHeaders


def records_of(account: Account, translation: Translation, trace: KafkaHeaders, now: int) -> list[Outgoing]:
    """Return a translation as records: events, statements of orders, and what is to be fetched; now in ms."""
    return [
        *(_event(record, value, trace) for record, value in translation.events),
        *(_order(account, statement(account, order), trace) for order in translation.orders),
        *(wish(account.account_id, fetch, trace, now) for fetch in translation.fetches),
    ]


def letter(
    account_id: str,
    kind: str,
    topic: str,
    body: bytes,
    reason: str,
    refusals: Sequence[Untranslatable],
    about: Mapping[str, str],
    now: int,
) -> Outgoing:
    """
    Return a body as a dead letter, whole, with the reason and what is needed to take it one day.

    topic is the one by which it is translated. about are headers to keep, chosen by the channel: no signature and no
    token. now is when it came, UTC ms.
    """
    told = "; ".join(str(refusal) for refusal in refusals)[:MESSAGE_MAX_CHARACTERS]
    named = {
        REASON: reason,
        MESSAGE: told,
        f"{ERROR_PREFIX}stacktrace": "",
        ACCOUNT: account_id,
        KIND: kind,
        TOPIC: topic[:HEADER_CHARACTERS],
        RECEIVED_AT: str(now),
        **{name: value[:HEADER_CHARACTERS] for name, value in about.items()},
    }
    headers = [(name, text.encode("utf-8", "replace")) for name, text in named.items()]
    return Outgoing(INGRESS_DEAD_LETTERS.name, account_id.encode(), body, headers)


def trace_of(headers: Mapping[str, str]) -> KafkaHeaders:
    """Return a request's trace context as Kafka headers, none if it has none or a damaged one."""
    parent = headers.get(TRACEPARENT, "")
    if TRACE.fullmatch(parent) is None:
        return []
    state = headers.get(TRACESTATE, "")
    kept = [(TRACESTATE, state.encode())] if 0 < len(state) <= TRACESTATE_CHARACTERS else []
    return [(TRACEPARENT, parent.encode()), *kept]


def by_topic(records: Iterable[Outgoing]) -> dict[str, int]:
    """Return how many records go to each topic."""
    counts: dict[str, int] = {}
    for record in records:
        counts[record.topic] = counts.get(record.topic, 0) + 1
    return counts


def _event(record: str, value: dict[str, Any], trace: KafkaHeaders) -> Outgoing:
    headers = [*cloudevents_headers(record, value), *trace]
    topic = EVENT_TOPICS[record].name
    return Outgoing(topic, value["sku"].encode(), wire.encode(record, value), headers)  # type: ignore[arg-type] # all of them are bytes.


def _order(account: Account, value: dict[str, Any], trace: KafkaHeaders) -> Outgoing:
    key = key_of(account.account_id, value["order_id"])
    return Outgoing(CHANNEL_ORDERS.name, key, wire.encode(RECORD, value), [*described(RECORD), *trace])


def wish(account_id: str, fetch: Fetch, trace: KafkaHeaders, now: int) -> Outgoing:
    """Return the wish to ask a channel for something; now in ms."""
    value = {
        "account_id": account_id,
        "kind": fetch.kind,
        "identifier": fetch.identifier,
        "requested_at": now,
    }
    key = f"{account_id}:{fetch.kind}:{fetch.identifier}".encode()
    record = CHANNEL_FETCHES.records[0]
    return Outgoing(CHANNEL_FETCHES.name, key, wire.encode(record, value), [*described(record), *trace])


def described(record: str) -> KafkaHeaders:
    """Return the headers that say what a record is that stands for no event in time."""
    return [("ce_type", schemas.full_name(record).encode()), ("content-type", CONTENT_TYPE)]
