"""What librdkafka raises becomes an error of the engine, however the client wraps it."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.engine.errors import FencedError
from streams.engine.kafka_log import _call


def test_a_fencing_that_the_logger_wrapped_is_still_a_fencing() -> None:
    """The client logs while the exception is pending, and Python makes a SystemError of it."""

    def flush() -> None:
        fencing = KafkaException(KafkaError(KafkaError._FENCED, "an old epoch", fatal=True))
        raise SystemError("returned a result with an exception set") from fencing

    with pytest.raises(FencedError, match="an old epoch"):
        _call(flush)


def test_a_system_error_of_another_cause_goes_on_as_it_is() -> None:
    """It is a bug, and must look like one."""

    def broken() -> None:
        raise SystemError("something else")

    with pytest.raises(SystemError, match="something else"):
        _call(broken)
