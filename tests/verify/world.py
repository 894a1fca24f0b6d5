"""A small world whose every record is written by hand: inputs, ledger, table, availability, all in agreement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.wire import encode
from streams.cli.verify import plan_of
from streams.settings import Settings
from streams.verify.partitioning import partition_of
from streams.verify.plan import Partition

PARTITIONS = 2
CHANNELS = ("pos", "web")
SETTINGS = Settings(channels=CHANNELS, partitions=PARTITIONS)
PLAN = plan_of(SETTINGS)
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
Headers = list[tuple[str, bytes]]
PROMISED = ("unsellable_after", "reserved_after", "held_after", "safety_stock_after")


@dataclass
class Written:
    """One record in a topic, with the methods of a Kafka message."""

    at: Partition
    number: int
    key_bytes: bytes | None
    value_bytes: bytes | None
    header_list: Headers = field(default_factory=list)
    written_at: int = NOON + 1_000

    def topic(self) -> str:
        return self.at[0]

    def partition(self) -> int:
        return self.at[1]

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes | None:
        return self.key_bytes

    def value(self) -> bytes | None:
        return self.value_bytes

    def headers(self) -> Headers:
        return self.header_list

    def timestamp(self) -> tuple[int, int]:
        return 1, self.written_at


class World:
    """Topics in memory; a streams.verify.reading.Reader."""

    def __init__(self) -> None:
        self.topics: dict[Partition, list[Written]] = {}
        self.low: dict[Partition, int] = {}
        self.positions: dict[Partition, int] = {}
        self.promised: dict[tuple[str, str], dict[str, int]] = {}

    # What verification reads

    def partitions(self, topic: str) -> int:
        return PARTITIONS if topic in PLAN.topics() else 0

    def bounds(self, partition: Partition) -> tuple[int, int]:
        return self.low.get(partition, 0), len(self.topics.get(partition, []))

    def read(self, partitions: Iterable[Partition]) -> Iterator[Written]:
        for part in partitions:
            yield from self.topics.get(part, [])[self.low.get(part, 0) :]

    def committed(self, group_id: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        return {part: self.positions[part] for part in partitions if part in self.positions}

    # What tests write

    def put(
        self, topic: str, key: str, value: bytes | None, headers: Headers | None = None, at: int | None = None
    ) -> Written:
        """Write a record, by default where its key belongs."""
        number = partition_of(key.encode(), PARTITIONS) if at is None else at
        log = self.topics.setdefault((topic, number), [])
        log.append(Written((topic, number), len(log), key.encode(), value, headers or []))
        return log[-1]

    def event(
        self, record: str, value: dict[str, Any], at: int | None = None, headers: Headers | None = None
    ) -> Written:
        """Write an input event."""
        topic = next(name for name, records in PLAN.inputs.items() if record in records)
        return self.put(topic, value["sku"], encode(record, value), headers, at)

    def row(
        self, record: str, value: dict[str, Any], change: tuple[int, int], version: int, **more: Any
    ) -> Written:
        """Write a ledger row; change is on_hand before and after, other figures stay unless they are given."""
        names = ("event_id", "source_id", "sku", "location_id", "channel_id", "quantity", "occurred_at")
        entry = {name: value.get(name) for name in names} | {"event_type": record, "outcome": "APPLIED"}
        entry |= {"late": False, "on_hand_before": change[0], "on_hand_after": change[1]}
        entry |= {"version": version, "recorded_at": NOON + 1_000, "reason": None, "reference": None}
        entry |= more
        place = (value["sku"], str(entry["location_id"]))
        figures = self.promised.setdefault(place, dict.fromkeys(PROMISED, 0))
        figures.update({name: more[name] for name in PROMISED if name in more})
        entry |= {"available_after": change[1] - sum(figures.values())} | figures | more
        return self.put(PLAN.movements, value["sku"], encode("StockMovement", entry))

    def applied(
        self, record: str, value: dict[str, Any], change: tuple[int, int], version: int, **more: Any
    ) -> Written:
        """Write an input event and its ledger row."""
        written = self.event(record, value)
        self.row(record, value, change, version, **more)
        return written

    def level(
        self, sku: str, version: int, locations: list[dict[str, Any]], told: dict[str, tuple[int, int]]
    ) -> Written:
        """Write a table record; told is units and version by channel."""
        zeros = dict.fromkeys(("on_hand", "unsellable", "reserved", "held", "safety_stock", "incoming"), 0)
        availability = [
            {"channel_id": channel, "available_to_sell": units, "version": at}
            for channel, (units, at) in told.items()
        ]
        value = {"sku": sku, "version": version, "locations": [zeros | location for location in locations]}
        value |= {"availability": availability, "occurred_at": NOON, "updated_at": NOON + 1_000}
        return self.put(PLAN.levels, sku, encode("StockLevel", value))

    def tell(self, channel: str, sku: str, units: int, version: int) -> Written:
        """Write an availability record."""
        value = {"sku": sku, "channel_id": channel, "available_to_sell": units, "version": version}
        times = {"occurred_at": NOON, "emitted_at": NOON + 1_000}
        return self.put(PLAN.availability[channel], sku, encode("ChannelAvailability", value | times))

    def set_aside(
        self, topics: Mapping[str, str], record: Written, reason: str, *more: tuple[str, bytes]
    ) -> Written:
        """Write a dead letter or retry of an input record."""
        headers = error_headers(record, reason)
        log = self.topics.setdefault((topics[record.topic()], record.partition()), [])
        at = (topics[record.topic()], record.partition())
        log.append(Written(at, len(log), record.key(), record.value(), [*headers, *more]))
        return log[-1]

    def dead(self, record: Written, reason: str) -> Written:
        """Write a dead letter of an input record."""
        return self.set_aside(PLAN.dead_letters, record, reason)

    def wait(self, record: Written) -> Written:
        """Write an input record to its retry topic."""
        return self.set_aside(PLAN.retries, record, "UNKNOWN_SKU", ("retry-attempts", b"1"))


def error_headers(record: Written, reason: str) -> Headers:
    """Return the headers that name an input record and why it was set aside."""
    prefix = "__streams.errors."
    return [
        (f"{prefix}exception", reason.encode()),
        (f"{prefix}topic", record.topic().encode()),
        (f"{prefix}partition", str(record.partition()).encode()),
        (f"{prefix}offset", str(record.offset()).encode()),
    ]


def fact(sku: str, event_id: str, quantity: int, location_id: str = "store", **more: Any) -> dict[str, Any]:
    """Return the fields of an event."""
    envelope = {"event_id": event_id, "source_id": "till-1", "sku": sku, "location_id": location_id}
    return envelope | {"channel_id": None, "quantity": quantity, "occurred_at": NOON} | more


def other_partition(sku: str) -> int:
    """Return a partition where a SKU does not belong."""
    return 1 - partition_of(sku.encode(), PARTITIONS)
