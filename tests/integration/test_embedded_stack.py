"""The embedded stack on its own: it resumes, recovers, guards its directory and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections import namedtuple
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.embedded.errors import ComponentError, DataDirectoryError, DirectoryTakenError
from deploy.embedded.stack import EmbeddedStack
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

TOPIC = "resumed"
CLIENT_SECONDS = 30.0
DEATH_SECONDS = 10.0


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A stack that the tests of this file may stop and kill; each leaves it running."""
    with EmbeddedStack(tmp_path_factory.mktemp("embedded")) as stack:
        client = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
        client.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(CLIENT_SECONDS)
        yield stack


def produce(producer: Producer, value: bytes) -> None:
    """Write one record and wait until the broker has it."""
    errors: list[object] = []
    producer.produce(TOPIC, value, on_delivery=lambda error, _message: errors.append(error))
    assert producer.flush(CLIENT_SECONDS) == 0
    assert errors == [None]


def read_all(bootstrap_servers: str) -> list[bytes]:
    """Return every value of the topic that is committed by now, in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        values: list[bytes] = []
        while True:
            message = consumer.poll(CLIENT_SECONDS)
            assert message is not None, f"neither a record nor the end after {len(values)} records"
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                return values
            values.append(message.value() or b"")
    finally:
        consumer.close()


def test_same_directory_resumes_with_its_topics_records_and_addresses(own_stack: EmbeddedStack) -> None:
    """What was written before a clean stop is there after the next start, at the same address."""
    before = read_all(own_stack.bootstrap_servers)
    produce(Producer({"bootstrap.servers": own_stack.bootstrap_servers}), b"before the stop")
    own_stack.stop()
    with EmbeddedStack(own_stack.data_dir) as resumed:
        assert resumed.bootstrap_servers == own_stack.bootstrap_servers
        assert resumed.redis_url == own_stack.redis_url
        assert read_all(resumed.bootstrap_servers) == [*before, b"before the stop"]
    own_stack.start()


def test_killed_broker_recovers_and_its_clients_reconnect(own_stack: EmbeddedStack) -> None:
    """A producer made before signal 9 goes on by itself, and nothing acknowledged is lost."""
    before = read_all(own_stack.bootstrap_servers)
    producer = Producer({"bootstrap.servers": own_stack.bootstrap_servers, "enable.idempotence": True})
    produce(producer, b"before the kill")
    address, pid = own_stack.bootstrap_servers, own_stack.kafka.pid
    own_stack.kafka.kill()
    assert not own_stack.kafka.is_running()
    own_stack.kafka.start()
    assert own_stack.kafka.pid not in {None, pid}
    assert own_stack.bootstrap_servers == address
    produce(producer, b"after the kill")
    assert read_all(address) == [*before, b"before the kill", b"after the kill"]


def test_transactions_commit_at_once_and_aborted_ones_stay_invisible(own_stack: EmbeddedStack) -> None:
    """One node is enough for transactions: the state topics ask for no replicas."""
    before = read_all(own_stack.bootstrap_servers)
    producer = Producer({"bootstrap.servers": own_stack.bootstrap_servers, "transactional.id": "embedded"})
    producer.init_transactions(CLIENT_SECONDS)
    for value, finish in ((b"no", producer.abort_transaction), (b"yes", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(TOPIC, value)
        finish(CLIENT_SECONDS)
    # A commit returns before its markers are in every partition, so the record may take a moment.
    wait_until(
        lambda: read_all(own_stack.bootstrap_servers) == [*before, b"yes"],
        CLIENT_SECONDS,
        "record is visible",
    )


def test_misspelt_topic_is_not_created_by_asking_for_it(own_stack: EmbeddedStack) -> None:
    """A topic that nobody declared is an error, not a topic with the wrong partition count."""
    client = AdminClient({"bootstrap.servers": own_stack.bootstrap_servers})
    client.list_topics("stock-slaes", timeout=CLIENT_SECONDS)
    assert "stock-slaes" not in client.list_topics(timeout=CLIENT_SECONDS).topics


def test_killed_redis_comes_back_empty_on_its_address(own_stack: EmbeddedStack) -> None:
    """The view is rebuilt from Kafka, so Redis keeps its address and nothing else."""
    client = redis.Redis.from_url(own_stack.redis_url)
    client.set("stock", "7")
    own_stack.redis.kill()
    own_stack.redis.start()
    assert client.get("stock") is None
    client.close()


def test_taken_directory_is_refused_in_one_sentence_that_names_the_owner(own_stack: EmbeddedStack) -> None:
    """Two brokers on one directory would destroy it, and the owner must come to no harm by the attempt."""
    before = read_all(own_stack.bootstrap_servers)
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from deploy.embedded.errors import DirectoryTakenError
        from deploy.embedded.stack import EmbeddedStack
        try:
            EmbeddedStack(Path(sys.argv[1])).start()
        except DirectoryTakenError as error:
            print(error)
    """)
    command = [sys.executable, "-c", program, str(own_stack.data_dir)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert f"is in use by process {os.getpid()}: stop it, or give another" in answer.stdout
    assert answer.stdout.count("\n") == 1
    assert read_all(own_stack.bootstrap_servers) == before


def test_second_stack_in_the_same_process_is_refused_too(own_stack: EmbeddedStack) -> None:
    """The guard holds between two objects of one program as between two programs."""
    with pytest.raises(DirectoryTakenError):
        EmbeddedStack(own_stack.data_dir).start()
    assert own_stack.kafka.is_running()


def test_children_die_with_an_owner_that_is_killed_and_the_directory_is_free_again(tmp_path: Path) -> None:
    """Signal 9 to the owner leaves no broker behind that would hold ports and files."""
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from deploy.embedded.stack import EmbeddedStack
        stack = EmbeddedStack(Path(sys.argv[1]))
        stack.start()
        print(stack.bootstrap_servers, stack.redis_url, flush=True)
        time.sleep(600)
    """)
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        bootstrap_servers, redis_url = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
    for address in (bootstrap_servers, redis_url.removeprefix("redis://").removesuffix("/0")):
        wait_until(partial(is_deserted, address), DEATH_SECONDS, f"{address} is free")
    with EmbeddedStack(tmp_path / "data") as resumed:
        assert (resumed.bootstrap_servers, resumed.redis_url) == (bootstrap_servers, redis_url)


def is_deserted(address: str) -> bool:
    """Tell whether nobody answers at host:port."""
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return True
    return False


def test_broker_whose_known_port_is_taken_says_so_and_keeps_its_address(own_stack: EmbeddedStack) -> None:
    """Clients know the address, so a restart waits for the port instead of moving away from them."""
    own_stack.kafka.kill()
    address = own_stack.bootstrap_servers
    host, port = address.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(ComponentError, match=r"Kafka ended while starting .*Address already in use"),
    ):
        own_stack.kafka.start()
    own_stack.kafka.start()
    assert own_stack.bootstrap_servers == address


def test_unwritable_directory_is_one_clear_sentence(tmp_path: Path) -> None:
    """A directory below a file cannot be made, not even by root."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        DataDirectoryError, match=r"cannot be used \(Not a directory\): .*give another one\.$"
    ):
        EmbeddedStack(tmp_path / "file" / "data").start()


def test_full_disk_is_one_clear_sentence_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka would halt in the middle of its first write; the check says it beforehand and frees the lock."""
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's own
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(2**40, 2**40 - 2**20, 2**20))
    with pytest.raises(DataDirectoryError, match=r"Only 1 MiB are free .* needs 256 MiB: free some space"):
        EmbeddedStack(tmp_path).start()
    monkeypatch.undo()
    with EmbeddedStack(tmp_path, kafka=False) as stack:
        assert stack.redis.is_running()


def test_owner_that_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    """A broker that refuses its storage takes Redis and the lock down with it."""
    stack = EmbeddedStack(tmp_path)
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").write_text("version=99\n")
    with pytest.raises(ComponentError, match="Kafka ended while starting"):
        stack.start()
    assert not stack.redis.is_running()
    with EmbeddedStack(tmp_path, kafka=False):
        pass
