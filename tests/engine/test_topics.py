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
from streams.engine.topics import create_missing


@pytest.mark.kafka
def test_missing_topics_are_created_and_others_left_alone(stack: EmbeddedStack) -> None:
    """As they are declared; a second start finds them there; another number of partitions is a migration."""
    wanted = [
        ("topics-test-one", {"cleanup.policy": "compact"}),
        ("topics-test-two", {"retention.ms": "86400000"}),
    ]
    servers = stack.bootstrap_servers
    assert create_missing(servers, wanted[:1], 3, 1) == ["topics-test-one"]
    assert sorted(create_missing(servers, wanted, 3, 1)) == ["topics-test-two"]
    assert create_missing(servers, wanted, 3, 1) == []
    admin = AdminClient({"bootstrap.servers": servers})
    there = admin.list_topics(timeout=30).topics
    assert [len(there[name].partitions) for name, _ in wanted] == [3, 3]
    resource = ConfigResource(ResourceType.TOPIC, "topics-test-one")
    assert admin.describe_configs([resource])[resource].result()["cleanup.policy"].value == "compact"
    with pytest.raises(
        ConfigurationError, match=r"topics-test-one has 3 partitions .* is 4: set it to 3; .* migration"
    ):
        create_missing(servers, wanted, 4, 1)


@pytest.mark.kafka
def test_a_topic_that_can_not_be_made_is_named(stack: EmbeddedStack) -> None:
    """With the broker's own reason."""
    with pytest.raises(ConfigurationError, match="topics-test-bad can't be created"):
        create_missing(stack.bootstrap_servers, [("topics-test-bad", {"no.such.setting": "1"})], 1, 1)


def test_a_cluster_that_does_not_answer_is_named(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the address that was tried."""
    monkeypatch.setattr(topics, "REQUEST_SECONDS", 0.5)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConfigurationError, match=f"Kafka at {address} does not answer"):
        create_missing(address, [("any", {})], 1, 1)
