"""`onhand verify` on a real Kafka and Redis whose topics are written by hand."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import typer
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from redis import Redis
from typer.testing import CliRunner

from deploy.embedded.stack import EmbeddedStack
from streams.cli.errors import UserError
from streams.cli.verify import verify
from streams.settings import Settings
from streams.verify import reading
from streams.verify.plan import Partition
from streams.view.projector import Projector
from tests.verify.honest import honest_world
from tests.verify.world import CHANNELS, PARTITIONS, PLAN, World, Written, fact

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

DEADLINE_SECONDS = 30.0
app = typer.Typer()
app.command()(verify)


class Cluster:
    """A real cluster that holds a world, kept in step with it."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self.settings = Settings(
            bootstrap_servers=stack.bootstrap_servers,
            redis_url=stack.redis_url,
            partitions=PARTITIONS,
            channels=CHANNELS,
        )
        self.world = honest_world()
        self._published: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        admin = AdminClient({"bootstrap.servers": self.settings.bootstrap_servers})
        # The world is of one fixed day, which retention would soon delete.
        topics = [NewTopic(name, PARTITIONS, config={"retention.ms": "-1"}) for name in PLAN.topics()]
        for future in admin.create_topics(topics).values():
            future.result(DEADLINE_SECONDS)
        self.publish()

    def publish(self, *, read: bool = True) -> None:
        """Write what the world has and the cluster has not; the stock group has read it, or not yet."""
        transactional = {"transactional.id": "world", "bootstrap.servers": self.settings.bootstrap_servers}
        producer = Producer(transactional)
        producer.init_transactions(DEADLINE_SECONDS)
        producer.begin_transaction()
        for part, log in self.world.topics.items():
            for record in log[self._published.get(part, 0) :]:
                self._produce(producer, part, record)
            self._published[part] = len(log)
        producer.commit_transaction(DEADLINE_SECONDS)
        if read:
            self._commit()

    def _produce(self, producer: Producer, part: Partition, record: Written) -> None:
        producer.produce(
            part[0],
            partition=part[1],
            key=record.key(),
            value=record.value(),
            headers=[(name, value) for name, value in record.headers()],
            timestamp=record.timestamp()[1],
            on_delivery=self._delivered,
        )

    def _delivered(self, error: KafkaError | None, message: Message[bytes, bytes]) -> None:
        assert error is None
        topic, number, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert number is not None
        assert offset is not None
        self._ends[topic, number] = offset + 1

    def _commit(self) -> None:
        """Commit as the stock agent does: behind the last record, so not behind the marker that follows it."""
        consumer = Consumer(
            {"bootstrap.servers": self.settings.bootstrap_servers, "group.id": self.settings.group_id}
        )
        offsets = [TopicPartition(*part, end) for part, end in self._ends.items() if part[0] in PLAN.inputs]
        consumer.commit(offsets=offsets, asynchronous=False)
        consumer.close()


