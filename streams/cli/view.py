"""`onhand view`: look after the read view."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, RedisUrl, settings_from
from streams.settings import Settings
from streams.view.build import build
from streams.view.connection import awaitable, connect
from streams.view.source import TopicsMissingError, open_source
from streams.view.store import ViewMovedError, ViewStore

PLAIN_STEP = 0.1  # Without a terminal one line for each tenth is enough.

view_app = typer.Typer(help="Look after the read view in Redis.", no_args_is_help=True)


@view_app.callback()
def _view() -> None:
    """Look after the read view in Redis."""


@view_app.command()
def rebuild(bootstrap_servers: BootstrapServers = None, redis_url: RedisUrl = None) -> None:
    """Build the read view anew from its topics; the old one is served until the new one is complete."""
    settings = settings_from(bootstrap_servers=bootstrap_servers, redis_url=redis_url)
    with _shown_progress("rebuilding the read view") as on_progress:
        records = asyncio.run(_rebuild(settings, on_progress))
    print(f"The read view was rebuilt from {settings.bootstrap_servers}: {records} SKUs with a stock level.")


async def _rebuild(settings: Settings, on_progress: Callable[[float], None]) -> int:
    redis = connect(settings.redis_url)
    try:
        await awaitable(redis.ping())
        source = await open_source(settings, group_id=None)
        try:
            projection = await build(source, ViewStore(redis), on_progress=on_progress)
            return await projection.store.size(projection.generation)
        finally:
            await source.close()
    except TopicsMissingError as error:
        raise UserError(str(error)) from error
    except ViewMovedError as error:
        raise UserError("Another rebuild was finished meanwhile, and its view is served.") from error
    except KafkaError as error:
        raise UserError(
            f"Kafka at {settings.bootstrap_servers} does not answer: check --bootstrap-servers."
        ) from error
    except (RedisError, OSError) as error:
        raise UserError(f"Redis at {settings.redis_url} does not answer: check --redis-url.") from error
    finally:
        await redis.aclose()


@contextmanager
def _shown_progress(title: str) -> Iterator[Callable[[float], None]]:
    """Show progress on standard error: a bar on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(title, total=1.0)
            yield lambda done: bar.update(task, completed=done)
        return
    said = -1.0

    def say(done: float) -> None:
        nonlocal said
        if done >= said + PLAIN_STEP or (done >= 1.0 > said):
            said = done
            print(f"{title}: {done:.0%}", file=sys.stderr, flush=True)

    yield say
