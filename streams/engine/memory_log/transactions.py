"""The transaction coordinator of the memory log."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.engine.errors import FencedError
from streams.engine.log import Partition

Target = Partition | str
"""Where a marker goes: a partition of a topic, or (as its group id) the offsets of a consumer group."""

MarkerWriter = Callable[[Target, int, bool], None]
"""Writes a marker: target, number of the transaction, True for a commit."""


@dataclass(slots=True)
class Transaction:
    """One open transaction of a transactional id; started_at in milliseconds."""

    number: int
    started_at: int
    timeout_ms: int
    targets: dict[Target, None] = field(
        default_factory=dict
    )  # A set that keeps its order, for replays of a seed.


@dataclass(slots=True)
class _Owner:
    """A transactional id: the epoch of its present owner and that owner's open transaction."""

    epoch: int = 0
    open: Transaction | None = None
    ended: int = 0  # Number of the last transaction that was ended; its markers may still be on their way.


@dataclass(slots=True)
class _Marker:
    """A marker on its way; due in milliseconds."""

    due: int
    target: Target
    transaction: int
    committed: bool


class TransactionCoordinator:
    """
    Transactional ids, their epochs and open transactions, and the markers that are on their way.

    Ending a transaction decides it at once, but its marker reaches each target at a time of its own. As in
    Kafka, an owner's next transaction begins only when all markers of its last one have arrived.
    """

    def __init__(self, generator: random.Random, write_marker: MarkerWriter) -> None:
        self.longest_marker_delay_ms = 0
        self._random = generator
        self._write_marker = write_marker
        self._owners: dict[str, _Owner] = {}
        self._markers: list[_Marker] = []
        self._transactions = 0

    def claim(self, transactional_id: str, now: int) -> int:
        """Make a new owner and return its epoch; the former owner's open transaction is aborted first."""
        owner = self._owners.setdefault(transactional_id, _Owner())
        if owner.open is not None:
            self._end(owner, now, committed=False)
        self._finish(owner)
        owner.epoch += 1
        return owner.epoch

    def opened(self, transactional_id: str, epoch: int, now: int, timeout_ms: int) -> Transaction:
        """Return the owner's open transaction, begun now if there is none. Raises FencedError."""
        owner = self._checked(transactional_id, epoch)
        if owner.open is None:
            self._finish(owner)
            self._transactions += 1
            owner.open = Transaction(self._transactions, now, timeout_ms)
        return owner.open

    def end(self, transactional_id: str, epoch: int, now: int, *, committed: bool) -> None:
        """Commit or abort the owner's open transaction, if any. Raises FencedError."""
        owner = self._checked(transactional_id, epoch)
        if owner.open is not None:
            self._end(owner, now, committed=committed)

    def expire(self, now: int) -> None:
        """Abort transactions past their time-out, and fence their owners."""
        for owner in self._owners.values():
            if owner.open is not None and now - owner.open.started_at > owner.open.timeout_ms:
                owner.epoch += 1
                self._end(owner, now, committed=False)

    def deliver(self, now: int) -> None:
        """Write the markers that are due, oldest due first."""
        due = [marker for marker in self._markers if marker.due <= now]
        if due:
            self._markers = [marker for marker in self._markers if marker.due > now]
            self._write(sorted(due, key=lambda marker: marker.due))

    def delay(self, milliseconds: int) -> None:
        """Let each marker that is on its way arrive later, by up to that much."""
        for marker in self._markers:
            marker.due += self._random.randrange(milliseconds + 1)

    def pending(self) -> bool:
        """Return whether a transaction is open or a marker on its way."""
        return bool(self._markers) or any(owner.open is not None for owner in self._owners.values())

    def _checked(self, transactional_id: str, epoch: int) -> _Owner:
        owner = self._owners[transactional_id]
        if owner.epoch != epoch:
            raise FencedError(
                f"Another owner has taken transactional id {transactional_id}, or it timed out."
            )
        return owner

    def _end(self, owner: _Owner, now: int, *, committed: bool) -> None:
        transaction = owner.open
        assert transaction is not None
        owner.open = None
        owner.ended = transaction.number
        for target in transaction.targets:
            due = now + self._random.randrange(self.longest_marker_delay_ms + 1)
            self._markers.append(_Marker(due, target, transaction.number, committed))
        self.deliver(now)

    def _finish(self, owner: _Owner) -> None:
        """Let the markers of the owner's last transaction arrive: Kafka makes its owner wait for them."""
        mine = [marker for marker in self._markers if marker.transaction == owner.ended]
        if mine:
            self._markers = [marker for marker in self._markers if marker.transaction != owner.ended]
            self._write(mine)

    def _write(self, markers: list[_Marker]) -> None:
        for marker in markers:
            self._write_marker(marker.target, marker.transaction, marker.committed)
