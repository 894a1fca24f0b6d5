"""`onhand doctor`: look at an installation and say what to do."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka.admin import AdminClient
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.app import topic_wishes
from streams.cli.cluster import open_log
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, RedisUrl, settings_from
from streams.doctor.brokers import look_at_brokers
from streams.doctor.disk import look_at_disk
from streams.doctor.finding import Finding, Verdict, failure
from streams.doctor.topics import judge_topics
from streams.doctor.view import look_at_view
from streams.doctor.workers import look_at_workers
from streams.engine.errors import ConfigurationError
from streams.engine.topic_plan import plan
from streams.engine.topics import read_topics
from streams.settings import Settings

EXIT_FAILURE = 1  # Something keeps Onhand from working; 2 is for wrong usage.
STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILURE: "bold red"}


def doctor(
    bootstrap_servers: BootstrapServers = None,
    redis_url: RedisUrl = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Also look at the room that this directory has.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Look at cluster, topics, workers, read view and clocks; exit 1 if something keeps Onhand from working."""
    settings = settings_from(bootstrap_servers=bootstrap_servers, redis_url=redis_url)
    findings = [*_cluster(settings), *asyncio.run(look_at_view(settings))]
    if data_dir is not None:
        findings += look_at_disk(data_dir)
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings]))
    else:
        _print(findings)
    if any(finding.verdict is Verdict.FAILURE for finding in findings):
        raise typer.Exit(EXIT_FAILURE)


def _cluster(settings: Settings) -> list[Finding]:
    """Look at everything that lies in Kafka; when it does not answer, that is the finding."""
    try:
        open_log(settings)
        wishes = topic_wishes(settings)
        there = read_topics(settings.bootstrap_servers, [wish.name for wish in wishes])
    except (UserError, ConfigurationError) as error:
        return [failure("cluster", str(error), "nothing else in Kafka can be looked at until then")]
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    return [
        *look_at_brokers(admin, settings),
        *judge_topics(plan(wishes, there), len(wishes)),
        *look_at_workers(admin, settings),
    ]


def _print(findings: list[Finding]) -> None:
    table = Table("", "what", "found", "what to do", box=SIMPLE_HEAD)
    for area, verdict, what, advice in findings:
        table.add_row(Text(verdict.value, style=STYLES[verdict]), area, Text(what), Text(advice))
    Console().print(table)
