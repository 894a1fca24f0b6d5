"""
What every channel's translator is made of: an account, and one kind of result.

A translator is a pure function: the same account and body give the same events with the same ids, always. It never
raises for what is in a body: it returns a Translation, with what it could not take as refusals (Untranslatable, see
body.py). One result type serves all channels, because a body has many lines and one bad line must not hide the good
ones. The rule: what is wrong with the whole (its id, its time, its status) refuses the whole; what is wrong with one
line refuses that line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import wraps
from typing import Any, NamedTuple

import schemas
from connectors.body import Part, Untranslatable, body_of, part_of, shortened
from connectors.orders import Order
from streams.domain import validation
from streams.domain.errors import EventRefused
from streams.domain.events import STOCK_EVENTS, StockCounted
from streams.domain.sku import InvalidSku, normalise_sku

EVENTS = {event.__name__: event for event in (*STOCK_EVENTS, StockCounted)}
"""The records that a channel can send, by name: what moves or sets stock."""

NOT_STOCK = "says nothing of stock"
BELOW_ZERO = "a figure below zero counts nothing that is there"
ECHO = "Onhand writes this figure at the channel: what it says of it is our own word"

Event = tuple[str, dict[str, Any]]
"""Name of a record, and its value exactly as schemas/ has it."""


class Fetch(NamedTuple):
    """What a body only names, and the connector has to ask the channel for, such as ("order", "eA3v…")."""

    kind: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Translation:
    """
    What became of one body.

    events to publish, in order, which stand for themselves; orders to turn into events by what was told of them
    before (order_desk.py); refusals to keep with the body for a person; fetches to make and translate in turn;
    ignored says why something that was understood moves no stock. All empty: an empty body.
    """

    events: tuple[Event, ...] = ()
    orders: tuple[Order, ...] = ()
    refusals: tuple[Untranslatable, ...] = ()
    fetches: tuple[Fetch, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """
    One account at a channel, and what its words are in ours.

    locations maps the channel's location ids to location_ids; empty, everything is at default_location_id, which
    otherwise only serves bodies that name no location. skus maps the channel's identifiers to SKUs; one that is not
    in it is the SKU itself, unless skus_closed. pack_sizes says how many units one of an identifier holds, such as 12
    for a case of 12; 1 for what is not in it.

    returned_as is the disposition of returned goods where the channel does not say it. orders_of is the account whose
    orders this one fulfils, such as the shop's for its warehouse; itself unless said. time_zone is that of times that
    name none, at channels whose times do not. accepts_test_data lets through what its sender marked as a test.

    delivers says that Onhand tells this account what it may sell, and delivers_to at which of the channel's locations;
    None if it has none.
    """

    account_id: str
    source_id: str
    channel_id: str | None = None
    locations: Mapping[str, str] = field(default_factory=dict)
    default_location_id: str | None = None
    skus: Mapping[str, str] = field(default_factory=dict)
    skus_closed: bool = False
    pack_sizes: Mapping[str, int] = field(default_factory=dict)
    returned_as: str = "QUALITY_CONTROL"
    orders_of: str | None = None
    time_zone: tzinfo = UTC
    accepts_test_data: bool = False
    delivers: bool = False
    delivers_to: str | None = None

    def is_echo(self, location: str | None = None) -> bool:
        """
        Tell whether a figure that the channel tells of is one that Onhand writes there.

        What a channel says of such a figure is our own word come back, or a sale that its order tells of as well: it
        must not move stock (semantics 12). location is the channel's own id, None where it has no locations.
        """
        return self.delivers and (self.delivers_to is None or location in {None, self.delivers_to})

    def order_id(self, identifier: str) -> str:
        """Return the order_id of a channel's order: two shops may number theirs alike."""
        return f"{self.orders_of or self.account_id}:{identifier}"

    def location_of(self, identifier: str | None, where: str) -> str:
        """Return the location_id of a channel's location, None meaning the default. Raises Untranslatable."""
        if identifier is None or not self.locations:
            if self.default_location_id is None:
                raise Untranslatable(where, "no location, and the account has no default_location_id")
            return self.default_location_id
        try:
            return self.locations[identifier]
        except KeyError:
            raise Untranslatable(
                where, f"location {shortened(identifier)} is not among the account's locations"
            ) from None

    def sku_of(self, identifier: str, where: str, *, opaque: bool = False) -> str:
        """
        Return the SKU that a channel's identifier stands for.

        opaque is for identifiers that the channel made up (a variant's number, an ASIN): they are never SKUs
        themselves. Raises Untranslatable.
        """
        found = self.skus.get(identifier)
        if found is None and (opaque or self.skus_closed):
            raise Untranslatable(where, f"{shortened(identifier)} is not among the account's skus")
        try:
            return normalise_sku(identifier if found is None else found)
        except InvalidSku:
            raise Untranslatable(
                where, "no SKU: empty, too long, with control characters, or no Unicode text"
            ) from None

    def event(
        self,
        record: str,
        event_id: str,
        *,
        sku: str,
        location_id: str,
        quantity: int,
        occurred_at: int,
        where: str = "",
        **more: Any,
    ) -> Event:
        """
        Return an event of this account, checked as the stock agent would check it.

        Whether it lies in the future is left to the agent: the same body must give the same event at any time.
        more are the record's fields beyond the envelope; fields with a default may be left out. Raises
        Untranslatable at where.
        """
        value: dict[str, Any] = {
            "event_id": event_id,
            "source_id": self.source_id,
            "sku": sku,
            "location_id": location_id,
            "channel_id": self.channel_id,
            "quantity": quantity,
            "occurred_at": occurred_at,
            **_DEFAULTS[record],
            **more,
        }
        check(record, value, where)
        return record, value

    def counted(
        self,
        event_id: str,
        *,
        sku: str,
        location_id: str,
        quantity: int,
        as_of: int,
        basis: str,
        where: str = "",
    ) -> Event:
        """Return an absolute figure outside any feed, as of the time it is true for. Raises Untranslatable."""
        return self.event(
            "StockCounted",
            event_id,
            sku=sku,
            location_id=location_id,
            quantity=quantity,
            occurred_at=as_of,
            where=where,
            as_of=as_of,
            basis=basis,
            feed_id=None,
            feed_kind=None,
            sequence=None,
            total=None,
        )


