"""The common work: its events, its schemas, and what a run's events must come to, recomputed from the input topic."""

import json
import random
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from streams.engine.codec import compile_writer
from streams.engine.partitioner import partition_for

SCHEMAS = Path(__file__).parent / "schemas"
PARTITIONS = 8
LOCATIONS = ("store-london", "store-berlin", "dc-leeds", "dc-lyon")
CHANNELS = ("pos", "web", "marketplace")
KINDS = (("SALE", -1), ("RETURN", 1), ("RECEIPT", 1))


def schema(name: str) -> dict[str, Any]:
    """Return one of the common work's schemas, `Event` or `State`, parsed."""
    parsed: dict[str, Any] = json.loads((SCHEMAS / f"{name}.avsc").read_text("utf-8"))
    return parsed


def key_of(number: int) -> bytes:
    """Return the key of the SKU that has a number."""
    return b"SKU-%07d" % number


def number_of(key: bytes) -> int:
    """Return the number of the SKU that has a key."""
    return int(key[4:])


class Event(NamedTuple):
    """An event ready to be sent: its SKU's number, how many events of that SKU came up to it, and its record."""

    number: int
    ordinal: int
    key: bytes
    partition: int
    value: bytes


class Events(Iterator[Event]):
    """An endless, seeded stream of events over a number of SKUs, uniform; each happens when it is taken."""

    def __init__(self, skus: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._keys = [key_of(number) for number in range(skus)]
        self._names = [key.decode() for key in self._keys]
        self._partitions = [partition_for(key, PARTITIONS) for key in self._keys]
        self._ordinals = [0] * skus
        self._write = compile_writer(schema("Event"))
        self._sent = 0

    def __next__(self) -> Event:
        draw = self._random.random
        number = int(draw() * len(self._keys))
        kind, sign = KINDS[int(draw() * len(KINDS))]
        quantity = sign * (1 + int(draw() * 5))
        location = LOCATIONS[int(draw() * len(LOCATIONS))]
        channel = CHANNELS[int(draw() * len(CHANNELS))]
        self._sent += 1
        self._ordinals[number] += 1
        now = time.time_ns() // 1_000_000
        value = self._write(f"e-{self._sent}", self._names[number], location, kind, quantity, channel, now)
        return Event(number, self._ordinals[number], self._keys[number], self._partitions[number], value)


class Stock(NamedTuple):
    """What a SKU comes to: how many events were added, and the quantity by location, without zeros."""

    version: int
    quantities: dict[str, int]


class Recomputed:
    """
    What events come to, on a path of its own: fastavro and plain dictionaries.

    It shares no code with any engine under measurement, ours included.
    """

    def __init__(self) -> None:
        self._schema = fastavro.parse_schema(schema("Event"))
        self.events = 0
        self.versions: dict[str, int] = {}
        self._quantities: dict[str, dict[str, int]] = {}

    def take(self, value: bytes) -> None:
        """Add one event of the input topic."""
        event: Any = fastavro.schemaless_reader(BytesIO(value), self._schema, None)
        sku, location = event["sku"], event["location"]
        self.events += 1
        self.versions[sku] = self.versions.get(sku, 0) + 1
        held = self._quantities.setdefault(sku, {})
        held[location] = held.get(location, 0) + event["quantity"]

    def stocks(self) -> dict[str, Stock]:
        """Return what every SKU comes to."""
        return {
            sku: Stock(version, _without_zeros(self._quantities[sku]))
            for sku, version in self.versions.items()
        }


def decode_state(value: bytes) -> tuple[str, Stock]:
    """Return SKU and stock of a record of the output topic, again by fastavro."""
    state: Any = fastavro.schemaless_reader(BytesIO(value), _STATE, None)
    quantities = {held["location"]: held["quantity"] for held in state["locations"]}
    return state["sku"], Stock(state["version"], _without_zeros(quantities))


def _without_zeros(quantities: dict[str, int]) -> dict[str, int]:
    return {location: quantity for location, quantity in quantities.items() if quantity}


_STATE = fastavro.parse_schema(schema("State"))
