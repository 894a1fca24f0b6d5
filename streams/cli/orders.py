"""`onhand orders`: turn what channels state of their orders into stock events."""

import logging
import signal
import threading

from streams.app import OrderWorker, ensure_topics
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, MetricsPort, settings_from
from streams.cli.worker import WorkerId
from streams.engine.errors import ConfigurationError


def orders(
    bootstrap_servers: BootstrapServers = None, worker_id: WorkerId = None, metrics_port: MetricsPort = None
) -> None:
    """Run one order desk until SIGTERM: channel-orders in, stock events out, exactly once."""
    settings = settings_from(
        bootstrap_servers=bootstrap_servers, worker_id=worker_id, metrics_port=metrics_port
    )
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        ensure_topics(settings)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    OrderWorker(settings).run(stop)
