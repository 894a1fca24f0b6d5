"""
Asking channels for what they only name: Square's orders, Shopify's fulfilments, WooCommerce's refunds.

A webhook is answered once the wish to fetch is stored in `channel-fetches`, since a channel that is asked while it
waits for our answer may itself be slow. The wish stays there until it was answered and the answer is stored: whoever
restarts, or takes over, goes on from the first that is not, for as long as the topic keeps wishes (14 days). Asking
twice is harmless, because what an order states is told once.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from connectors.egress.positions import Positions
from connectors.ingress.asker import Asker, Wish
from connectors.translation import Fetch
from schemas import wire
from streams.topology import CHANNEL_FETCHES

AT_ONCE = 4  # Questions to one account under way: a till's busy minute, and far below what channels allow.
POLL_MILLISECONDS = 200
POLL_MAX_RECORDS = 500
WAITING_MAX = 20_000  # Wishes in memory; beyond, the topic keeps them.
COMMIT_EVERY_SECONDS = 1.0  # What a crash asks for again is about this much.
RECONNECT_SECONDS = 1.0
CLOSE_SECONDS = 5.0  # A broker that is away must not hold up the end.

log = structlog.get_logger(__name__)


class FetchDesk(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types.
    """
    Member of a consumer group that reads wishes, gives them to askers, and commits what is done.

    askers are by account_id; orphan makes one for an account that is not in the file any more.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group_id: str,
        askers: Mapping[str, Asker],
        orphan: Callable[[str], Asker],
    ) -> None:
        self._askers = dict(askers)
        self._orphan = orphan
        self._waiting: dict[int, Positions] = {}
        self._read_to: dict[TopicPartition, int] = {}  # Not the consumer's: it moves before we have taken.
        self._committed: dict[TopicPartition, int] = {}
        self._bootstrap_servers = bootstrap_servers
        self._group_id = group_id
        self._consumer: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Read and ask until cancelled; what is done by then is committed."""
        try:
            self._consumer = await self._started()
            self._consumer.subscribe([CHANNEL_FETCHES.name], listener=self)
            async with asyncio.TaskGroup() as group:
                for account_id, asker in self._askers.items():
                    self._employ(group, account_id, asker)
                group.create_task(self._read(group))
        finally:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._commit()
                    if self._consumer is not None:
                        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit what is done and forget the rest: whoever has the partitions next reads it again."""
        if list(revoked):
            await self._commit()
        for asker in self._askers.values():
            asker.clear()
        self._waiting.clear()
        self._read_to.clear()
        self._committed.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Say how many."""
        log.info("fetches assigned", partitions=len(list(assigned)))

    async def _started(self) -> AIOKafkaConsumer:
        """Return a connected consumer; a broker that is away now may be back soon, and requests are answered anyway."""
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap_servers,
                group_id=self._group_id,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            try:
                await consumer.start()
            except BaseException as error:
                await consumer.stop()
                if not isinstance(error, KafkaError):
                    raise
                log.warning("fetches must wait", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                return consumer

    def _employ(self, group: asyncio.TaskGroup, account_id: str, asker: Asker) -> None:
        """Let an asker work, and tell us what is done."""
        self._askers[account_id] = asker
        asker.done = self._done
        for _ in range(AT_ONCE):
            group.create_task(asker.work())

    async def _read(self, group: asyncio.TaskGroup) -> None:
        assert self._consumer is not None, "run() has started it"
        commit_at = 0.0
        while True:
            if sum(map(len, self._askers.values())) < WAITING_MAX:
                fetched = await self._consumer.getmany(
                    timeout_ms=POLL_MILLISECONDS, max_records=POLL_MAX_RECORDS
                )
                for partition, records in fetched.items():
                    for record in records:
                        self._take(group, record.partition, record.offset, record.value)
                    self._read_to[partition] = records[-1].offset + 1
            else:
                await asyncio.sleep(POLL_MILLISECONDS / 1_000)
            if time.monotonic() >= commit_at:
                commit_at = time.monotonic() + COMMIT_EVERY_SECONDS
                await self._commit()

    def _take(self, group: asyncio.TaskGroup, partition: int, offset: int, data: bytes | None) -> None:
        """Give a wish to its account."""
        try:
            record, value = wire.decode(data or b"")
        except wire.UndecodableRecord as error:
            log.warning("no wish", partition=partition, offset=offset, reason=str(error))
            return
        assert record in CHANNEL_FETCHES.records, (
            f"a {record} among wishes: nobody but the ingress writes them"
        )
        account_id = value["account_id"]
        if account_id not in self._askers:
            self._employ(group, account_id, self._orphan(account_id))
        wish = Wish(account_id, Fetch(value["kind"], value["identifier"]), partition, offset)
        self._waiting.setdefault(partition, Positions()).add(wish.key, offset)
        self._askers[account_id].add(wish)

    def _done(self, wish: Wish) -> None:
        """Note that a wish need not be read again; its partition may have left in the meantime."""
        positions = self._waiting.get(wish.partition)
        if positions is not None:
            positions.done(wish.key, wish.offset)

    def _done_to(self, partition: int, read_to: int) -> int:
        waiting = self._waiting.get(partition)
        lowest = waiting.lowest() if waiting is not None else None
        return read_to if lowest is None else lowest

    async def _commit(self) -> None:
        """Commit how far each partition is done. What can't be committed now is asked for again one day."""
        try:
            new = {
                partition: offset
                for partition, read_to in self._read_to.items()
                if self._committed.get(partition) != (offset := self._done_to(partition.partition, read_to))
            }
            if new and self._consumer is not None:
                await self._consumer.commit(new)
                self._committed.update(new)
        except (CommitFailedError, IllegalStateError):
            log.info("fetches not committed: partitions are moving")
        except KafkaError as error:
            log.warning("fetches not committed", error=str(error))
