"""Topics are made when they are missing, and those that do not fit are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # documented, not listed.
    AdminClient,
    ConfigResource,
    ResourceType,
)

from deploy.embedded.stack import EmbeddedStack
from streams.engine import topics
from streams.engine.errors import ConfigurationError
from streams.engine.topic_plan import Action, TopicWish, plan
from streams.engine.topics import apply_changes, create_missing, read_topics
from tests.processes import wait_until


@pytest.mark.kafka
def test_missing_topics_are_created_and_others_left_alone(stack: EmbeddedStack) -> None:
    """As they are declared; a second start finds them there; another number of partitions is a migration."""
    wanted = [
        TopicWish("topics-test-one", 3, 1, {"cleanup.policy": "compact"}),
        TopicWish("topics-test-two", 3, 1, {"retention.ms": "86400000"}),
    ]
    servers = stack.bootstrap_servers
    assert create_missing(servers, wanted[:1]) == ["topics-test-one"]
    assert sorted(create_missing(servers, wanted)) == ["topics-test-two"]
    assert create_missing(servers, wanted) == []
    admin = AdminClient({"bootstrap.servers": servers})
    there = admin.list_topics(timeout=30).topics
    assert [len(there[wish.name].partitions) for wish in wanted] == [3, 3]
    resource = ConfigResource(ResourceType.TOPIC, "topics-test-one")
    assert admin.describe_configs([resource])[resource].result()["cleanup.policy"].value == "compact"
    with pytest.raises(
        ConfigurationError, match=r"topics-test-one has 3 partitions .* is 4: set it to 3; .* migration"
    ):
        create_missing(servers, [wish._replace(partitions=4) for wish in wanted])


@pytest.mark.kafka
def test_a_topic_that_can_not_be_made_is_named(stack: EmbeddedStack) -> None:
    """With the broker's own reason."""
    with pytest.raises(ConfigurationError, match="topics-test-bad can't be created"):
        create_missing(
            stack.bootstrap_servers, [TopicWish("topics-test-bad", 1, 1, {"no.such.setting": "1"})]
        )


def test_a_cluster_that_does_not_answer_is_named(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the address that was tried."""
    monkeypatch.setattr(topics, "REQUEST_SECONDS", 0.5)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConfigurationError, match=f"Kafka at {address} does not answer"):
        create_missing(address, [TopicWish("any", 1, 1, {})])


@pytest.mark.kafka
def test_settings_that_keep_too_little_are_corrected_and_longer_ones_left_alone(stack: EmbeddedStack) -> None:
    """What a plan says is done, and then there is nothing left but what a person must decide."""
    servers = stack.bootstrap_servers
    as_made = [
        TopicWish("topics-test-short", 2, 1, {"retention.ms": "1000", "max.message.bytes": "2000"}),
        TopicWish("topics-test-long", 2, 1, {"retention.ms": "-1"}),
        TopicWish("topics-test-kept", 2, 1, {"cleanup.policy": "compact"}),
    ]
    create_missing(servers, as_made)
    wanted = [
        TopicWish("topics-test-short", 2, 1, {"retention.ms": "9000", "max.message.bytes": "3000"}),
        TopicWish("topics-test-long", 2, 1, {"retention.ms": "9000"}),
        TopicWish("topics-test-kept", 3, 1, {"cleanup.policy": "delete"}),
        TopicWish("topics-test-new", 2, 1, {}),
    ]

    def planned() -> dict[tuple[str, str], Action]:
        there = read_topics(servers, [wish.name for wish in wanted])
        return {(change.topic, change.setting): change.action for change in plan(wanted, there)}

    left = {
        ("topics-test-long", "retention.ms"): Action.LEAVE,
        ("topics-test-kept", "partitions"): Action.REFUSE,
        ("topics-test-kept", "cleanup.policy"): Action.REFUSE,
    }
    assert planned() == left | {
        ("topics-test-short", "retention.ms"): Action.CORRECT,
        ("topics-test-short", "max.message.bytes"): Action.CORRECT,
        ("topics-test-new", ""): Action.CREATE,
    }
    apply_changes(servers, wanted, plan(wanted, read_topics(servers, [wish.name for wish in wanted])))
    wait_until(lambda: planned() == left, 30.0, "the broker to know what the controller was told")
    there = read_topics(servers, ["topics-test-short", "topics-test-long"])
    assert there["topics-test-short"].settings["max.message.bytes"] == "3000"
    assert there["topics-test-long"].settings["retention.ms"] == "-1"