@contextmanager
def running_projector(settings: Settings) -> Iterator[None]:
    """Run a projector in a thread of its own."""
    projector = Projector(settings)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_until_complete, args=(projector.run(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(projector.stop)
        thread.join(DEADLINE_SECONDS)
        loop.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of this module's own, with the honest world in it."""
    with EmbeddedStack(tmp_path_factory.mktemp("verify-stack")) as stack:
        cluster = Cluster(stack)
        with running_projector(cluster.settings):
            yield cluster


@pytest.fixture
def run_verify(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Return a function that runs `onhand verify` and gives its exit code and output."""
    monkeypatch.setenv("ONHAND_CHANNELS", ",".join(CHANNELS))

    def run(*arguments: str, bootstrap_servers: str = cluster.settings.bootstrap_servers) -> tuple[int, str]:
        fixed = ("--bootstrap-servers", bootstrap_servers, "--redis-url", cluster.settings.redis_url)
        result = CliRunner().invoke(app, [*fixed, *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return run


def test_honest_cluster_is_verified(run_verify: Callable[..., tuple[int, str]]) -> None:
    """With everything in agreement the exit code is 0, with transactions' markers at every partition's end."""
    code, output = run_verify()
    assert code == 0, output
    assert "VERIFIED" in output
    code, output = run_verify("--json")
    report = json.loads(output)
    assert code == 0
    assert report["agrees"]
    assert report["counts"]["events"] == 22
    assert report["counts"]["view_entries"] == 12


def test_stale_view_is_named(cluster: Cluster, run_verify: Callable[..., tuple[int, str]]) -> None:
    """An entry of the view that is not the last record is a difference, and so is one that is too many."""
    redis = Redis.from_url(cluster.settings.redis_url, decode_responses=True)
    key = f"onhand:view:{redis.hget('onhand:view', 'generation')}:stock-levels"
    honest = redis.hget(key, "APPLE")
    assert isinstance(honest, str)
    redis.hset(key, "APPLE", honest.replace('"on_hand":7', '"on_hand":8'))
    code, output = run_verify()
    assert code == 1
    assert "VIEW APPLE" in output
    redis.hset(key, "APPLE", honest)
    redis.hset(key, "GHOST", honest)
    code, output = run_verify()
    assert code == 1
    assert "SKUs in the view: expected 4, found 5" in output
    assert run_verify("--no-view")[0] == 0
    redis.hdel(key, "GHOST")
    redis.close()
    assert run_verify()[0] == 0


def test_unread_input_is_unsettled(cluster: Cluster, run_verify: Callable[..., tuple[int, str]]) -> None:
    """An event that the stock group has not read is waited for, and then said to be under way."""
    cluster.world.event("SaleRecorded", fact("PEAR", "unread", 1))
    cluster.publish(read=False)
    code, output = run_verify("--wait-seconds", "0")
    assert code == 1
    assert "did not settle" in output
    assert re.search(r"UNSETTLED: \d+ differences, which may be no more than what was under way", output)
    assert "DIFFERENT" not in output
    cluster.world.row("SaleRecorded", fact("PEAR", "unread", 1), (3, 2), 3, available_after=2)
    depot, store = (
        {"location_id": "depot", "on_hand": -4},
        {"location_id": "store", "on_hand": 2, "incoming": 1},
    )
    cluster.world.level("PEAR", 3, [depot, store], {"pos": (2, 3), "web": (1, 3)})
    cluster.world.tell("pos", "PEAR", 2, 3)
    cluster.world.tell("web", "PEAR", 1, 3)
    cluster.publish()
    assert run_verify()[0] == 0


def _wrong_on_hand(world: World) -> None:
    figures = {"location_id": "store", "on_hand": 6, "unsellable": 1, "reserved": 2}
    world.level("APPLE", 6, [figures], {"pos": (4, 5), "web": (3, 5)})


def _missing_dead_letter(world: World) -> None:
    world.put("stock-sales", "APPLE", b"more junk")


def _version_backwards(world: World) -> None:
    world.tell("pos", "APPLE", 4, 2)


def _ledger_gap(world: World) -> None:
    world.applied("SaleRecorded", fact("PEAR", "gap", 1, "depot"), (-7, -8), 9, available_after=-8)


def _wrong_availability(world: World) -> None:
    world.tell("web", "PEAR", 9, 9)


def _lost_event(world: World) -> None:
    world.event("SaleRecorded", fact("APPLE", "lost", 1))


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (_wrong_on_hand, "TABLE APPLE: on_hand at store: expected 7, found 6"),
        (_missing_dead_letter, "DEAD_LETTER_MISSING stock-sales:"),
        (_version_backwards, "VERSION availability-pos:"),
        (_ledger_gap, "on_hand of PEAR at depot before the event: expected -4, found -7"),
        (_wrong_availability, "AVAILABILITY PEAR in web: available_to_sell: expected 1, found 9"),
        (_lost_event, "LOST_EVENT stock-sales:"),
    ],
)
def test_planted_difference_is_named(
    cluster: Cluster,
    run_verify: Callable[..., tuple[int, str]],
    plant: Callable[[World], None],
    words: str,
) -> None:
    """Each wrong record, on top of those before it, is named and gives exit code 1."""
    assert words not in run_verify()[1]
    plant(cluster.world)
    cluster.publish()
    code, output = run_verify()
    assert code == 1
    assert words in output


def test_cluster_that_is_away_is_said_plainly(run_verify: Callable[..., tuple[int, str]]) -> None:
    """Without a broker there is one sentence that names the option."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "REQUEST_SECONDS", 1.0)
        with pytest.raises(UserError, match="--bootstrap-servers"):
            run_verify(bootstrap_servers="127.0.0.1:9")
