"""`onhand channels`: the accounts at channels, checked before anything runs on them."""

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.accounts.check import PROBES, Finding, check_accounts
from connectors.accounts.model import AccountsFile
from connectors.accounts.reading import AccountsError, load_accounts
from connectors.accounts.secrets import Vault
from connectors.egress.probes import DELIVERY_PROBES
from streams.cli.catalogue import UseCatalogue
from streams.cli.kept import DEFAULT_SINCE, Since, retake_kept, show_kept
from streams.cli.overrides import BootstrapServers, settings_from

app = typer.Typer(no_args_is_help=True, help="Accounts at channels: check them, and describe their file.")

Accounts = Annotated[
    Path,
    typer.Option(
        "--accounts", envvar="ONHAND_ACCOUNTS", help="The file of channel accounts (connectors/accounts)."
    ),
]
DEFAULT_FILE = Path("accounts.toml")


@app.command("check")
def check(
    accounts: Accounts = DEFAULT_FILE,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no channel.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON.")] = False,
) -> None:
    """
    Try every account: its secrets, its mappings, its channel. Exit code 1 if anything is wrong.

    Secrets are looked for where the file says, and never shown. Nothing is written anywhere.
    """
    try:
        file = load_accounts(accounts)
    except AccountsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    vault = Vault(os.environ, accounts.parent)
    probes = {} if offline else {**PROBES, **DELIVERY_PROBES}
    findings = asyncio.run(check_accounts(file, settings_from().channels, vault, probes))
    wrong = [finding for finding in findings if not finding.is_ok]
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        Console().print(_table(file, findings))
        typer.echo(_summary(file, wrong))
    raise typer.Exit(1 if wrong else 0)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of the accounts file, for editors that complete and check TOML."""
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | AccountsFile.model_json_schema()
    typer.echo(json.dumps(described, indent=2))


@app.command("kept")
def kept(
    account: Annotated[str | None, typer.Option("--account", help="Only this account's.")] = None,
    since: Since = DEFAULT_SINCE,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """List bodies that could not be taken, with each field and reason; never the bodies: they may name people."""
    show_kept(account, since, bootstrap_servers, as_json=as_json)


@app.command("retake")
def retake(
    account: Annotated[str, typer.Option("--account", help="Whose bodies.")],
    accounts: Accounts = DEFAULT_FILE,
    since: Since = DEFAULT_SINCE,
    bootstrap_servers: BootstrapServers = None,
    catalogue: UseCatalogue = None,
) -> None:
    """
    Take an account's kept bodies again, once its mappings are mended. Exit code 1 if some still can't be taken.

    Harmless to repeat: what was taken before keeps its ids and counts once.
    """
    retake_kept(accounts, account, since, bootstrap_servers, catalogue)


def _table(file: AccountsFile, findings: list[Finding]) -> Table:
    table = Table("account", "kind", "directions", "checked", "result")
    shown = ""
    for finding in findings:
        entry = file.accounts[finding.account_id]
        first = finding.account_id != shown
        shown = finding.account_id
        head = (shown, entry.kind, ", ".join(entry.directions)) if first else ("", "", "")
        result = "[green]ok[/green]" if finding.is_ok else f"[red]{escape(finding.problem)}[/red]"
        table.add_row(*head, escape(finding.subject), result)
    return table


def _summary(file: AccountsFile, wrong: list[Finding]) -> str:
    accounts = f"{len(file.accounts)} account{'s' if len(file.accounts) != 1 else ''}"
    return f"{accounts}: all is well" if not wrong else f"{accounts}: {len(wrong)} to mend"
