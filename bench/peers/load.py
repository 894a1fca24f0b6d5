"""Load generator and reader, each a process of its own that is told what to do through a pipe."""

import multiprocessing
import time
from array import array
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Self

from confluent_kafka import Consumer, TopicPartition

from bench.load import producer
from bench.peers.work import PARTITIONS, Events, number_of
from streams.engine.codec import read_varint

PAUSE_SECONDS = 0.001  # Of the generator between two looks at the clock.
POLLED_EVERY = 1_000
START_SECONDS = 60.0


class Timed(NamedTuple):
    """Moments of events, one entry each: the SKU's number, its event's ordinal or version, milliseconds since 1970."""

    numbers: "array[int]"
    versions: "array[int]"
    moments: "array[float]"

    @classmethod
    def empty(cls) -> Self:
        """Return one without entries, that can grow."""
        return cls(array("l"), array("l"), array("d"))

    def add(self, number: int, version: int, moment: float) -> None:
        """Add an entry."""
        self.numbers.append(number)
        self.versions.append(version)
        self.moments.append(moment)

    def between(self, first_seconds: float, last_seconds: float) -> "Timed":
        """Return the entries that come so many seconds after the first one."""
        begun, found = self.moments[0] if self.moments else 0.0, Timed.empty()
        for number, version, moment in zip(*self, strict=True):
            if first_seconds * 1_000 <= moment - begun < last_seconds * 1_000:
                found.add(number, version, moment)
        return found


class _Remote:
    """A process that answers commands, one at a time."""

    def __init__(self, serve: Any, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, *arguments), daemon=True)
        self._process.start()
        other.close()

    def send(self, *command: Any) -> None:
        self._pipe.send(command)

    def answer(self) -> Any:
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.close()
        self._process.join(START_SECONDS)
        if self._process.is_alive():
            self._process.kill()


class Generator:
    """Writes events of one run; what it is told to send continues what it has sent before."""

    def __init__(self, bootstrap_servers: str, topic: str, skus: int, seed: int) -> None:
        self._remote = _Remote(_generate, bootstrap_servers, topic, skus, seed)
        self.sent = 0

    def backlog(self, events: int) -> None:
        """Send events as fast as the cluster takes them; they are acknowledged on return."""
        self._remote.send("backlog", events)
        self._remote.answer()
        self.sent += events

    def begin(self, rate: float, seconds: float) -> None:
        """Begin to send at a steady rate."""
        self._remote.send("steady", rate, seconds)

    def finish(self) -> Timed:
        """Wait for the end of what was begun; return when each event was handed to the producer."""
        timed: Timed = self._remote.answer()
        self.sent += len(timed.moments)
        return timed

    def steady(self, rate: float, seconds: float) -> Timed:
        """Send at a steady rate for a time."""
        self.begin(rate, seconds)
        return self.finish()

    def close(self) -> None:
        """End the process."""
        self._remote.close()


class Reader:
    """Notes when states become visible to a committed reader of the output topic."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._remote = _Remote(_read, bootstrap_servers, topic)
        self._remote.answer()

    def stop(self) -> Timed:
        """End the process; return when each state arrived."""
        self._remote.send("stop")
        timed: Timed = self._remote.answer()
        self._remote.close()
        return timed


def _generate(pipe: Connection, bootstrap_servers: str, topic: str, skus: int, seed: int) -> None:
    client, events = producer(bootstrap_servers, linger_ms=0), Events(skus, seed)
    bulk = producer(bootstrap_servers, linger_ms=20)
    while True:
        try:
            command, *arguments = pipe.recv()
        except EOFError:
            return
        if command == "backlog":
            _send_backlog(bulk, topic, events, *arguments)
            pipe.send(None)
        else:
            pipe.send(_send_steadily(client, topic, events, *arguments))


def _send_backlog(client: Any, topic: str, events: Events, count: int) -> None:
    for sent in range(count):
        event = next(events)
        while True:
            try:
                client.produce(topic, event.value, event.key, event.partition)
                break
            except BufferError:
                client.poll(0.1)
        if sent % POLLED_EVERY == 0:
            client.poll(0)
    client.flush()


def _send_steadily(client: Any, topic: str, events: Events, rate: float, seconds: float) -> Timed:
    timed, started, sent = Timed.empty(), time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        due = int(elapsed * rate)
        while sent < due:
            event = next(events)
            timed.add(event.number, event.ordinal, time.time_ns() / 1e6)
            client.produce(topic, event.value, event.key, event.partition)
            sent += 1
        client.poll(0)
        time.sleep(PAUSE_SECONDS)
    client.flush()
    return timed


def _read(pipe: Connection, bootstrap_servers: str, topic: str) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "bench-peers-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    ends = [consumer.get_watermark_offsets(one, START_SECONDS)[1] for one in partitions]
    consumer.assign(
        [TopicPartition(topic, one.partition, end) for one, end in zip(partitions, ends, strict=True)]
    )
    timed = Timed.empty()
    consumer.poll(0)
    pipe.send("ready")
    while not pipe.poll():
        message: Any = consumer.poll(0.1)
        value = None if message is None or message.error() is not None else message.value()
        if value is not None:
            arrived = time.time_ns() / 1e6
            length, start = read_varint(value, 0)
            timed.add(number_of(message.key()), read_varint(value, start + length)[0], arrived)
    consumer.close()
    pipe.send(timed)
