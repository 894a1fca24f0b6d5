"""`onhand channels kept` and `retake`: bodies that could not be taken, shown, and taken once the account is mended."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.accounts.model import Entry
from connectors.accounts.reading import AccountsError, load_accounts
from connectors.ingress.channels import CHANNELS
from connectors.ingress.kept import Kept, retake
from connectors.ingress.storage import NotStored, Storage
from connectors.ingress.whole import whole_topic
from connectors.items.resolving import Resolve
from connectors.publish import rfc3339
from streams.app import ensure_topics
from streams.cli.catalogue import UseCatalogue, open_catalogue, resolve_by, user_errors
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, settings_from
from streams.cli.times import moment_ms
from streams.settings import Settings
from streams.topology import INGRESS_DEAD_LETTERS

Since = Annotated[
    str, typer.Option("--since", help="Only what came since then: 90m, 24h, 7d, or 2026-03-01.")
]
DEFAULT_SINCE = "14d"  # As long as bodies are kept.


def show_kept(account: str | None, since: str, bootstrap_servers: BootstrapServers, *, as_json: bool) -> None:
    """Print what is kept, the oldest first."""
    found = asyncio.run(
        _found(_settings(bootstrap_servers), since, lambda one: account in {None, one.account_id})
    )
    if as_json:
        typer.echo(json.dumps([_described(one) for one in found], indent=2))
        return
    table = Table("received", "account", "topic", "reason", "what is wrong")
    for one in found:
        received = rfc3339(one.received_at).decode()
        table.add_row(received, one.account_id, escape(one.topic), one.reason, escape(one.message))
    Console().print(table)
    typer.echo(f"{len(found)} bodies kept")


def retake_kept(
    path: Path, account: str, since: str, bootstrap_servers: BootstrapServers, catalogue: UseCatalogue
) -> None:
    """Take an account's bodies again. Raises typer.Exit with 1 if some still can't be taken whole."""
    entry = _entry(path, account)
    settings = _settings(bootstrap_servers)
    items = None if catalogue is None else open_catalogue(settings.bootstrap_servers, catalogue)
    with user_errors(), items or nullcontext():
        outcomes, reasons = asyncio.run(_retake(settings, account, entry, since, resolve_by(items)))
    total = sum(outcomes.values())
    typer.echo(
        f"{total} bodies: {outcomes['taken']} taken, {outcomes['partly']} in part, {outcomes['refused']} not"
    )
    for reason, count in reasons.most_common():
        typer.echo(f"  {count} times: {reason}")
    raise typer.Exit(1 if outcomes["partly"] or outcomes["refused"] else 0)


async def _retake(
    settings: Settings, account: str, entry: Entry, since: str, resolve: Resolve
) -> tuple[Counter[str], Counter[str]]:
    """Return how many bodies were taken, in part or not, and why not, each reason counted once a body."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    storage = Storage(settings.bootstrap_servers)
    found = await _found(settings, since, lambda one: one.account_id == account)
    await storage.start()
    try:
        for one in found:
            now = retake(one, entry, int(time.time() * 1_000), resolve)
            await storage.store(now.records)
            outcomes["taken" if not now.refusals else "partly" if now.records else "refused"] += 1
            reasons.update({str(refusal) for refusal in now.refusals})
    except NotStored as error:
        raise UserError(f"Kafka at {settings.bootstrap_servers} failed: {error}. Run it again.") from error
    finally:
        await storage.close()
    return outcomes, reasons


async def _found(settings: Settings, since: str, wanted: Callable[[Kept], bool]) -> list[Kept]:
    """Return what is kept, the oldest first. Raises UserError when no broker answers."""
    begin = moment_ms(since, int(time.time() * 1_000))
    try:
        records = whole_topic(settings.bootstrap_servers, INGRESS_DEAD_LETTERS.name, begin)
        found = [one async for record in records if wanted(one := Kept.of(record))]
    except (KafkaError, TimeoutError) as error:
        raise UserError(f"Kafka at {settings.bootstrap_servers} does not answer: {error}.") from error
    return sorted(found, key=lambda one: (one.received_at, one.partition, one.offset))


def _settings(bootstrap_servers: str | None) -> Settings:
    settings = settings_from(bootstrap_servers=bootstrap_servers)
    ensure_topics(settings)
    return settings


def _entry(path: Path, account: str) -> Entry:
    try:
        entry = load_accounts(path).accounts.get(account)
    except AccountsError as error:
        raise UserError(str(error)) from error
    if entry is None or entry.kind not in CHANNELS:
        raise UserError(f"{path} has no account {account!r} that sends to us.")
    return entry


def _described(one: Kept) -> dict[str, object]:
    """Return what is known of a body, without the body: it may hold people's data."""
    return {
        "received_at": rfc3339(one.received_at).decode(),
        "account_id": one.account_id,
        "topic": one.topic,
        "reason": one.reason,
        "message": one.message,
        "bytes": len(one.body),
        "position": f"{INGRESS_DEAD_LETTERS.name}:{one.partition}:{one.offset}",
    }
