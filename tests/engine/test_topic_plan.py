"""A plan of topics corrects what keeps too little and never what keeps more."""

from __future__ import annotations

import pytest

from streams.engine.topic_plan import Action, TopicState, TopicWish, plan


def action_for(setting: str, found: str, wanted: str) -> Action | None:
    """What a plan does about one setting; None when it sees no difference."""
    wish = TopicWish("topic", 4, 1, {setting: wanted})
    changes = plan([wish], {"topic": TopicState(4, 1, {setting: found})})
    assert len(changes) <= 1
    return changes[0].action if changes else None


def test_a_missing_topic_is_created() -> None:
    """Whole, so one line says it."""
    (change,) = plan([TopicWish("topic", 4, 3, {"retention.ms": "5"})], {})
    assert (change.action, change.wanted) == (Action.CREATE, "4 partitions, 3 replicas")


def test_a_topic_that_is_as_declared_needs_nothing() -> None:
    """More replicas than wanted are no difference either."""
    wish = TopicWish("topic", 4, 1, {"retention.ms": "5"})
    assert plan([wish], {"topic": TopicState(4, 3, {"retention.ms": "5", "segment.ms": "7"})}) == []


@pytest.mark.parametrize(
    ("setting", "found", "wanted", "action"),
    [
        ("retention.ms", "5", "6", Action.CORRECT),
        ("retention.ms", "5", "-1", Action.CORRECT),
        ("retention.ms", "7", "6", Action.LEAVE),
        ("retention.ms", "-1", "6", Action.LEAVE),
        ("max.message.bytes", "100", "200", Action.CORRECT),
        ("max.message.bytes", "200", "100", Action.LEAVE),
        ("min.insync.replicas", "1", "2", Action.CORRECT),
        ("min.insync.replicas", "3", "2", Action.LEAVE),
        ("cleanup.policy", "delete", "compact", Action.CORRECT),
        ("cleanup.policy", "compact,delete", "compact", Action.CORRECT),
        ("cleanup.policy", "compact", "delete", Action.REFUSE),
        ("compression.type", "lz4", "zstd", Action.REFUSE),
        ("retention.ms", "", "6", Action.REFUSE),
        ("retention.ms", "6", "6", None),
    ],
)
def test_settings_are_corrected_only_to_keep_more(
    setting: str, found: str, wanted: str, action: Action | None
) -> None:
    """What would lose data, or can't be judged, is a person's."""
    assert action_for(setting, found, wanted) is action


@pytest.mark.parametrize(("state", "setting"), [((8, 3), "partitions"), ((4, 2), "replicas")])
def test_what_is_a_migration_is_refused(state: tuple[int, int], setting: str) -> None:
    """The number of partitions, and too few replicas."""
    (change,) = plan([TopicWish("topic", 4, 3, {})], {"topic": TopicState(*state, {})})
    assert (change.action, change.setting) == (Action.REFUSE, setting)
