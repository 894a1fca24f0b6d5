"""`onhand channels`: what is wrong with accounts is found before anything runs on them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.accounts.check import Finding, Tried, check_accounts
from connectors.accounts.reading import load_accounts, parse_accounts
from connectors.accounts.secrets import Vault
from tests.house.project import ROOT
from tests.processes import ONHAND

EXAMPLE = ROOT / "connectors/accounts/examples/accounts.toml"
CHANNELS = ("marketplace", "pos", "web")
SECRETS = {
    "SHOPIFY_SECRET": "a",
    "SHOPIFY_TOKEN": "t",
    "WOOCOMMERCE_SECRET": "b",
    "SQUARE_SIGNATURE_KEY": "c",
    "SQUARE_TOKEN": "d",
    "AMAZON_BEARER": "e",
    "SUPPLIER_TOKEN": "f",
    "ERP_WEBHOOK_SECRET": "whsec_c2VjcmV0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the example refers to."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shopify-old").write_text("g", "utf-8")
    (tmp_path / "secrets" / "warehouse").write_text("h", "utf-8")
    return tmp_path


async def wrong(text: str, vault: Vault) -> list[tuple[str, str]]:
    """Subject and problem of what is wrong with a file."""
    findings = await check_accounts(parse_accounts(text), CHANNELS, vault, {})
    return [(finding.subject, finding.problem) for finding in findings if not finding.is_ok]


async def test_the_example_is_well_where_its_secrets_are(folder: Path) -> None:
    """Every account of it, in the file's order."""
    findings = await check_accounts(load_accounts(EXAMPLE), CHANNELS, Vault(SECRETS, folder), {})
    assert [finding for finding in findings if not finding.is_ok] == []
    assert list(dict.fromkeys(finding.account_id for finding in findings)) == list(
        load_accounts(EXAMPLE).accounts
    )


async def test_each_secret_that_is_missing_is_named(folder: Path) -> None:
    """By its place in the file, never by what it is."""
    vault = Vault({**SECRETS, "SQUARE_TOKEN": ""}, folder)
    (folder / "secrets" / "warehouse").unlink()
    findings = await check_accounts(load_accounts(EXAMPLE), CHANNELS, vault, {})
    assert [finding for finding in findings if not finding.is_ok] == [
        Finding("till", "api.token = env:SQUARE_TOKEN", "env:SQUARE_TOKEN is not set, or empty"),
        Finding(
            "warehouse",
            "secrets[0] = file:secrets/warehouse",
            "file:secrets/warehouse can't be read: No such file or directory",
        ),
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('kind = "shopify"\nchannel_id = "fax"\ndefault_location_id = "a"', "no channel of ONHAND_CHANNELS"),
        ('kind = "x12"', "set default_location_id or [locations]"),
        ('kind = "woocommerce"\nlocations = { a = "b" }', "set default_location_id: orders that name no location"),
        ('kind = "x12"\ndefault_location_id = "a"\nskus_closed = true', "set [skus]"),
        ('kind = "amazon"\ndefault_location_id = "a"\npack_sizes = { A = 2 }', "a case would be one unit"),
        (
            'kind = "x12"\ndefault_location_id = "a"\nskus = { B = "B" }\nskus_closed = true\npack_sizes = { A = 2 }',
            "pack_sizes has A, which skus does not have",
        ),
        ('kind = "standard_webhooks"\ndefault_location_id = "a"', "is base64"),
    ],
)  # fmt: skip
async def test_what_would_refuse_every_body_is_found(tmp_path: Path, keys: str, expected: str) -> None:
    """Before the first body comes."""
    vault = Vault({"A": "x"}, tmp_path)
    ((_, problem),) = await wrong(f'[accounts.one]\nsecrets = ["env:A"]\n{keys}\n', vault)
    assert expected in problem


async def test_a_channel_is_asked_only_when_all_else_is_right(tmp_path: Path) -> None:
    """A probe without its token could only fail."""
    asked: list[str] = []

    async def probe(tried: Tried) -> list[Finding]:
        asked.append(tried.account_id)
        return [tried.finding("token", "the channel does not know it")]

    text = "\n".join(
        f'[accounts.{name}]\nkind = "x12"\ndefault_location_id = "a"\nsecrets = ["env:{name.upper()}"]'
        for name in ("good", "bad")
    )
    findings = await check_accounts(
        parse_accounts(text), CHANNELS, Vault({"GOOD": "x"}, tmp_path), {"x12": probe}
    )
    assert asked == ["good"]
    assert Finding("good", "token", "the channel does not know it") in findings


def onhand(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `onhand channels …`."""
    command = [str(ONHAND), "channels", *arguments]
    kept = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=kept | environment, check=False)


def test_the_command_ends_with_1_when_something_is_wrong(folder: Path) -> None:
    """And with 0 when all is well; as a table, or as JSON."""
    path = folder / "accounts.toml"
    path.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    good = onhand("check", "--accounts", str(path), "--offline", environment=SECRETS)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith("8 accounts: all is well\n")
    bad = onhand("check", "--accounts", str(path), "--offline", "--json", environment={})
    assert bad.returncode == 1
    assert {"account_id": "shop", "subject": "secrets[0] = env:SHOPIFY_SECRET"}.items() <= json.loads(
        bad.stdout
    )[0].items()


def test_the_command_ends_with_1_when_the_file_is_wrong(tmp_path: Path) -> None:
    """And says where."""
    path = tmp_path / "accounts.toml"
    path.write_text('[accounts.a]\nkind = "fax"\n', "utf-8")
    found = onhand("check", "--accounts", str(path), environment={})
    assert found.returncode == 1
    assert "line 2: accounts.a.kind: write one of" in found.stderr


def test_the_schema_is_printed_for_editors() -> None:
    """Valid JSON, of the draft that it names."""
    found = onhand("schema", environment={})
    assert found.returncode == 0
    assert json.loads(found.stdout)["$schema"].endswith("2020-12/schema")


async def test_what_only_goes_out_needs_no_mapping_of_what_comes_in(tmp_path: Path) -> None:
    """A till that is only told finds its items by SKU, and shows whole packs."""
    text = """
        [accounts.till]
        kind = "square"
        directions = ["out"]
        channel_id = "pos"
        api = { token = "env:TOKEN" }
        delivery = { location = "L1" }
        pack_sizes = { CASE = 12 }
    """
    assert await wrong(text, Vault({"TOKEN": "x"}, tmp_path)) == []
