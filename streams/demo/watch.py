"""Reads what comes out of the pipeline, as any client could: committed records of the public topics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self, cast

from confluent_kafka import Consumer, Message, TopicPartition

from schemas import wire
from streams.agents.dead_letters import ERROR_REASON, header_text
from streams.demo.board import Board
from streams.topology import INPUTS, STOCK_ALERTS, STOCK_MOVEMENTS, availability_topic, dead_letter_topic

POLL_SECONDS = 0.1
POLL_RECORDS = 2_000
METADATA_SECONDS = 10.0

Take = Callable[[Message], None]


class Watch:
    """
    Follows ledger, availability, alerts and dead letters from where they end now, and notes all on the board.

    Use it as a context manager: reading begins at the start of the block, in a thread of its own.
    """

    def __init__(self, bootstrap_servers: str, channel_ids: tuple[str, ...], board: Board) -> None:
        self._board = board
        self._takes: dict[str, Take] = {STOCK_MOVEMENTS.name: self._movement, STOCK_ALERTS.name: self._alert}
        self._takes |= {availability_topic(channel_id).name: self._available for channel_id in channel_ids}
        self._takes |= {dead_letter_topic(topic).name: self._dead_letter for topic in INPUTS}
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "onhand-demo-watch",  # Needed by the client; nothing is ever committed under it.
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,  # Latencies are measured here; the default would add to them.
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        self._consumer.assign([self._end_of(partition) for partition in self._partitions()])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def check(self) -> None:
        """Raise what ended the reading thread, if anything did."""
        if self._failure is not None:
            raise self._failure

    def _partitions(self) -> list[TopicPartition]:
        topics = self._consumer.list_topics(timeout=METADATA_SECONDS).topics
        return [TopicPartition(name, number) for name in self._takes for number in topics[name].partitions]

    def _end_of(self, partition: TopicPartition) -> TopicPartition:
        _, end = self._consumer.get_watermark_offsets(partition, timeout=METADATA_SECONDS)
        return TopicPartition(partition.topic, partition.partition, end)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for message in self._consumer.consume(POLL_RECORDS, POLL_SECONDS):
                    # An error here is a broker that is away for a moment; the client reconnects by itself.
                    if message.error() is None:
                        self._takes[str(message.topic())](message)
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the thread that shows the board.
            self._failure = error

    def _movement(self, message: Message) -> None:
        row = _decoded(message)
        self._board.recorded(row["event_id"], row["outcome"], late=row["late"], now=time.monotonic())

    def _available(self, message: Message) -> None:
        if message.value() is not None:
            told = _decoded(message)
            self._board.told(told["sku"], told["channel_id"], told["available_to_sell"], told["version"])

    def _alert(self, message: Message) -> None:
        self._board.alert(_decoded(message)["kind"])

    def _dead_letter(self, message: Message) -> None:
        headers = cast("list[tuple[str, bytes]] | None", message.headers())  # The client never makes others.
        self._board.dead_letter(header_text(headers, ERROR_REASON))


def _decoded(message: Message) -> dict[str, Any]:
    value = message.value()
    assert isinstance(value, bytes), f"{message.topic()} has a record without a value"
    return wire.decode(value)[1]
