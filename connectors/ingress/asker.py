"""
Asking one account's channel for what it only named, until it has answered and the answer is stored.

A channel that fails is left alone for a while and asked again; what it refuses for good is a dead letter.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import httpx
import structlog

from connectors import metrics
from connectors.accounts.model import BODY_BYTES_MAX
from connectors.accounts.secrets import MissingSecret
from connectors.body import Untranslatable, parsed
from connectors.egress.answers import retry_after_seconds
from connectors.egress.pace import Backoff, Circuit
from connectors.ingress.channels import CHANNELS
from connectors.ingress.outgoing import (
    FETCH,
    FETCH_REFUSED,
    PARTLY,
    UNTRANSLATABLE,
    Outgoing,
    letter,
    records_of,
)
from connectors.ingress.storage import NotStored, Storage
from connectors.items.resolving import Resolve, as_it_is
from connectors.questions import Question
from connectors.translation import Account, Fetch, Translation

ASK_SECONDS = 15.0  # Square answers within 1 s; whoever takes longer is asked again.
ANSWER_BYTES = BODY_BYTES_MAX  # What can be kept if it can't be taken; orders are far smaller.
GONE = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Answers that stay the same however often one asks; a wrong token (401, 403) is mended by a person."""

Ask = Callable[[Fetch], Question]

log = structlog.get_logger(__name__)


class Wish(NamedTuple):
    """One thing to fetch, and where the wish is stored."""

    account_id: str
    fetch: Fetch
    partition: int
    offset: int

    @property
    def key(self) -> str:
        """What it is about: a newer wish for the same takes an older one's place."""
        return f"{self.account_id}:{self.fetch.kind}:{self.fetch.identifier}"


class Unanswered(Exception):
    """A channel that does not answer now; seconds is how long it wants to be left alone, if it said so."""

    def __init__(self, reason: str, *, throttled: bool = False, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.throttled = throttled
        self.seconds = seconds


class Asker:
    """Asks one account, a few questions at a time, the oldest first."""

    def __init__(
        self,
        kind: str,
        account: Account,
        ask: Ask | None,
        client: httpx.AsyncClient,
        storage: Storage,
        resolve: Resolve = as_it_is,
    ) -> None:
        self._kind = kind
        self._account = account
        self._ask = ask
        self._client = client
        self._storage = storage
        self._resolve = resolve
        self._circuit = Circuit(time.monotonic, Backoff(random.Random()))
        self._room: OrderedDict[str, Wish] = OrderedDict()
        self._filled = asyncio.Event()
        self.done: Callable[[Wish], None] = lambda _wish: None

    def __len__(self) -> int:
        return len(self._room)

    def add(self, wish: Wish) -> None:
        """Let a wish wait; it takes the place of an older one for the same."""
        self._room[wish.key] = wish
        self._filled.set()
        metrics.INGRESS_FETCHES_WAITING.labels(self._account.account_id).set(len(self._room))

    def clear(self) -> None:
        """Forget what waits: its partitions have left."""
        self._room.clear()

    async def work(self) -> None:
        """Ask until cancelled."""
        while True:
            while not self._room:
                self._filled.clear()
                await self._filled.wait()
            if (wait := self._circuit.wait_seconds()) > 0:
                await asyncio.sleep(wait)
                continue
            _, wish = self._room.popitem(last=False)
            try:
                await self._storage.store(await self._answered(wish.fetch))
            except Unanswered as error:
                self._put_off(wish, error)
            except NotStored as error:
                self._put_off(wish, Unanswered(str(error)))
            else:
                self._circuit.succeeded()
                self.done(wish)
            metrics.INGRESS_FETCHES_WAITING.labels(self._account.account_id).set(len(self._room))

    def _put_off(self, wish: Wish, error: Unanswered) -> None:
        """Let a wish wait again, behind the others, unless a newer one for the same has come."""
        self._count("unavailable")
        log.warning("not fetched yet", account=self._account.account_id, wish=wish.key, reason=str(error))
        if error.throttled:
            self._circuit.throttled(error.seconds)
        else:
            self._circuit.failed(error.seconds)
        self._room.setdefault(wish.key, wish)
        self._filled.set()

    async def _answered(self, fetch: Fetch) -> list[Outgoing]:
        """Return what the channel's answer becomes. Raises Unanswered."""
        if self._ask is None:
            refusal = Untranslatable(
                "api", "the accounts file has no such account, or no [api] in it to ask with"
            )
            return [self._letter(fetch, "", b"", FETCH_REFUSED, refusal)]
        try:
            question = self._ask(fetch)
        except MissingSecret as error:
            raise Unanswered(str(error)) from None
        try:
            body = await self._get(question, fetch)
        except Untranslatable as refusal:
            self._count("refused")
            return [self._letter(fetch, "", b"", FETCH_REFUSED, refusal)]
        self._count("answered")
        translation = self._translated(question, body)
        records = records_of(self._account, translation, [], int(time.time() * 1_000))
        if translation.refusals:
            reason = PARTLY if records else UNTRANSLATABLE
            records.append(self._letter(fetch, question.topic, body, reason, *translation.refusals))
        return records

    def _translated(self, question: Question, body: bytes) -> Translation:
        try:
            read = parsed(body)
        except Untranslatable as refusal:
            return Translation(refusals=(refusal,))
        found = CHANNELS[self._kind].translate(self._account, question.topic, read)
        found = self._resolve(self._account, found)
        return Translation(found.events, found.orders, found.refusals)  # An answer asks no questions.

    async def _get(self, question: Question, fetch: Fetch) -> bytes:
        """Return a channel's answer. Raises Unanswered, and Untranslatable where asking again is of no use."""
        try:
            async with (
                asyncio.timeout(ASK_SECONDS),
                self._client.stream("GET", question.url, headers=question.headers) as answer,
            ):
                status = answer.status_code
                if status in GONE:
                    raise Untranslatable(fetch.kind, f"the channel answers {status} when asked for it")
                if status != HTTPStatus.OK:
                    throttled = status == HTTPStatus.TOO_MANY_REQUESTS
                    seconds = retry_after_seconds(answer.headers.get("retry-after"), time.time())
                    raise Unanswered(f"the channel answers {status}", throttled=throttled, seconds=seconds)
                return await _whole(answer)
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unanswered(str(error) or type(error).__name__) from None

    def _letter(
        self, fetch: Fetch, topic: str, body: bytes, reason: str, *refusals: Untranslatable
    ) -> Outgoing:
        about = {FETCH: f"{fetch.kind}:{fetch.identifier}"}
        now = int(time.time() * 1_000)
        return letter(self._account.account_id, self._kind, topic, body, reason, refusals, about, now)

    def _count(self, result: str) -> None:
        metrics.INGRESS_FETCHES.labels(self._account.account_id, result).inc()


async def _whole(answer: httpx.Response) -> bytes:
    """Return the body of an answer. Raises Untranslatable for one that no order can be."""
    parts, length = [], 0
    async for part in answer.aiter_bytes():
        length += len(part)
        if length > ANSWER_BYTES:
            raise Untranslatable("", f"longer than {ANSWER_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
