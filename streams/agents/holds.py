"""
Holds: requests of checkouts, their answers, and what time does to holds (semantics 4).

No decision looks at the other holds of a SKU: what they hold is in its levels as a running sum, and which of them
end when is in an index. So a hold costs the same beside a hundred thousand others. Every decision is a row of the
ledger and a result, and what happens without a request has rows of its own, from the source OWN_SOURCE:

    HoldExpired     a hold ended by itself
    HoldMoved       a hold gave its units back at the location that it leaves; the row of its PlaceHold follows
    HoldConfirmed   an order took a hold's units; the row of its OrderPlaced follows
"""

from collections.abc import Callable

from streams import topology
from streams.agents import hold_codec
from streams.agents import stock_codec as codec
from streams.agents.deadlines import Deadlines, Entry
from streams.agents.policies import PolicyBook
from streams.agents.writing import Writing
from streams.domain import availability, fold, holds
from streams.domain.errors import Reason
from streams.domain.events import OWN_SOURCE, OrderPlaced
from streams.domain.hold_requests import ConfirmHold, PlaceHold, ReleaseHold, Request
from streams.domain.holds import Decision, Hold, HoldAnswer, HoldTerms
from streams.domain.stock import Stock
from streams.domain.validation import MILLISECONDS_PER_HOUR
from streams.engine.table import Table

RESULTS = topology.RESERVATION_RESULTS.name
EXPIRED, MOVED, CONFIRMED = "HoldExpired", "HoldMoved", "HoldConfirmed"
PLACED, CHANGED, REFUSED = "PLACED", "CHANGED", "REFUSED"

ENDED_AT_ONCE = (
    2_000  # Holds that time ends in one batch: about 50 ms, so that events behind them don't wait.
)


Reserve = Callable[[int, bytes, Stock, OrderPlaced, int], fold.Outcome]
"""Folds an order into stock and lines, with the units that a hold promised; writes no ledger row."""


