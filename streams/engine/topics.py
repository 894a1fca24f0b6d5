"""Creating the topics that are missing, and refusing those that do not fit."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # documented, not listed.

from streams.engine.errors import ConfigurationError

REQUEST_SECONDS = 30.0  # How long a cluster may take to answer or to create topics.
LOG_NOTHING = 0

TopicSettings = tuple[str, dict[str, str]]


def create_missing(
    bootstrap_servers: str, topics: Sequence[TopicSettings], partitions: int, replication_factor: int
) -> list[str]:
    """
    Create the topics, given as (name, settings), that the cluster lacks; return their names.

    Raises ConfigurationError when the cluster does not answer, or when a topic is there with another number
    of partitions: changing that is a migration (design D4).
    """
    # What goes wrong is raised; librdkafka would say it too, twenty times a second.
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": LOG_NOTHING})
    try:
        there = admin.list_topics(timeout=REQUEST_SECONDS).topics
    except KafkaException as error:
        raise ConfigurationError(
            f"Kafka at {bootstrap_servers} does not answer: start it, or check --bootstrap-servers."
        ) from error
    for name, _ in topics:
        if name in there and len(there[name].partitions) != partitions:
            raise ConfigurationError(
                f"Topic {name} has {len(there[name].partitions)} partitions but ONHAND_PARTITIONS is {partitions}: "
                f"set it to {len(there[name].partitions)}; changing the number of partitions is a migration."
            )
    missing = [
        NewTopic(name, partitions, replication_factor, config=config)
        for name, config in topics
        if name not in there
    ]
    return _create(admin, missing)


def _create(admin: AdminClient, missing: list[NewTopic]) -> list[str]:
    created = []
    for name, future in (
        admin.create_topics(missing, request_timeout=REQUEST_SECONDS) if missing else {}
    ).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            # Two processes may start at once; whoever comes second finds the topic there.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConfigurationError(f"Topic {name} can't be created: {error.args[0].str()}.") from error
    return created
