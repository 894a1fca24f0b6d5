"""
One account's requests: read within limits, believed if signed, translated, stored, and only then answered.

The order of the checks is chosen so that a stranger can do little harm: a body is never read beyond its limit, and the
rate of an account is spent by its own requests only, so that forged ones can't use it up.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, NamedTuple

import structlog

from connectors import metrics
from connectors.accounts.model import Entry
from connectors.authenticity import NotAuthentic
from connectors.body import Untranslatable
from connectors.egress.pace import TokenBucket
from connectors.ingress.channels import CHANNELS, TRACED, Headers
from connectors.ingress.outgoing import (
    PARTLY,
    UNREADABLE,
    UNTRANSLATABLE,
    Outgoing,
    by_topic,
    letter,
    records_of,
    trace_of,
)
from connectors.ingress.storage import NotStored, Storage
from connectors.items.resolving import Resolve, as_it_is
from connectors.translation import Translation
from streams.topology import INGRESS_DEAD_LETTERS

BODY_SECONDS = 10.0  # A sender that needs longer for a body holds a place that others need.
BODIES_BYTES = 268_435_456  # All that are under way together; nobody has proved to be anybody yet.
RETRY_AFTER_SECONDS = 5  # While Kafka is away: about what a broker takes to come back.
LARGE_BYTES = 65_536  # From here on, translating takes milliseconds that other requests must not wait.

log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What a sender is told, and the word for it in metrics."""

    status: HTTPStatus
    outcome: str
    content: dict[str, Any]
    retry_after_seconds: int | None = None


