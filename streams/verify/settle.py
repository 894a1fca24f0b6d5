"""Waiting until the system stands still, so that inputs and outputs can be compared."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from streams.verify.plan import Partition, Plan
from streams.verify.reading import KafkaReader
from streams.verify.view import RedisView

LOOK_SECONDS = 0.5
QUIET_LOOKS = 2  # Ends that did not move between two looks: nothing is under way that no lag shows.


class Lag(NamedTuple):
    """What is still under way: input records not applied, and published records that the view lacks."""

    inputs: int
    view: int

    def __str__(self) -> str:
        return f"{self.inputs} input records not yet applied, {self.view} records not yet in the view"


def settle(
    plan: Plan,
    reader: KafkaReader,
    view: RedisView | None,
    wait_seconds: float,
    on_lag: Callable[[Lag], None],
) -> bool:
    """
    Take the reader's snapshot once nothing is under way any more; return False if that takes too long.

    Raises ReadError when Kafka or Redis do not answer.
    """
    deadline = time.monotonic() + wait_seconds
    quiet_looks = 0
    before = reader.snapshot()
    while True:
        lag = Lag(_unapplied(plan, reader), 0 if view is None else _unseen(plan, reader, view))
        on_lag(lag)
        time.sleep(LOOK_SECONDS)
        after = reader.snapshot()
        moved = any(after[part] != before[part] for part in _watched(plan, after))
        quiet_looks = 0 if moved or lag.inputs or lag.view else quiet_looks + 1
        if quiet_looks >= QUIET_LOOKS:
            return True
        if time.monotonic() > deadline:
            return False
        before = after


def _watched(plan: Plan, bounds: Iterable[Partition]) -> list[Partition]:
    """
    Return the partitions whose ends stand still when nothing is under way.

    Retries may wait for hours, and sources give signs of life for ever.
    """
    aside = {*plan.retries.values(), plan.sources}
    return [part for part in bounds if part[0] not in aside]


def _unapplied(plan: Plan, reader: KafkaReader) -> int:
    """
    Return how many input records the stock group has not committed.

    A partition's end may lie behind transaction markers that no consumer ever commits, so where the committed
    offset is below the end, what lies between is read.
    """
    partitions = [(topic, number) for topic in plan.inputs for number in range(reader.partitions(topic))]
    committed = reader.committed(plan.group_id, partitions)
    behind = {}
    for part in partitions:
        low, high = reader.bounds(part)
        start = max(low, committed.get(part, low))
        if start < high:
            behind[part] = start
    if sum(reader.bounds(part)[1] - start for part, start in behind.items()) > PROBED_RECORDS:
        return sum(reader.bounds(part)[1] - start for part, start in behind.items())
    return sum(1 for _ in reader.unread(behind))


PROBED_RECORDS = 10_000  # More than that are no markers; reading them all at every look would take long.


def _unseen(plan: Plan, reader: KafkaReader, view: RedisView) -> int:
    """Return how many offsets of the published topics the view has not passed; markers are passed too."""
    positions = view.positions()
    topics = [plan.levels, *plan.availability.values()]
    return sum(
        max(0, reader.bounds((topic, number))[1] - positions.get((topic, number), 0))
        for topic in topics
        for number in range(reader.partitions(topic))
    )
