"""Options that override a setting for one command; without them the environment and defaults hold."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from streams.cli.errors import UserError
from streams.settings import Settings

BootstrapServers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        envvar="ONHAND_BOOTSTRAP_SERVERS",
        help="Kafka brokers, host:port, comma-separated.",
    ),
]
RedisUrl = Annotated[
    str | None, typer.Option("--redis-url", envvar="ONHAND_REDIS_URL", help="Redis of the read view.")
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        envvar="ONHAND_METRICS_PORT",
        min=0,
        max=65_535,
        help="Port of /metrics, /live and /ready; 0 picks one.",
    ),
]


def settings_from(**overrides: Any) -> Settings:
    """Return the settings with what was given; None leaves one alone. Raises UserError if one is wrong."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise UserError(f"Setting ONHAND_{name} is wrong: {first['msg']}.") from error