class Declined(Exception):
    """A request that ends before its body is looked at; carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.outcome)
        self.answer = answer


def declined(
    status: HTTPStatus, outcome: str, detail: str, retry_after_seconds: int | None = None
) -> Declined:
    """Return, for raising, an answer that says in one sentence why a request is not taken (RFC 9457)."""
    content = {"title": status.phrase, "status": status.value, "detail": detail}
    return Declined(Answer(status, outcome, content, retry_after_seconds))


class Space:
    """Room for the bodies that are under way, of all accounts together, so that strangers can't fill the memory."""

    def __init__(self, maximum_bytes: int = BODIES_BYTES) -> None:
        self._left = maximum_bytes

    def take(self, length: int) -> None:
        """Take room for a part of a body. Raises Declined when there is none."""
        if length > self._left:
            detail = "Too much is under way: send it again."
            raise declined(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", detail, RETRY_AFTER_SECONDS)
        self._left -= length

    def free(self, length: int) -> None:
        """Give room back."""
        self._left += length


class Reception:
    """Takes the requests of one account."""

    def __init__(
        self,
        account_id: str,
        entry: Entry,
        secrets: Sequence[str],
        storage: Storage,
        space: Space,
        resolve: Resolve = as_it_is,
    ) -> None:
        self.account_id = account_id
        self._entry = entry
        self._account = entry.account(account_id)
        self._channel = CHANNELS[entry.kind]
        self._secrets = tuple(secrets)
        self._storage = storage
        self._space = space
        self._resolve = resolve
        # From the start, or Prometheus could not tell a first forgery from none.
        for outcome in metrics.INGRESS_OUTCOMES:
            metrics.INGRESS_REQUESTS.labels(account_id, outcome)
        metrics.INGRESS_RECORDS.labels(account_id, INGRESS_DEAD_LETTERS.name)
        limits = entry.limits
        self._bucket = TokenBucket(limits.requests_per_second, time.monotonic, limits.burst_requests)

    async def take(self, headers: Headers, chunks: AsyncIterator[bytes]) -> Answer:
        """Return the answer to one request; all that it says is stored by then, unless the answer says otherwise."""
        parts: list[bytes] = []
        try:
            await self._read(headers, chunks, parts)
            return await self._taken(headers, b"".join(parts))
        except Declined as ended:
            return ended.answer
        finally:
            self._space.free(sum(map(len, parts)))

    async def _taken(self, headers: Headers, body: bytes) -> Answer:
        """Return the answer to a body. Raises Declined."""
        if self._channel.is_ping(headers, body):
            return Answer(HTTPStatus.OK, "ping", {})
        self._authenticate(headers, body)
        self._spend()
        translation, reason = await self._translated(headers, body)
        records = self._records(headers, body, translation, reason)
        await self._store(records)
        return self._answer(translation, records)

    async def _read(self, headers: Headers, chunks: AsyncIterator[bytes], parts: list[bytes]) -> None:
        """Add the parts of a body, of which no more is read than may come. Raises Declined."""
        limit = self._entry.limits.body_bytes
        too_large = declined(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"The body is longer than {limit} bytes."
        )
        announced = headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > limit:
            raise too_large
        length = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in chunks:
                    length += len(chunk)
                    if length > limit:
                        raise too_large
                    self._space.take(len(chunk))
                    parts.append(chunk)
        except TimeoutError:
            detail = f"The body did not come within {BODY_SECONDS:g} s."
            raise declined(HTTPStatus.REQUEST_TIMEOUT, "too_slow", detail) from None

    def _authenticate(self, headers: Headers, body: bytes) -> None:
        """Raise Declined unless a secret of the account vouches for the request."""
        try:
            place = self._channel.authenticate(self._entry, self._secrets, headers, body, time.time())
        except NotAuthentic as error:
            log.warning("not authentic", account=self.account_id, reason=str(error))
            detail = "The signature or token is missing, wrong or too old."
            raise declined(HTTPStatus.UNAUTHORIZED, "forged", detail) from None
        metrics.INGRESS_AUTHENTIC.labels(self.account_id, str(place)).inc()

    def _spend(self) -> None:
        """Take one request from the account's budget. Raises Declined when there is none left."""
        wait = self._bucket.wait_seconds()
        if wait > 0:
            detail = f"The account may send {self._entry.limits.requests_per_second:g} requests a second."
            raise declined(HTTPStatus.TOO_MANY_REQUESTS, "too_many", detail, ceil(wait))
        self._bucket.take()

    async def _translated(self, headers: Headers, body: bytes) -> tuple[Translation, str]:
        """Return what a body becomes, and the reason under which it is kept if not all of it could be taken."""
        if len(body) >= LARGE_BYTES:
            return await asyncio.to_thread(self._translate, headers, body)
        return self._translate(headers, body)

    def _translate(self, headers: Headers, body: bytes) -> tuple[Translation, str]:
        try:
            read = self._channel.read(body)
        except Untranslatable as refusal:
            return Translation(refusals=(refusal,)), UNREADABLE
        translation = self._channel.translate(self._account, self._channel.topic(headers), read)
        translation = self._resolve(self._account, translation)
        return translation, PARTLY if _takes_something(translation) else UNTRANSLATABLE

    def _records(
        self, headers: Headers, body: bytes, translation: Translation, reason: str
    ) -> list[Outgoing]:
        """Return all that is to be stored: what was understood, and the body itself if some of it was not."""
        now = int(time.time() * 1_000)
        records = records_of(self._account, translation, trace_of(headers), now)
        if translation.refusals:
            kept = {name: headers[name] for name in (*TRACED, *self._channel.kept) if name in headers}
            kind, topic = self._entry.kind, self._channel.topic(headers)
            records.append(
                letter(self.account_id, kind, topic, body, reason, translation.refusals, kept, now)
            )
        return records

    async def _store(self, records: Sequence[Outgoing]) -> None:
        """Return when all is stored. Raises Declined; the sender comes again, and the same ids count once."""
        if not records:
            return
        try:
            await self._storage.store(records)
        except NotStored as error:
            log.warning("not stored", account=self.account_id, reason=str(error))
            detail = "It could not be stored now: send it again."
            raise declined(
                HTTPStatus.SERVICE_UNAVAILABLE, "not_stored", detail, RETRY_AFTER_SECONDS
            ) from None
        for topic, count in by_topic(records).items():
            metrics.INGRESS_RECORDS.labels(self.account_id, topic).inc(count)

    def _answer(self, translation: Translation, records: Sequence[Outgoing]) -> Answer:
        """Return what became of a body that is stored."""
        refused = [{"field": one.field, "reason": one.reason} for one in translation.refusals]
        if refused and not _takes_something(translation):
            return self._refusal(refused)
        outcome = "partly_taken" if refused else "taken" if records else "ignored"
        content: dict[str, Any] = {
            "events": len(translation.events),
            "orders": len(translation.orders),
            "fetches": len(translation.fetches),
            "ignored": list(translation.ignored),
            "refused": refused,
        }
        return Answer(HTTPStatus.OK, outcome, content)

    def _refusal(self, refused: list[dict[str, str]]) -> Answer:
        status = self._channel.refused
        detail = "Nothing of the body could be taken; it is kept for a person to look at."
        content = {"title": status.phrase, "status": status.value, "detail": detail, "errors": refused}
        return Answer(status, "refused", content)


def _takes_something(translation: Translation) -> bool:
    return bool(translation.events or translation.orders or translation.fetches)
