"""The cluster for commands that a person waits for: it answers soon, or one sentence says what to do."""

import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.cli.errors import UserError
from streams.engine.kafka_log import KafkaLog
from streams.settings import Settings

ANSWER_SECONDS = 5.0  # A cluster that takes longer to say what topics it has is of no use to a person.


def open_log(settings: Settings) -> KafkaLog:
    """Return the log on the cluster of the settings. Raises UserError when it does not answer."""
    librdkafka = logging.getLogger("librdkafka")
    librdkafka.setLevel(logging.CRITICAL)  # It would tell each failed connection; our sentence says it all.
    try:
        admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers}, logger=librdkafka)
        admin.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise UserError(
            f"Kafka at {settings.bootstrap_servers} does not answer: start it, or check --bootstrap-servers."
        ) from error
    return KafkaLog(settings.bootstrap_servers, settings.session_timeout_ms, settings.transaction_timeout_ms)
