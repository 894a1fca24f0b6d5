"""The one command, `onhand`: registers every command and turns errors into sentences."""

import sys
from importlib import import_module
from typing import Any

import typer

from streams import __version__
from streams.cli.errors import UserError
from streams.engine.errors import ConfigurationError

EXIT_USER_ERROR = 2

_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("up", "streams.cli.up", "up"),
    ("demo", "streams.cli.demo", "demo"),
    ("worker", "streams.cli.worker", "worker"),
    ("orders", "streams.cli.orders", "orders"),
    ("ingress", "streams.cli.ingress", "ingress"),
    ("poll", "streams.cli.poll", "poll"),
    ("projector", "streams.cli.projector", "projector"),
    ("registry", "streams.cli.registry", "registry"),
    ("stock", "streams.cli.stock", "stock"),
    ("ledger", "streams.cli.ledger", "ledger"),
    ("verify", "streams.cli.verify", "verify"),
    ("doctor", "streams.cli.doctor", "doctor"),
)
_GROUPS: tuple[tuple[str, str, str], ...] = (
    ("dlq", "streams.cli.dlq", "app"),
    ("feeds", "streams.cli.feeds", "app"),
    ("replay", "streams.cli.replay", "app"),
    ("items", "streams.cli.items", "app"),
    ("deliver", "streams.cli.deliver", "app"),
    ("hold", "streams.cli.hold", "app"),
    ("channels", "streams.cli.channels", "app"),
    ("topics", "streams.cli.topics", "app"),
    ("view", "streams.cli.view", "view_app"),
)
NAMES = frozenset(name for name, _, _ in (*_COMMANDS, *_GROUPS))
"""What may come after `onhand`."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"onhand {__version__}")
        raise typer.Exit


def _about(
    _version_option: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """One true stock figure for every SKU across every sales channel."""


def build(wanted: str | None) -> typer.Typer:
    """
    Return the command line; only the wanted command's module is imported, else all, for the help text.

    A worker that starts in half the time is back in half the time after a crash.
    """
    app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
    app.callback()(_about)
    for name, module, attribute in _COMMANDS:
        if wanted == name or wanted not in NAMES:
            app.command(name)(_load(module, attribute))
    for name, module, attribute in _GROUPS:
        if wanted == name or wanted not in NAMES:
            app.add_typer(_load(module, attribute), name=name)
    return app


def _load(module: str, attribute: str) -> Any:
    return getattr(import_module(module), attribute)


def main() -> None:
    """Run the command line; what its user can mend becomes one sentence and exit code 2."""
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        build(wanted)()
    except (UserError, ConfigurationError) as error:
        print(f"onhand: {error}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


if __name__ == "__main__":
    main()
