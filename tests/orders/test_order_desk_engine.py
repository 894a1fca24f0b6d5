"""The order desk on the engine, on the log in memory: statements in, events out, nothing told twice."""

from __future__ import annotations

from typing import Any

from connectors.orders import Item, Order
from connectors.statements import key_of, statement
from connectors.translation import Account
from schemas import wire
from streams import topology
from streams.app import order_engine
from streams.engine.engine import Engine
from streams.engine.log import Headers
from streams.engine.memory_log import MemoryCluster, MemoryLog
from streams.engine.partitioner import partition_for
from streams.monitor import WorkerMonitor
from streams.orders.desk import DEAD_LETTERS, ORDERS
from streams.settings import Settings

PARTITIONS = 4
SETTINGS = Settings(partitions=PARTITIONS)
SHOP = Account("shop-de", "shopify-de", "web")
PLACED_AT = 1_291_194_131_000


def cluster() -> MemoryCluster:
    """A cluster with all topics."""
    made = MemoryCluster()
    for topic in topology.all_topics(SETTINGS.channels):
        made.create_topic(topic.name, PARTITIONS)
    return made


def started(made: MemoryCluster) -> Engine:
    """An order desk that has joined its group."""
    engine = order_engine(MemoryLog(made), SETTINGS, WorkerMonitor(lambda: made.now_ms))
    engine.start()
    return engine


def order(
    revision: int, ordered: int, *, cancelled: int = 0, shipped: int = 0, order_id: str = "1001"
) -> Order:
    """A statement of an order of one SKU."""
    item = Item("7", "85123A", "dc-leeds", ordered, cancelled, shipped)
    return Order(order_id, revision, PLACED_AT, PLACED_AT + revision, (item,))


def say(
    made: MemoryCluster, said: Order, *, partition: int | None = None, headers: Headers | None = None
) -> None:
    """Write a statement, to its right partition unless said otherwise."""
    key = key_of(SHOP.account_id, said.order_id)
    place = partition_for(key, PARTITIONS) if partition is None else partition
    made.append(ORDERS, place, key, wire.encode("ChannelOrder", statement(SHOP, said)), headers)


def run(engine: Engine, made: MemoryCluster) -> None:
    """Step until every statement so far is behind the desk, and what it forwarded as well."""
    for _ in range(60):
        engine.step(0.01)
        made.tick(50)


def told(made: MemoryCluster, topic: str = "stock-sales") -> list[tuple[str, int]]:
    """What is in a stock topic: record and quantity."""
    return [(name, value["quantity"]) for name, value in decoded(made, topic)]


def decoded(made: MemoryCluster, topic: str) -> list[tuple[str, dict[str, Any]]]:
    """A topic's committed records."""
    return [wire.decode(record.value() or b"") for record in made.committed(topic)]


def test_an_order_becomes_events_keyed_by_sku_with_its_trace() -> None:
    """In the partition where the stock agent looks for the SKU, under the account's source and channel."""
    made = cluster()
    engine = started(made)
    say(made, order(1, 3), headers=[("traceparent", b"00-ab-cd-01"), ("other", b"x")])
    run(engine, made)
    (record,) = made.committed("stock-sales")
    name, value = wire.decode(record.value() or b"")
    assert (name, value["order_id"], value["quantity"]) == ("OrderPlaced", "shop-de:1001", 3)
    assert (value["source_id"], value["channel_id"]) == ("shopify-de", "web")
    assert (record.key(), record.partition()) == (b"85123A", partition_for(b"85123A", PARTITIONS))
    headers = dict(record.headers() or ())
    assert headers["traceparent"] == b"00-ab-cd-01"
    assert headers["ce_id"] == value["event_id"].encode()
    assert "other" not in headers


def test_redelivered_and_stale_statements_tell_nothing() -> None:
    """Neither the same bytes again nor an older state after a newer one moves stock."""
    made = cluster()
    engine = started(made)
    for said in (order(1, 3), order(1, 3), order(2, 3, cancelled=1), order(1, 3), order(2, 3, cancelled=1)):
        say(made, said)
        run(engine, made)
    assert told(made) == [("OrderPlaced", 3), ("OrderCancelled", 1)]


def test_a_restarted_desk_knows_what_was_told() -> None:
    """It is restored from its table: only the difference is told after."""
    made = cluster()
    first = started(made)
    say(made, order(1, 3))
    run(first, made)
    first.close()
    second = started(made)
    say(made, order(2, 3, shipped=2))
    say(made, order(3, 5, shipped=2))
    run(second, made)
    assert told(made) == [("OrderPlaced", 3), ("OrderShipped", 2), ("OrderPlaced", 2)]


def test_what_is_no_statement_is_a_dead_letter_and_the_rest_goes_on() -> None:
    """Undecodable bytes, another record, and a key that is not the order's."""
    made = cluster()
    engine = started(made)
    key = key_of("shop-de", "1001")
    home = partition_for(key, PARTITIONS)
    made.append(ORDERS, home, key, b"nonsense")
    made.append(ORDERS, home, key, wire.encode("ChannelOrder", statement(SHOP, order(1, 3)))[:-4])
    made.append(ORDERS, home, b"shop-fr:1001", wire.encode("ChannelOrder", statement(SHOP, order(1, 3))))
    made.append(ORDERS, home, key, None)
    say(made, order(1, 3))
    run(engine, made)
    reasons = [
        dict(one.headers() or ())["__streams.errors.exception"] for one in made.committed(DEAD_LETTERS)
    ]
    assert reasons == [b"UNDECODABLE", b"UNDECODABLE", b"INVALID_KEY", b"UNDECODABLE"]
    assert told(made) == [("OrderPlaced", 3)]


def test_a_statement_on_a_wrong_partition_is_sent_on() -> None:
    """An order has one writer, whatever a producer's partitioner thinks."""
    made = cluster()
    engine = started(made)
    home = partition_for(key_of("shop-de", "1001"), PARTITIONS)
    say(made, order(1, 3), partition=(home + 1) % PARTITIONS)
    say(made, order(2, 4))
    run(engine, made)
    assert sum(quantity for _, quantity in told(made)) == 4
    assert {record.partition() for record in made.committed(topology.CHANNEL_ORDERS_TOLD.name)} == {home}


def test_an_undone_sale_comes_back_in_the_topic_of_returns() -> None:
    """Events go to the topic of their record."""
    made = cluster()
    engine = started(made)
    say(made, order(1, 3, shipped=3))
    run(engine, made)
    say(made, order(2, 0))
    run(engine, made)
    assert told(made) == [("SaleRecorded", 3)]
    assert told(made, "stock-returns") == [("ReturnReceived", 3)]
