"""
Polling one account: window after window, all of a window stored before its end becomes the cursor.

A process that ends in between reads the window again, with the same ids. What a webhook brought as well is told once:
both are translated by the same rules.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence

import structlog

from connectors import metrics
from connectors.accounts.model import Entry, Poll
from connectors.egress.pace import Backoff, Circuit
from connectors.ingress.channels import CHANNELS
from connectors.ingress.outgoing import PARTLY, UNTRANSLATABLE, Outgoing, by_topic, letter, records_of
from connectors.ingress.storage import NotStored, Storage
from connectors.items.resolving import Resolve, as_it_is
from connectors.polling.cursors import cursor_record
from connectors.polling.windows import Pages, Polled, window_from
from connectors.protocols import ChannelUnavailable

log = structlog.get_logger(__name__)


class Poller:
    """Polls one account from a position, UTC milliseconds; now tells the time."""

    def __init__(
        self,
        account_id: str,
        entry: Entry,
        pages: Pages,
        storage: Storage,
        position: int,
        now: Callable[[], int],
        resolve: Resolve = as_it_is,
    ) -> None:
        assert entry.poll is not None, "only such accounts are polled"
        self._account_id = account_id
        self._kind = entry.kind
        self._account = entry.account(account_id)
        self._options: Poll = entry.poll
        self._pages = pages
        self._storage = storage
        self._now = now
        self._resolve = resolve
        self._circuit = Circuit(time.monotonic, Backoff(random.Random()))
        self.position = position
        metrics.POLL_AGE.labels(account_id).set_function(lambda: (now() - self.position) / 1_000)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(self._options.every_seconds)

    async def catch_up(self) -> None:
        """
        Return when all that changed until now is stored, however often it has to be tried.

        The cursor is written in any case: from its first start on, whoever goes on leaves no gap.
        """
        until, read = self._now(), False
        while not read or self.position < until:
            try:
                await self.step()
            except ChannelUnavailable as error:
                self._failed("unavailable", str(error))
                if error.throttled:
                    self._circuit.throttled(error.retry_after_seconds)
                else:
                    self._circuit.failed(error.retry_after_seconds)
            except NotStored as error:
                self._failed("not_stored", str(error))
                self._circuit.failed()
            else:
                read = True
                self._circuit.succeeded()
                metrics.POLLS.labels(self._account_id, "read").inc()
            await asyncio.sleep(self._circuit.wait_seconds())

    async def step(self) -> None:
        """Read and store one window, then move the cursor. Raises ChannelUnavailable, NotStored."""
        window = window_from(self.position, self._options.overlap_seconds * 1_000, self._now())
        async for page in self._pages(window):
            records = [record for polled in page for record in self._records(polled)]
            if records:
                await self._storage.store(records)
            for topic, count in by_topic(records).items():
                metrics.INGRESS_RECORDS.labels(self._account_id, topic).inc(count)
        await self._storage.store([cursor_record(self._account_id, window.until, self._now())])
        self.position = window.until

    def _records(self, polled: Polled) -> Sequence[Outgoing]:
        """Return what one answer becomes, and itself as a dead letter if not all of it can be taken."""
        translation = CHANNELS[self._kind].translate(self._account, polled.topic, polled.body)
        translation = self._resolve(self._account, translation)
        now = self._now()
        records = records_of(self._account, translation, [], now)
        if translation.refusals:
            reason = PARTLY if records else UNTRANSLATABLE
            body, refusals = json.dumps(polled.body).encode(), translation.refusals
            records.append(
                letter(self._account_id, self._kind, polled.topic, body, reason, refusals, {}, now)
            )
        return records

    def _failed(self, result: str, reason: str) -> None:
        metrics.POLLS.labels(self._account_id, result).inc()
        log.warning("not polled", account=self._account_id, result=result, reason=reason)
