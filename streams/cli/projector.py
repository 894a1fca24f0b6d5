"""`onhand projector`: keep the read view in Redis up to date."""

import asyncio
import signal
import sys

from streams.cli.logs import log_to_standard_error
from streams.cli.overrides import BootstrapServers, MetricsPort, RedisUrl, settings_from
from streams.health import HealthServer
from streams.settings import Settings
from streams.view.projector import Projector

STOP_GRACE_SECONDS = 5.0  # A client that waits for a dead broker is given up on; the view needs no farewell.


def projector(
    bootstrap_servers: BootstrapServers = None,
    redis_url: RedisUrl = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Keep the read view in Redis up to date, until SIGTERM."""
    settings = settings_from(
        bootstrap_servers=bootstrap_servers, redis_url=redis_url, metrics_port=metrics_port
    )
    log_to_standard_error()
    asyncio.run(run_projector(settings))


async def run_projector(settings: Settings) -> None:
    """Run a projector with its metrics until SIGTERM or SIGINT."""
    running = Projector(settings)
    task = asyncio.create_task(running.run())
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    with HealthServer(settings.metrics_port, lambda: running.ready, host=settings.metrics_host) as health:
        print(f"onhand projector: metrics on {health.url}", file=sys.stderr, flush=True)
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        running.stop()
        await asyncio.wait((task,), timeout=STOP_GRACE_SECONDS)
        if task.done():
            task.result()  # A bug in the projector must end the process with its trace, not silently.
        task.cancel()
