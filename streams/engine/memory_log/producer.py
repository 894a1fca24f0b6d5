"""The memory log's transactional producer."""

from collections.abc import Mapping

from streams.engine.errors import AbortableLogError, FatalLogError
from streams.engine.log import GroupMetadata, Headers, Partition
from streams.engine.memory_log.cluster import MemoryCluster
from streams.engine.memory_log.groups import Membership
from streams.engine.memory_log.processes import Process
from streams.engine.memory_log.transactions import Transaction

_Pending = tuple[Partition, bytes | None, bytes | None, Headers | None]

FLUSH_PROBABILITY = 0.3
"""How often a produced record goes out at once, with those before it: often enough to see every mixture."""


class MemoryProducer:
    """
    Transactional producer of the memory log; see streams.engine.log.TransactionalProducer.

    Like librdkafka's it sends records in the background: at random, and at the latest with the offsets or the
    commit.
    """

    flushes_before_offsets = True
    """Offsets that are accepted before all records are in the log let a takeover restore too little."""

    def __init__(self, cluster: MemoryCluster, process: Process, transactional_id: str) -> None:
        self._cluster = cluster
        self._process = process
        self._transactional_id = transactional_id
        self._epoch: int | None = None
        self._in_transaction = False
        self._must_abort = False
        self._pending: list[_Pending] = []

    def init_transactions(self) -> None:
        """Claim the transactional id."""
        self._enter("init_transactions")
        self._epoch = self._cluster.transactions.claim(self._transactional_id, self._cluster.now_ms)
        self._leave("init_transactions")

    def begin(self) -> None:
        """Begin a transaction: in this client only, the cluster hears of it with the first record."""
        self._enter("begin")
        if self._epoch is None or self._in_transaction:
            raise FatalLogError(
                "A transaction begins after init_transactions and after the end of the last one."
            )
        self._in_transaction = True
        self._must_abort = False
        self._leave("begin")

    def produce(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None:
        """Write a record in the open transaction."""
        self._enter("produce")
        self._check_open()
        self._cluster.log((topic, partition))
        self._pending.append(((topic, partition), key, value, headers))
        if self._cluster.random.random() < FLUSH_PROBABILITY:
            self._flush()
        self._leave("produce")

    def send_offsets(self, offsets: Mapping[Partition, int], group: GroupMetadata) -> None:
        """Commit offsets with the transaction. Raises FencedError when the membership is no longer valid."""
        self._enter("send_offsets")
        self._check_open()
        if self.flushes_before_offsets:
            self._flush()
        assert isinstance(group, Membership)
        target = self._cluster.group(group.group_id)
        target.check(group)
        transaction = self._opened()
        transaction.targets.setdefault(group.group_id)
        target.stage(transaction.number, offsets)
        self._leave("send_offsets")

    def commit(self) -> None:
        """Commit: decided when this returns, visible when the markers arrive."""
        self._enter("commit")
        self._check_open()
        self._flush()
        self._end(committed=True)
        self._leave("commit")

    def abort(self) -> None:
        """Abort: nothing of the transaction ever becomes visible."""
        self._enter("abort")
        if not self._in_transaction:
            raise FatalLogError("There is no transaction to abort.")
        self._pending.clear()
        self._end(committed=False)
        self._leave("abort")

    def close(self) -> None:
        """Stop; an open transaction is left to its time-out or to the id's next owner."""
        self._enter("close")
        self._epoch = None
        self._leave("close")

    def _end(self, *, committed: bool) -> None:
        assert self._epoch is not None
        self._cluster.transactions.end(
            self._transactional_id, self._epoch, self._cluster.now_ms, committed=committed
        )
        self._in_transaction = False

    def _opened(self) -> Transaction:
        assert self._epoch is not None
        return self._cluster.transactions.opened(
            self._transactional_id, self._epoch, self._cluster.now_ms, self._cluster.transaction_timeout_ms
        )

    def _flush(self) -> None:
        """Send what waits in the client, in order."""
        for partition, key, value, headers in self._pending:
            transaction = self._opened()
            transaction.targets.setdefault(partition)
            self._cluster.log(partition).append(key, value, headers, self._cluster.now_ms, transaction.number)
        self._pending.clear()

    def _check_open(self) -> None:
        if not self._in_transaction:
            raise FatalLogError("There is no open transaction.")
        if self._must_abort:
            raise AbortableLogError("The transaction has failed before and must be aborted.")

    def _enter(self, call: str) -> None:
        try:
            self._process.point(f"before producer.{call}")
        except AbortableLogError:
            self._must_abort = True
            raise

    def _leave(self, call: str) -> None:
        self._process.point(f"after producer.{call}")
