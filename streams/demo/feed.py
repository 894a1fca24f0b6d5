"""Sends the demo's day to Kafka, at the pace of its shops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from streams.demo.board import Board
from streams.demo.message import Message

LINGER_MS = 2  # A small wait fills batches, and hardly shows in the latency.
STEP_SECONDS = 0.01  # How far the feed may run ahead of its clock.
FLUSH_SECONDS = 30.0


class FeedError(Exception):
    """The broker did not take what the demo sent; the message says why."""


class Feed:
    """
    A producer that keeps the pace of the day.

    It sends spoilt messages as they are, which a connector would refuse to.
    """

    def __init__(self, bootstrap_servers: str, board: Board) -> None:
        self._board = board
        self._failure: str | None = None
        self._stop = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",  # As all clients of Kafka but librdkafka (design D4).
                "enable.idempotence": True,
                "linger.ms": LINGER_MS,
                "on_delivery": self._note_failure,
                "log_level": 0,
            }
        )
        self.at = 0.0
        """The moment of the day that has been reached, 0.0 to 1.0."""

    def send_all(self, messages: Iterable[Message]) -> None:
        """Send messages at once and wait until the broker has them. Raises FeedError."""
        for message in messages:
            self._send(message)
        self._flush()

    def send_day(self, messages: Iterable[Message], seconds: float) -> None:
        """Send a day's messages over so many seconds, each at its moment. Raises FeedError."""
        started = time.monotonic()
        for message in messages:
            due = started + message.at * seconds
            while (ahead := due - time.monotonic()) > STEP_SECONDS and not self._stop.is_set():
                self._producer.poll(min(ahead, STEP_SECONDS))
            if self._stop.is_set():
                break
            self._send(message)
            self.at = message.at
        self._flush()

    def stop(self) -> None:
        """Make send_day return soon."""
        self._stop.set()

    def _send(self, message: Message) -> None:
        while True:
            try:
                self._producer.produce(
                    message.topic, value=message.value, key=message.key, headers=message.headers
                )
                break
            except BufferError:
                self._producer.poll(STEP_SECONDS)
            except KafkaException as error:
                raise FeedError(f"Kafka refused a message of the demo: {error}.") from error
        self._board.sent(message, time.monotonic())
        self._producer.poll(0)

    def _flush(self) -> None:
        if self._producer.flush(FLUSH_SECONDS) or self._failure is not None:
            raise FeedError(f"Kafka did not take the demo's messages: {self._failure or 'no answer'}.")

    def _note_failure(self, error: KafkaError | None, _message: Delivered) -> None:
        if error is not None:
            self._failure = error.str()