def figure(body: Part, name: str) -> int | None:
    """Return a stock figure, None for one below zero: oversold stock is no count. Raises Untranslatable."""
    number = body.whole(name, minimum=-validation.MAXIMUM_QUANTITY)
    return None if number < 0 else number


@dataclass(slots=True)
class Gathering:
    """What a translator has found so far; `result` closes it."""

    events: list[Event] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    refusals: list[Untranslatable] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def once(self, part: Part, name: str, kind: str = "") -> str:
        """Return an id that stands in a body once for each kind. Raises Untranslatable, also for a second one."""
        identifier = part.identifier(name)
        if (kind, identifier) in self.seen:
            raise part.refuse(name, f"{identifier} is there twice")
        self.seen.add((kind, identifier))
        return identifier

    def each(self, body: Part, name: str, take: Callable[[Part], Iterable[Event]]) -> None:
        """Add what `take` makes of each object of a list; what is wrong with one refuses that one."""
        for where, entry in body.entries(name):
            try:
                self.events.extend(list(take(part_of(entry, where))))  # All of an entry, or nothing of it.
            except Untranslatable as refusal:
                self.refusals.append(refusal)

    def visit(self, body: Part, name: str, visit: Callable[[Part], None]) -> None:
        """Call `visit` with each object of a list; what is wrong with one refuses that one."""
        for where, entry in body.entries(name):
            try:
                visit(part_of(entry, where))
            except Untranslatable as refusal:
                self.refusals.append(refusal)

    def ignore(self, reason: str) -> None:
        """Say once why something that was understood moves no stock."""
        if reason not in self.ignored:
            self.ignored.append(reason)

    def result(self) -> Translation:
        """Return all of it."""
        return Translation(
            tuple(self.events),
            tuple(self.orders),
            tuple(self.refusals),
            tuple(self.fetches),
            tuple(self.ignored),
        )


def translator(
    function: Callable[[Account, str, Part], Translation],
) -> Callable[[Account, str, object], Translation]:
    """Make a translator of a function that may raise Untranslatable for the body as a whole."""

    @wraps(function)
    def translate(account: Account, topic: str, body: object) -> Translation:
        try:
            return function(account, topic, body_of(body))
        except Untranslatable as refusal:
            return Translation(refusals=(refusal,))

    return translate


def check(record: str, value: dict[str, Any], where: str) -> None:
    """Raise Untranslatable for an event that the stock agent would refuse for ever, whenever it came."""
    kind = EVENTS[record]
    event = kind(**{name: value[name] for name in kind._fields})
    try:
        validation.check(event, event.occurred_at)
        if isinstance(event, StockCounted):
            validation.check_count(event, max(event.occurred_at, event.as_of))
    except EventRefused as error:
        raise Untranslatable(where, shortened(error.message)) from None


_ENVELOPE = ("event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at")
# Fields beyond the envelope that a record's schema has a default for.
_DEFAULTS = {
    record: {
        field_["name"]: field_["default"]
        for field_ in schemas.load(record)["fields"]
        if field_["name"] not in _ENVELOPE and "default" in field_
    }
    for record in EVENTS
}
