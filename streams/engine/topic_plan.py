"""
What it takes to make a cluster's topics as they are declared, without ever shrinking or losing anything.

Pure: it compares what is there with what is wanted. A setting is corrected only where the correction keeps more than
before: kept longer, larger messages, more replicas that must acknowledge, compaction instead of deletion by age.
Where the cluster keeps more than is declared, somebody wanted it so, and it is left. What would lose data, or is a
migration, is refused with the reason.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

FOR_EVER = -1
"""Kafka's own value of a retention without end."""


class Action(StrEnum):
    """What is to become of a difference."""

    CREATE = "create"
    CORRECT = "correct"
    LEAVE = "leave"
    REFUSE = "refuse"


class TopicState(NamedTuple):
    """A topic as it is there: number of partitions, of replicas of the first one, and settings as text by name."""

    partitions: int
    replicas: int
    settings: Mapping[str, str]


class TopicWish(NamedTuple):
    """A topic as it is declared; settings as text by name."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


class TopicChange(NamedTuple):
    """One difference: setting is a Kafka setting, partitions or replicas, and empty for a topic to create."""

    topic: str
    action: Action
    setting: str
    found: str
    wanted: str
    why: str


def plan(wishes: Iterable[TopicWish], there: Mapping[str, TopicState]) -> list[TopicChange]:
    """Return every difference between what is wanted and what is there, in the order of the wishes."""
    changes: list[TopicChange] = []
    for wish in wishes:
        state = there.get(wish.name)
        changes += [_creation(wish)] if state is None else _differences(wish, state)
    return changes


def _creation(wish: TopicWish) -> TopicChange:
    wanted = f"{wish.partitions} partitions, {wish.replicas} replicas"
    return TopicChange(wish.name, Action.CREATE, "", "", wanted, "it is missing")


def _differences(wish: TopicWish, state: TopicState) -> list[TopicChange]:
    changes: list[TopicChange] = []

    def differs(action: Action, setting: str, found: str, wanted: str, why: str) -> None:
        changes.append(TopicChange(wish.name, action, setting, found, wanted, why))

    if state.partitions != wish.partitions:
        why = "changing the number of partitions is a migration"
        differs(Action.REFUSE, "partitions", str(state.partitions), str(wish.partitions), why)
    if state.replicas < wish.replicas:
        why = "replicas are added with Kafka's own kafka-reassign-partitions"
        differs(Action.REFUSE, "replicas", str(state.replicas), str(wish.replicas), why)
    for setting, wanted in wish.settings.items():
        found = state.settings.get(setting, "")
        if found != wanted:
            action, why = _verdict(setting, found, wanted)
            differs(action, setting, found, wanted, why)
    return changes


def _verdict(setting: str, found: str, wanted: str) -> tuple[Action, str]:
    if setting == "cleanup.policy":
        return _cleanup(found, wanted)
    keeps_more = _KEEPS_MORE.get(setting)
    if keeps_more is None or not found.lstrip("-").isdigit():
        return Action.REFUSE, "only a person can say whether that loses anything"
    if keeps_more(int(found), int(wanted)):
        return Action.LEAVE, "the cluster keeps more than is needed"
    return Action.CORRECT, "it keeps less than is needed"


def _cleanup(found: str, wanted: str) -> tuple[Action, str]:
    if wanted == "compact" and found in {"delete", "compact,delete", "delete,compact"}:
        return Action.CORRECT, "the latest value of a key must stay for ever"
    return Action.REFUSE, "values that are kept by key would be deleted by age"


def _lasts_longer(found: int, wanted: int) -> bool:
    return found == FOR_EVER or (wanted != FOR_EVER and found > wanted)


def _is_larger(found: int, wanted: int) -> bool:
    return found > wanted


_KEEPS_MORE: dict[str, Callable[[int, int], bool]] = {
    "retention.ms": _lasts_longer,
    "max.message.bytes": _is_larger,
    "min.insync.replicas": _is_larger,
}