class HoldDesk:
    """Decides about requests, and ends and forgets holds when their time has come."""

    def __init__(
        self, writing: Writing, policies: PolicyBook, reserve: Reserve, is_bundle: Callable[[bytes], bool]
    ) -> None:
        self._writing = writing
        self._is_bundle = is_bundle
        self._policies = policies
        self._reserve = reserve
        self._deadlines = Deadlines()
        self._maximum = writing.settings.hold_maximum_hours * MILLISECONDS_PER_HOUR
        self.table: Table[Hold] = Table(topology.HOLDS.name, hold_codec.encode_hold, hold_codec.decode_hold)
        self.pending = False
        self._left = ENDED_AT_ONCE

    def assigned(self, partition: int) -> None:
        """Find out when the holds of a restored partition end."""
        entries: dict[bytes, list[Entry]] = {}
        for key, encoded in self.table.encoded(partition):
            hold = hold_codec.decode_hold(encoded)
            entries.setdefault(hold_codec.sku_of_hold(key), []).append((holds.due_at(hold), key))
        self._deadlines.fill(partition, entries)

    def revoked(self, partition: int) -> None:
        """Forget a partition."""
        self._deadlines.drop(partition)

    def pass_time(self) -> None:
        """End and forget the holds whose time has come, some in each batch; `pending` says that more wait."""
        now = self._writing.batch.now
        self._left = ENDED_AT_ONCE
        self._deadlines.begin()
        for due in self._deadlines.take(now, ENDED_AT_ONCE):
            self._left -= 1
            self._fall_due(due.partition, due.sku, due.key)
        self.pending = self._deadlines.due(now)

    def committed(self) -> None:
        """Know that the batch has committed."""
        self._deadlines.committed()

    def settle(self, partition: int, key: bytes, hold_id: str | None) -> bool:
        """
        End the holds of a SKU whose time has come, before any of it is promised; tell if there were any.

        When very many end at once, not all of them in this batch, but the one that is asked about in any case: who
        is refused for lack of units then asks for `settle_more`, and is decided about again.
        """
        ended = self._end_due(partition, key, self._left)
        self._left -= ended
        if hold_id is not None:
            hold = self.table.get(partition, hold_codec.hold_key(key, hold_id))
            if hold is not None and hold.state == holds.ACTIVE and hold.expires_at <= self._writing.batch.now:
                self._expire(partition, key, hold)
                return True
        return ended > 0

    def settle_more(self, partition: int, key: bytes) -> bool:
        """End further holds of a SKU whose time has come; tell if there were any."""
        return self._end_due(partition, key, ENDED_AT_ONCE) > 0

    def _end_due(self, partition: int, key: bytes, limit: int) -> int:
        found = self._deadlines.take_of(partition, key, self._writing.batch.now, limit)
        for hold_key in found:
            self._fall_due(partition, key, hold_key)
        return len(found)

    # Requests --------------------------------------------------------------------------------------------

    def apply(self, partition: int, key: bytes, request: Request) -> str:
        """Decide about a request, and answer; return the outcome."""
        self.settle(partition, key, request.hold_id)
        stock, hold, decision = self._decided(partition, key, request)
        while _is_short(decision, request) and self.settle_more(partition, key):
            stock, hold, decision = self._decided(partition, key, request)
        if decision.hold is not None:
            self._put(partition, key, decision.hold)
        if decision.moved is not None and hold is not None:
            between = self._leave(partition, key, stock, hold, request)
            decision = decision._replace(stock=decision.stock._replace(version=between.version + 1))
        if decision.stock.version > stock.version:
            decision = decision._replace(stock=self._kept(partition, key, stock, decision.stock))
        self._record(partition, key, stock, request, decision)
        self._tell(partition, key, request.hold_id, request.owner, decision.answer, decision.stock)
        self._count(hold, decision)
        return decision.outcome

    def repeat(self, partition: int, key: bytes, request: Request) -> str:
        """Answer a request as it was answered the first time."""
        stock = self._writing.levels.get(partition, key) or Stock(request.sku)
        answer = holds.repeated(self.table.get(partition, hold_codec.hold_key(key, request.hold_id)), request)
        place = answer.location_id or holds.NOWHERE
        again = Decision(fold.DUPLICATE, answer, stock, None, place, request.quantity)
        self._record(partition, key, stock, request, again)
        self._tell(partition, key, request.hold_id, request.owner, answer, stock)
        return fold.DUPLICATE

    def _decided(self, partition: int, key: bytes, request: Request) -> tuple[Stock, Hold | None, Decision]:
        """Return the stock and the hold that a request met, and what is decided; a refusal has no effect."""
        stock = self._writing.levels.get(partition, key) or Stock(request.sku)
        hold = self.table.get(partition, hold_codec.hold_key(key, request.hold_id))
        return stock, hold, self._decide(partition, key, stock, hold, request)

    def _decide(
        self, partition: int, key: bytes, stock: Stock, hold: Hold | None, request: Request
    ) -> Decision:
        now = self._writing.batch.now
        if isinstance(request, PlaceHold):
            decide = holds.place if stock.version else holds.unknown_sku
            if self._is_bundle(key):
                decide = holds.of_bundle
            return decide(stock, hold, request, HoldTerms(self._policies.plan(key), self._maximum, now))
        if isinstance(request, ReleaseHold):
            return holds.release(stock, hold, request, now)
        order = holds.confirm(stock, hold, request, now)
        if isinstance(order, Decision):
            return order
        assert hold is not None, "only a hold can turn into an order"
        room = holds.given_back(stock, hold)
        found = self._reserve(partition, key, room, order, holds.promised(hold, hold.location_id))
        return holds.confirmed(stock, hold, request, found, now)

    def _kept(self, partition: int, key: bytes, before: Stock, after: Stock) -> Stock:
        """Put a SKU's changed stock; a location that is new keeps its safety stock back at once."""
        if len(after.locations) > len(before.locations):
            after = availability.with_safety_stock(after, self._policies.plan(key))
        self._writing.levels.put(partition, key, after)
        return after

    def _leave(self, partition: int, key: bytes, stock: Stock, hold: Hold, request: Request) -> Stock:
        """Write the row of a hold that leaves its location; return the stock in between."""
        between = holds.touched(holds.given_back(stock, hold), request.occurred_at)
        event_id = f"{MOVED}:{request.sku}:{hold.hold_id}:{request.event_id}"
        self._own_row(partition, key, MOVED, event_id, hold, request.occurred_at, stock, between)
        return between

    # Orders ----------------------------------------------------------------------------------------------

    def named_by(self, partition: int, key: bytes, order: OrderPlaced) -> Hold | None:
        """Return the hold that an order names."""
        if order.hold_id is None:
            return None
        return self.table.get(partition, hold_codec.hold_key(key, order.hold_id))

    def take(self, partition: int, key: bytes, hold: Hold, order: OrderPlaced) -> None:
        """Remember that an order took a hold's units, or named those that were reserved for it before."""
        self._put(partition, key, holds.taken(hold, order, self._writing.batch.now))

    def confirm_for(
        self, partition: int, key: bytes, hold: Hold, order: OrderPlaced, before: Stock, room: Stock
    ) -> None:
        """Confirm a hold for the order that takes its units; room is the stock without them."""
        self.take(partition, key, hold, order)
        event_id = f"{CONFIRMED}:{order.sku}:{hold.hold_id}:{order.event_id}"
        self._own_row(partition, key, CONFIRMED, event_id, hold, order.occurred_at, before, room)
        self._writing.holds[holds.CONFIRMED] += 1

    # Time ------------------------------------------------------------------------------------------------

    def _fall_due(self, partition: int, key: bytes, hold_key: bytes) -> None:
        now = self._writing.batch.now
        hold = self.table.get(partition, hold_key)
        if hold is None or holds.due_at(hold) > now:
            return  # It has changed since its time was noted, and its new time is noted too.
        if hold.state == holds.ACTIVE:
            self._expire(partition, key, hold)
        else:
            self.table.put(partition, hold_key, None)

    def _expire(self, partition: int, key: bytes, hold: Hold) -> None:
        before = self._writing.levels.get(partition, key)
        assert before is not None, "an active hold has a SKU"
        after, ended = holds.expired(before, hold, self._writing.batch.now)
        self._put(partition, key, ended)
        self._writing.levels.put(partition, key, after)
        event_id = f"{EXPIRED}:{after.sku}:{hold.hold_id}:{hold.expires_at}"
        self._own_row(partition, key, EXPIRED, event_id, hold, hold.expires_at, before, after)
        last = ended.answers[-1]
        news = last._replace(accepted=False, state=holds.EXPIRED, reason=Reason.HOLD_EXPIRED)
        news = news._replace(location_id=hold.location_id, quantity=hold.quantity, expires_at=hold.expires_at)
        self._tell(partition, key, ended.hold_id, ended.owner, news, after)
        self._writing.holds[holds.EXPIRED] += 1

    # What is written -------------------------------------------------------------------------------------

    def _put(self, partition: int, key: bytes, hold: Hold) -> None:
        hold_key = hold_codec.hold_key(key, hold.hold_id)
        self.table.put(partition, hold_key, hold)
        self._deadlines.add(partition, key, hold_key, holds.due_at(hold))

    def _own_row(
        self,
        partition: int,
        key: bytes,
        event_type: str,
        event_id: str,
        hold: Hold,
        occurred_at: int,
        before: Stock,
        after: Stock,
    ) -> None:
        """Write a ledger row of something that no source sent."""
        place, quantity, channel_id = hold.location_id, hold.quantity, hold.channel_id
        envelope = codec.write_envelope(event_id, OWN_SOURCE, key, place, channel_id, quantity, occurred_at)
        self._writing.movement(
            partition,
            key,
            envelope,
            event_type,
            fold.APPLIED,
            None,
            occurred_at,
            before.level(place),
            after.level(place),
            after.version,
            hold.hold_id,
        )

    def _record(
        self, partition: int, key: bytes, before: Stock, request: Request, decision: Decision
    ) -> None:
        """Write the ledger row of a request; before is the stock that it met."""
        place, answer = decision.location_id, decision.answer
        envelope = codec.write_envelope(
            request.event_id,
            request.source_id,
            key,
            place,
            request.channel_id,
            decision.quantity,
            request.occurred_at,
        )
        is_first = decision.outcome != fold.DUPLICATE
        self._writing.movement(
            partition,
            key,
            envelope,
            type(request).__name__,
            decision.outcome,
            None if answer.reason is None or not is_first else Reason(answer.reason),
            request.occurred_at,
            before.level(place),
            decision.stock.level(place),
            decision.stock.version,
            request.hold_id,
        )

    def _tell(
        self, partition: int, key: bytes, hold_id: str, owner: str, answer: HoldAnswer, stock: Stock
    ) -> None:
        place = answer.location_id
        result = hold_codec.write_result(
            answer.request_id,
            answer.source_id,
            stock.sku,
            hold_id,
            owner,
            answer.accepted,
            answer.state,
            answer.reason,
            place,
            answer.quantity,
            answer.expires_at,
            None if place is None else stock.level(place).available,
            stock.version,
            self._writing.batch.now,
        )
        self._writing.batch.emit(RESULTS, partition, key, result)

    def _count(self, before: Hold | None, decision: Decision) -> None:
        """Count what became of a hold; what had happened already is no further one."""
        if decision.outcome == fold.REJECTED:
            self._writing.holds[REFUSED] += 1
        elif decision.outcome != fold.SUPERSEDED:
            state = decision.answer.state
            was_active = before is not None and before.state == holds.ACTIVE
            placed = CHANGED if was_active else PLACED
            self._writing.holds[placed if state == holds.ACTIVE else state] += 1


def _is_short(decision: Decision, request: Request) -> bool:
    """Return True when a request was refused for lack of units."""
    reason = decision.answer.reason
    late = reason == Reason.HOLD_EXPIRED and isinstance(request, ConfirmHold)
    return decision.outcome == fold.REJECTED and (late or reason == Reason.INSUFFICIENT_STOCK)
