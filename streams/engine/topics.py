"""Topics on a cluster: what is there, creating what is missing, correcting settings, refusing what does not fit."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # documented, not listed.
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from streams.engine.errors import ConfigurationError
from streams.engine.topic_plan import Action, TopicChange, TopicState, TopicWish

REQUEST_SECONDS = 30.0  # How long a cluster may take to answer or to create topics.
POLL_SECONDS = 0.1

_librdkafka = logging.getLogger("librdkafka.admin")
_librdkafka.setLevel(
    logging.CRITICAL
)  # What goes wrong is raised; it would say it too, twenty times a second.


def create_missing(bootstrap_servers: str, wishes: Sequence[TopicWish]) -> list[str]:
    """
    Create the topics that the cluster lacks; return their names.

    Raises ConfigurationError when the cluster does not answer, or when a topic is there with another number
    of partitions: changing that is a migration (design D4).
    """
    admin = _admin(bootstrap_servers)
    there = _listed(admin, bootstrap_servers)
    for wish in wishes:
        if wish.name in there and len(there[wish.name].partitions) != wish.partitions:
            found = len(there[wish.name].partitions)
            raise ConfigurationError(
                f"Topic {wish.name} has {found} partitions but ONHAND_PARTITIONS is {wish.partitions}: "
                f"set it to {found}; changing the number of partitions is a migration."
            )
    created = _create(admin, [wish for wish in wishes if wish.name not in there])
    _wait_until_known(admin, bootstrap_servers, [wish.name for wish in wishes])
    return created


def _wait_until_known(admin: AdminClient, bootstrap_servers: str, names: Sequence[str]) -> None:
    """
    Wait until brokers tell clients of topics that the controller has made, for seconds at most on a busy machine.

    Without it, whoever starts at once finds some of them missing.
    """
    deadline = time.monotonic() + REQUEST_SECONDS
    while not set(names) <= _listed(admin, bootstrap_servers).keys():
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"Kafka at {bootstrap_servers} has made topics and does not show them: start again, and look at "
                "the brokers' logs if it stays so."
            )
        time.sleep(POLL_SECONDS)


def read_topics(bootstrap_servers: str, names: Iterable[str]) -> dict[str, TopicState]:
    """Return those of some topics that are there. Raises ConfigurationError when the cluster does not answer."""
    admin = _admin(bootstrap_servers)
    there = _listed(admin, bootstrap_servers)
    found = [name for name in names if name in there]
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in found]
    answers = admin.describe_configs(resources, request_timeout=REQUEST_SECONDS) if resources else {}
    settings = {resource.name: _result(answer, resource.name) for resource, answer in answers.items()}
    return {
        name: TopicState(
            len(there[name].partitions),
            min(len(partition.replicas) for partition in there[name].partitions.values()),
            {entry: value.value or "" for entry, value in settings[name].items()},
        )
        for name in found
    }


def apply_changes(
    bootstrap_servers: str, wishes: Sequence[TopicWish], changes: Sequence[TopicChange]
) -> None:
    """Create and correct what a plan says; what it leaves or refuses stays. Raises ConfigurationError."""
    admin = _admin(bootstrap_servers)
    missing = {change.topic for change in changes if change.action is Action.CREATE}
    _create(admin, [wish for wish in wishes if wish.name in missing])
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            change.topic,
            incremental_configs=[
                ConfigEntry(change.setting, change.wanted, incremental_operation=AlterConfigOpType.SET)
            ],
        )
        for change in changes
        if change.action is Action.CORRECT
    ]
    # One setting after the other: a topic may be named once in a request.
    for resource in resources:
        answers = admin.incremental_alter_configs([resource], request_timeout=REQUEST_SECONDS)
        _result(answers[resource], resource.name)


def _admin(bootstrap_servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap_servers}, logger=_librdkafka)


def _listed(admin: AdminClient, bootstrap_servers: str) -> Mapping[str, TopicMetadata]:
    try:
        return admin.list_topics(timeout=REQUEST_SECONDS).topics
    except KafkaException as error:
        raise ConfigurationError(
            f"Kafka at {bootstrap_servers} does not answer: start it, or check --bootstrap-servers."
        ) from error


def _create(admin: AdminClient, wishes: Sequence[TopicWish]) -> list[str]:
    created = []
    topics = [
        NewTopic(wish.name, wish.partitions, wish.replicas, config=dict(wish.settings)) for wish in wishes
    ]
    answers = admin.create_topics(topics, request_timeout=REQUEST_SECONDS) if topics else {}
    for name, answer in answers.items():
        try:
            answer.result()
            created.append(name)
        except KafkaException as error:
            # Two processes may start at once; whoever comes second finds the topic there.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConfigurationError(f"Topic {name} can't be created: {error.args[0].str()}.") from error
    return created


def _result(answer: Future[Any], name: str) -> Any:
    try:
        return answer.result()
    except KafkaException as error:
        raise ConfigurationError(f"Settings of topic {name}: {error.args[0].str()}.") from error
