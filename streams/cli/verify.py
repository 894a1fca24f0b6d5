"""`onhand verify`: recompute all stock from the inputs and compare it with everything that was published."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams import topology
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, RedisUrl, settings_from
from streams.settings import Settings
from streams.verify.plan import Plan
from streams.verify.reading import KafkaReader, ReadError
from streams.verify.report import Report
from streams.verify.run import Verification
from streams.verify.settle import Lag, settle
from streams.verify.view import RedisView

EXIT_DIFFERENT = 1
EXIT_INCOMPLETE = 3  # Nothing differs, but deleted inputs kept part of the stock from being recomputed.
WAIT_SECONDS = 60.0  # A running system catches up within that, or it is too busy to be compared.
PRINTED_PER_KIND = 10
PLAIN_STEP_RECORDS = 250_000  # Without a terminal one line for so many records is enough.


def verify(
    bootstrap_servers: BootstrapServers = None,
    redis_url: RedisUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
    wait_seconds: Annotated[
        float, typer.Option("--wait-seconds", min=0, help="How long to wait for workers to catch up.")
    ] = WAIT_SECONDS,
    with_view: Annotated[
        bool, typer.Option("--view/--no-view", help="Whether to compare the Redis view.")
    ] = True,
) -> None:
    """Recompute all stock from the input topics on a path of its own; exit 1 on any difference."""
    settings = settings_from(bootstrap_servers=bootstrap_servers, redis_url=redis_url)
    report = run_verify(settings, wait_seconds, with_view=with_view)
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        typer.echo("\n".join(summary(report)))
    raise typer.Exit(exit_code(report))


def run_verify(settings: Settings, wait_seconds: float = WAIT_SECONDS, *, with_view: bool = True) -> Report:
    """
    Verify the installation of these settings.

    Progress goes to standard error. Raises UserError when Kafka or Redis can't be read.
    """
    plan = plan_of(settings)
    report = Report()
    view = RedisView(settings.redis_url) if with_view else None
    try:
        with _shown_progress() as (on_records, say):
            reader = KafkaReader(settings.bootstrap_servers, plan.topics(), on_records)
            try:
                report.settled = settle(plan, reader, view, wait_seconds, _lag_line(say))
                if not report.settled:
                    report.notes.append(
                        f"The system did not settle within {wait_seconds:g} s: figures still move."
                    )
                Verification(plan, reader, view, report).run()
            finally:
                reader.close()
    except ReadError as error:
        raise UserError(str(error)) from error
    finally:
        if view is not None:
            view.close()
    return report


def plan_of(settings: Settings) -> Plan:
    """Return what is to be verified of an installation."""
    return Plan(
        inputs={topic.name: frozenset(topic.records) for topic in topology.INPUTS},
        dead_letters={topic.name: topology.dead_letter_topic(topic).name for topic in topology.INPUTS},
        retries={topic.name: topology.retry_topic(topic).name for topic in topology.INPUTS},
        policies=topology.STOCK_POLICIES.name,
        policies_in_force=topology.POLICIES_IN_FORCE.name,
        items_in_force=topology.ITEMS_IN_FORCE.name,
        sources=topology.SOURCES.name,
        feeds=topology.FEEDS.name,
        levels=topology.STOCK_LEVELS.name,
        movements=topology.STOCK_MOVEMENTS.name,
        holds=topology.HOLDS.name,
        results=topology.RESERVATION_RESULTS.name,
        availability={channel: topology.availability_topic(channel).name for channel in settings.channels},
        group_id=settings.group_id,
        retry_group_id=f"{settings.group_id}-retry",
        retry_attempts=settings.retry_attempts,
        lateness_horizon_hours=settings.lateness_horizon_hours,
        waiting_days=settings.waiting_days,
        promise_horizon_days=settings.promise_horizon_days,
    )


def exit_code(report: Report) -> int:
    """Return 0 when all agrees, 1 when anything differs or still moves, 3 when part could not be recomputed."""
    if not report.agrees:
        return EXIT_DIFFERENT
    return EXIT_INCOMPLETE if report.truncated else 0


def summary(report: Report) -> list[str]:
    """Return the report in lines for people: counts, notes, the first differences of each kind, the verdict."""
    counts = report.counts
    lines = [
        (
            f"{counts['input_records']:,} input records: {counts['events']:,} events, "
            f"{counts['duplicates']:,} duplicates, {counts['dead_letters']:,} dead letters, "
            f"{counts['retries_waiting']:,} waiting, {counts['orders_rejected']:,} orders rejected, "
            f"{counts['policies']:,} policies, {counts['items']:,} items"
        ),
        (
            f"{counts['skus']:,} SKUs in the table, {counts['ledger_rows']:,} ledger rows, "
            f"{counts['active_holds']:,} active holds, {counts['answers']:,} answers about holds, "
            f"{counts['view_entries']:,} entries of the view compared"
        ),
        *report.notes,
        *_truncation(report),
    ]
    for kind, total in report.totals.items():
        of_kind = [difference for difference in report.differences if difference.kind is kind]
        lines += [difference.sentence() for difference in of_kind[:PRINTED_PER_KIND]]
        if total > PRINTED_PER_KIND:
            lines.append(f"{kind}: {total - PRINTED_PER_KIND:,} more (--json lists them)")
    return [*lines, _verdict(report)]


def _truncation(report: Report) -> list[str]:
    if not report.truncated:
        return []
    return [
        (
            f"Retention has deleted part of {len(report.truncated)} partitions (such as {report.truncated[0]}), so "
            "the stock of their SKUs can't be recomputed. Still checked there: ledger chains, versions, "
            "dead letters, availability as it follows from the table, and the view."
        )
    ]


def _verdict(report: Report) -> str:
    total = sum(report.totals.values())
    if total and not report.settled:
        return (
            f"UNSETTLED: {total:,} differences, which may be no more than what was under way while they were read; "
            "run it again when less is going on, or with a longer --wait-seconds."
        )
    if total:
        return f"DIFFERENT: {total:,} differences."
    if not report.settled:
        return "UNSETTLED: nothing differs, but the system did not stand still; run it again."
    if report.truncated:
        return "INCOMPLETE: nothing differs in what could be checked."
    return "VERIFIED: table, availability and view equal the recomputation."


def _lag_line(say: Callable[[str], None]) -> Callable[[Lag], None]:
    last: list[Lag] = []

    def on_lag(lag: Lag) -> None:
        if (lag.inputs or lag.view) and lag not in last[-1:]:
            say(f"waiting: {lag}")
            last.append(lag)

    return on_lag


@contextmanager
def _shown_progress() -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Show how many records were read on standard error: a counter on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            task = bar.add_task("records read", total=None)
            yield lambda count: bar.advance(task, count), bar.console.print
        return
    read = 0

    def on_records(count: int) -> None:
        nonlocal read
        if (read + count) // PLAIN_STEP_RECORDS > read // PLAIN_STEP_RECORDS:
            print(f"onhand verify: {read + count:,} records read", file=sys.stderr, flush=True)
        read += count

    yield on_records, lambda text: print(f"onhand verify: {text}", file=sys.stderr, flush=True)
