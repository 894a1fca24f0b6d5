"""`onhand ledger SKU`: every change of a SKU's figures, event by event, and whether the balances chain."""

import time
from collections import deque
from typing import Annotated

import typer

from streams.cli import ledger_output as output
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, settings_from
from streams.cli.times import MILLISECONDS_PER_SECOND, moment_ms
from streams.domain.sku import InvalidSku, normalise_sku
from streams.ledger.reading import KafkaLedger, Question, Reading
from streams.topology import STOCK_MOVEMENTS
from streams.verify.reading import ReadError

EXIT_GAP = 1  # Some balance does not chain, or the SKU is unknown; 2 is for wrong usage.
DEFAULT_LIMIT = 50  # About two screenfuls.


def ledger(
    sku: Annotated[str, typer.Argument(help="Stock keeping unit, as the shop writes it.")],
    location: Annotated[str | None, typer.Option("--location", help="Only this location.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only what was recorded since: 90m, 24h or 7d ago, or a date or time (UTC). All without.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Show so many of the newest; 0 shows all as they are read.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a row, and a last one with the summary.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """
    Explain every change of a SKU's figures, event by event, with balances.

    All rows asked for are checked, also those that the limit does not show; exit 1 when balances have a gap.
    """
    settings = settings_from(bootstrap_servers=bootstrap_servers)
    try:
        normal = normalise_sku(sku)
    except InvalidSku as error:
        raise UserError(f"{error}.") from error
    now_ms = int(time.time() * MILLISECONDS_PER_SECOND)
    question = Question(normal, location, None if since is None else moment_ms(since, now_ms))
    try:
        agrees = answer(settings.bootstrap_servers, question, limit, as_json=as_json)
    except ReadError as error:
        raise UserError(str(error)) from error
    if not agrees:
        raise typer.Exit(EXIT_GAP)


def answer(bootstrap_servers: str, question: Question, limit: int, *, as_json: bool) -> bool:
    """
    Print the answer to a question; return whether there is one and its balances chain.

    Raises ReadError when Kafka does not answer, and UserError when there is no ledger at all.
    """
    progress = output.ReadProgress()
    source = KafkaLedger(bootstrap_servers, progress.advance)
    try:
        if not source.partitions:
            raise UserError(f"There is no topic {STOCK_MOVEMENTS.name} yet; create all with `onhand topics`.")
        source.snapshot()
        reading = Reading(source, question, source.partitions)
        with progress.of(reading.total, beside_rows=not limit):
            if limit:
                newest = deque(reading, maxlen=limit)
            else:
                output.print_lines(reading, as_json=as_json)
    finally:
        source.close()
    if limit:
        output.print_newest(newest, as_json=as_json)
    output.print_summary(reading, as_json=as_json)
    return output.agrees(reading)
