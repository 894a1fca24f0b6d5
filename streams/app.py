"""The one place where everything is wired: log, engine, stock agent, retries, order desk, Faust app and health."""

import gc
import logging
import os
import threading
import time

import faust

from streams import topology
from streams.agents.retry import RetryAgent
from streams.agents.stock import StockAgent
from streams.engine.channel import Pump, StockApp, agent_of
from streams.engine.engine import Engine, EngineConfig
from streams.engine.errors import EngineError
from streams.engine.kafka_log import KafkaLog
from streams.engine.log import Log
from streams.engine.topic_plan import TopicWish
from streams.engine.topics import create_missing
from streams.health import HealthServer
from streams.monitor import WorkerMonitor, now_milliseconds
from streams.orders.desk import OrderDesk
from streams.settings import Settings

logger = logging.getLogger(__name__)

MANY_REPLICAS = 3  # With two, a broker that is away would stop all writing.
STATE_SECONDS = 1.0  # How often gauges such as lag are refreshed.
RETRY_POLL_SECONDS = 0.25
COLLECTOR_THRESHOLDS = (100_000, 50, 1_000)  # Defaults cost a third of the throughput, see tune_collector.
FAILURE_EXIT_CODE = 70  # EX_SOFTWARE: the supervisor starts the worker again.


def log_of(settings: Settings) -> KafkaLog:
    """Return the cluster that the settings name."""
    return KafkaLog(settings.bootstrap_servers, settings.session_timeout_ms, settings.transaction_timeout_ms)


def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing and return their names; raises ConfigurationError if some don't fit."""
    return create_missing(settings.bootstrap_servers, topic_wishes(settings))


def topic_wishes(settings: Settings) -> list[TopicWish]:
    """Return every topic as the settings want it; of three replicas or more all but one must acknowledge."""
    replicas = settings.replication_factor
    safety = {"min.insync.replicas": str(replicas - 1)} if replicas >= MANY_REPLICAS else {}
    return [
        TopicWish(topic.name, settings.partitions, replicas, {**topic.config(), **safety})
        for topic in topology.all_topics(settings.channels)
    ]


def engine_config(settings: Settings) -> EngineConfig:
    """Return what the engine needs to know: which topics come in and go out."""
    inputs = [topic.name for topic in (*topology.INPUTS, *topology.INTERNAL_INPUTS)]
    tables = {topic.name for topic in (*topology.TABLES, topology.SEEN_EVENTS)}
    aside = {topic.name for topic in (topology.DEAD_LETTER_DECISIONS, *topology.CHANNEL_TOPICS)}
    everything = {topic.name for topic in topology.all_topics(settings.channels)}
    return EngineConfig(
        settings.group_id,
        settings.worker_id,
        tuple(inputs),
        tuple(sorted(everything - set(inputs) - tables - aside)),
        topology.SEEN_EVENTS.name,
        topology.DEDUPLICATION_WINDOW_DAYS * topology.HOURS_PER_DAY,
        settings.batch_max_records,
    )


def stock_engine(log: Log, settings: Settings, monitor: WorkerMonitor) -> tuple[Engine, StockAgent]:
    """Return the engine with the stock agent on a log."""
    agent = StockAgent(settings, monitor)
    config = engine_config(settings)
    return Engine(log, config, agent, monitor, now_milliseconds, time.monotonic), agent


