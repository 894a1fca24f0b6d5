"""
Bodies that could not be taken, and taking them after all once the account is mended.

They stay in `ingress-dlq` for 14 days whatever becomes of them. Taking one again is harmless: what was taken of it
keeps its ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from aiokafka import ConsumerRecord

from connectors.accounts.model import Entry
from connectors.body import Untranslatable
from connectors.ingress import outgoing
from connectors.ingress.channels import CHANNELS
from connectors.ingress.outgoing import FETCH_REFUSED, Outgoing, records_of, wish
from connectors.items.resolving import Resolve, as_it_is
from connectors.translation import Fetch


@dataclass(frozen=True, slots=True)
class Kept:
    """One body that is kept; received_at in UTC milliseconds, fetch what was to be fetched, if it was."""

    account_id: str
    topic: str
    body: bytes
    reason: str
    message: str
    received_at: int
    fetch: Fetch | None
    partition: int
    offset: int

    @classmethod
    def of(cls, record: ConsumerRecord) -> Self:
        """Return what a record of the topic keeps; one that somebody else wrote lacks much and raises nothing."""
        headers: Mapping[str, str] = {
            name: value.decode("utf-8", "replace") for name, value in record.headers
        }
        kind, _, identifier = headers.get(outgoing.FETCH, "").partition(":")
        received = headers.get(outgoing.RECEIVED_AT, "")
        return cls(
            headers.get(outgoing.ACCOUNT, ""),
            headers.get(outgoing.TOPIC, ""),
            record.value or b"",
            headers.get(outgoing.REASON, "UNKNOWN"),
            headers.get(outgoing.MESSAGE, ""),
            int(received) if received.isascii() and received.isdigit() else record.timestamp,
            Fetch(kind, identifier) if identifier else None,
            record.partition,
            record.offset,
        )


class Retaken(NamedTuple):
    """What becomes of a kept body now: records to store, and what still can't be taken."""

    records: list[Outgoing]
    refusals: Sequence[Untranslatable]


def retake(kept: Kept, entry: Entry, now: int, resolve: Resolve = as_it_is) -> Retaken:
    """Return what a body becomes by its account as it is now, UTC ms: what could not be fetched is wished for again."""
    account = entry.account(kept.account_id)
    if kept.reason == FETCH_REFUSED and kept.fetch is not None:
        return Retaken([wish(kept.account_id, kept.fetch, [], now)], ())
    channel = CHANNELS[entry.kind]
    try:
        read = channel.read(kept.body)
    except Untranslatable as refusal:
        return Retaken([], (refusal,))
    translation = resolve(account, channel.translate(account, kept.topic, read))
    return Retaken(records_of(account, translation, [], now), translation.refusals)
