"""Names of the read view's Redis keys and the form of their values."""

import json
from typing import Any

VIEW_KEY = "onhand:view"
GENERATION_FIELD = "generation"
BUILDING_FIELD = "building"
PROGRESS_FIELD = "progress"
CLUSTER_FIELD = "cluster"  # No clash with positions, here and below: those have a colon.
TOPICS_FIELD = "topics"

TopicPartition = tuple[str, int]


def positions_key(generation: str) -> str:
    """Return the key of a generation's positions."""
    return topic_key(generation, "positions")


def topic_key(generation: str, topic: str) -> str:
    """Return the key of one topic's entries in a generation."""
    return f"{VIEW_KEY}:{generation}:{topic}"


def position_field(partition: TopicPartition) -> str:
    """Return the field of a partition among the positions."""
    return f"{partition[0]}:{partition[1]}"


def parse_position_field(field: str) -> TopicPartition:
    """Return the partition that a field among the positions is for."""
    topic, _, number = field.rpartition(":")
    return topic, int(number)


def body_of(value: dict[str, Any]) -> str:
    """Return a record as the compact JSON that an entry carries."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def value_of(entry: str) -> dict[str, Any]:
    """Return the record in an entry, `VERSION JSON`."""
    value: dict[str, Any] = json.loads(entry.partition(" ")[2])
    return value