class StockWorker:
    """One stock worker process: a Faust app around the engine, with retries and health beside it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = log_of(settings)
        self._monitor = WorkerMonitor(now_milliseconds)
        self._engine, agent = stock_engine(self._log, settings, self._monitor)
        self._health = HealthServer(
            settings.metrics_port, lambda: self._engine.ready, host=settings.metrics_host
        )
        self._next_state = 0.0
        self._stopping = threading.Event()
        self.app = self._faust_app(agent)

    def start_beside(self) -> None:
        """Start health and retries, each in a thread of its own."""
        tune_collector()
        self._health.start()
        logger.info("worker %s: metrics on %s", self._settings.worker_id, self._health.url)
        threading.Thread(target=self._run_retries, name="retries", daemon=True).start()

    def stop_beside(self) -> None:
        """Stop health and retries."""
        self._stopping.set()
        self._health.close()

    def _faust_app(self, agent: StockAgent) -> faust.App:
        # The app's id must differ from the consumer group's (design D1); the broker is never connected to.
        app = StockApp(
            f"{self._settings.group_id}-app",
            broker=f"kafka://{self._settings.bootstrap_servers}",
            store="memory://",
            web_enabled=False,
        )
        channel = app.channel()
        app.agent(channel, name="stock")(agent_of(agent.apply))
        pump = Pump(self._engine, channel, self._refresh_state, end_process)

        @app.task  # type: ignore[untyped-decorator] # Faust's decorators are untyped.
        async def feed() -> None:
            app.flow_control.resume()  # Faust resumes it at its own consumer's assignment, which never comes.
            await app.add_runtime_dependency(pump)

        return app

    def _refresh_state(self) -> None:
        now = time.monotonic()
        if now >= self._next_state:
            self._next_state = now + STATE_SECONDS
            self._monitor.state(self._engine.lag(), self._engine.held())

    def _run_retries(self) -> None:
        retries = RetryAgent(self._log, self._settings, now_milliseconds)
        try:
            retries.start()
            while not self._stopping.is_set():
                retries.step(RETRY_POLL_SECONDS)
            retries.stop()
        except BaseException as error:  # noqa: BLE001 - a thread must not die unheard: it ends the worker.
            end_process(error)


def order_engine(log: Log, settings: Settings, monitor: WorkerMonitor) -> Engine:
    """
    Return the engine with the order desk on a log.

    A consumer group of its own: it scales apart from the stock workers, and channels that send a flood of orders
    do not make the stock agent's batches longer.
    """
    outputs = (
        topology.STOCK_SALES,
        topology.STOCK_RETURNS,
        topology.dead_letter_topic(topology.CHANNEL_ORDERS),
    )
    config = EngineConfig(
        f"{settings.group_id}-orders",
        settings.worker_id,
        (topology.CHANNEL_ORDERS.name,),
        tuple(topic.name for topic in outputs),
        topology.CHANNEL_ORDERS_SEEN.name,
        topology.DEDUPLICATION_WINDOW_DAYS * topology.HOURS_PER_DAY,
        settings.batch_max_records,
    )
    desk = OrderDesk(settings.partitions, monitor)
    return Engine(log, config, desk, monitor, now_milliseconds, time.monotonic)


class OrderWorker:
    """One order desk process: the engine in the thread that runs it, with health beside it."""

    def __init__(self, settings: Settings) -> None:
        self._monitor = WorkerMonitor(now_milliseconds)
        self._engine = order_engine(log_of(settings), settings, self._monitor)
        self._health = HealthServer(
            settings.metrics_port, lambda: self._engine.ready, host=settings.metrics_host
        )

    def run(self, stop: threading.Event) -> None:
        """Turn statements into events until stop is set; any error ends the process, and nothing is skipped."""
        next_state = 0.0
        with self._health:
            logger.info("order desk: metrics on %s", self._health.url)
            try:
                self._engine.start()
                while not stop.is_set():
                    self._engine.step(RETRY_POLL_SECONDS)
                    if (now := time.monotonic()) >= next_state:
                        next_state = now + STATE_SECONDS
                        self._monitor.state(self._engine.lag(), self._engine.held())
                self._engine.close()
            except BaseException as error:  # noqa: BLE001 - whatever it is ends the process, which says it.
                end_process(error)


def tune_collector() -> None:
    """
    Let Python's cycle collector run rarely: the stock path makes many small tuples and no cycles.

    With the default thresholds it walks them again and again, which took a third of the time (55 against 36 µs
    an event). What is loaded by now stays for ever and is not walked at all.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def end_process(error: BaseException) -> None:
    """
    Say why and end the process at once; the supervisor starts it again.

    There is nothing to clean up: what is not committed must not become visible, and the next start ends it.
    """
    logger.critical(
        "worker ends: %s: %s", type(error).__name__, error, exc_info=not isinstance(error, EngineError)
    )
    logging.shutdown()
    os._exit(FAILURE_EXIT_CODE)
