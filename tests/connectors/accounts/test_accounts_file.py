"""The accounts file: what it becomes, and how it says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from connectors.accounts.lines import line_of
from connectors.accounts.model import KINDS, AccountsFile, AnyAccount, SquareAccount
from connectors.accounts.reading import AccountsError, load_accounts, parse_accounts
from connectors.accounts.secrets import LiteralSecret, MissingSecret, SecretReference
from connectors.translation import Account
from tests.house.project import ROOT

EXAMPLE = ROOT / "connectors/accounts/examples/accounts.toml"
SHOP = '[accounts.shop]\nkind = "shopify"\nsecrets = ["env:SHOP"]\n'


def problems(text: str) -> tuple[str, ...]:
    """What is wrong with a file."""
    with pytest.raises(AccountsError) as caught:
        parse_accounts(text)
    return caught.value.problems


def test_the_example_becomes_what_translators_need() -> None:
    """Each of its accounts, with its own mappings."""
    accounts = load_accounts(EXAMPLE).accounts
    assert accounts["shop"].account("shop") == Account(
        "shop",
        "shopify-shop",
        "web",
        locations={"41": "dc-leeds", "42": "store-london"},
        default_location_id="dc-leeds",
        skus={"2001": "MUG-BLUE"},
        time_zone=ZoneInfo("UTC"),
        delivers=True,
        delivers_to="41",
    )
    assert accounts["warehouse"].account("warehouse").orders_of == "shop"
    assert accounts["warehouse"].account("warehouse").source_id == "warehouse"
    assert accounts["supplier"].account("supplier").time_zone == ZoneInfo("America/Chicago")
    till = accounts["till"]
    assert isinstance(till, SquareAccount)
    assert dict(till.references()) == {
        "secrets[0]": SecretReference("env", "SQUARE_SIGNATURE_KEY"),
        "api.token": SecretReference("env", "SQUARE_TOKEN"),
    }


def test_kinds_are_those_that_have_a_model() -> None:
    """So that the message which lists them is right."""
    models = get_args(get_args(AnyAccount)[0])
    assert tuple(get_args(model.model_fields["kind"].annotation)[0] for model in models) == KINDS


def test_every_mistake_is_named_at_once_with_its_line() -> None:
    """And what to write instead."""
    text = SHOP + 'colour = "red"\n\n[accounts.shop.skus]\n"1" = " "\n\n[accounts.x]\nkind = "fax"\n'
    sku, colour, kind = problems(text)
    assert sku == "line 7: accounts.shop.skus.1: no SKU: SKU is empty"
    assert colour == "line 4: accounts.shop.colour: there is no such key here"
    assert kind.startswith("line 10: accounts.x.kind: write one of shopify, woocommerce")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('secrets = ["hunter2"]', "secrets[0]: a secret is never written here"),
        ('secrets = ["env:"]', "secrets[0]: a secret is never written here"),
        ("", "direction 'in' needs secrets"),
        ('secrets = ["env:A"]\ndirections = ["out"]', "direction 'out' needs channel_id"),
        ('secrets = ["env:A"]\ndirections = ["up"]', "directions[0]: Input should be 'in' or 'out'"),
        ('secrets = ["env:A"]\ntime_zone = "Bonn"', "time_zone: there is no time zone 'Bonn'"),
        ('secrets = ["env:A"]\nreturned_as = "LOST"', "returned_as: none of SELLABLE, "),
        ('secrets = ["env:A"]\nlimits = { body_bytes = 9_000_000 }', "limits.body_bytes: Input should be less"),
        ('secrets = ["env:A"]\norders_of = "nobody"', "orders_of: there is no account nobody"),
        ('secrets = ["env:A"]\nchannel_id = "Web"', "channel_id: String should match pattern"),
        ('secrets = ["env:A"]\napi = { base_url = "https://a:b@c.example", token = "env:T" }', "api.base_url: no ad"),
        ('secrets = ["env:A"]\napi = { base_url = "https://c.example" }', "api.token: missing: add it"),
    ],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_refused(keys: str, expected: str) -> None:
    """With its line, its name, and what it takes."""
    (problem,) = problems(f'[accounts.shop]\nkind = "shopify"\n{keys}\n')
    assert expected in problem
    assert problem.startswith("line ")


def test_a_literal_secret_is_never_repeated() -> None:
    """The message goes to terminals and logs."""
    api = 'api = { base_url = "https://a.example", token = "hunter3" }'
    found = problems(f'[accounts.shop]\nkind = "shopify"\nsecrets = ["hunter2"]\n{api}\n')
    assert len(found) == 2
    assert "hunter" not in "\n".join(found)


def test_two_accounts_never_share_a_source() -> None:
    """One's events would pass for the other's (semantics 2)."""
    other = '[accounts.second]\nkind = "x12"\nsecrets = ["env:B"]\nsource_id = "shop"\n'
    (problem,) = problems(SHOP + other)
    assert problem.startswith("line 7: accounts.second.source_id: shop is that of account shop too")


def test_square_needs_what_its_signature_and_its_events_need() -> None:
    """The address that it signs, and a token to fetch what it only names."""
    base = '[accounts.till]\nkind = "square"\nsecrets = ["env:A"]\n'
    assert "notification_url" in problems(base)[0]
    assert "[api]" in problems(base + 'notification_url = "https://a.example/in/till"\n')[0]


@pytest.mark.parametrize("account_id", ["Shop", "a:b", "a/b", "-a", ""])
def test_an_account_id_fits_an_address_and_a_key(account_id: str) -> None:
    """Lower-case letters, digits, dashes; no colon, which would let two orders share a key."""
    assert problems(f'[accounts."{account_id}"]\nkind = "x12"\nsecrets = ["env:A"]\n')


def test_what_is_no_toml_is_said_with_the_place(tmp_path: Path) -> None:
    """And a file that is not there, with its name."""
    assert "line 1" in problems("[accounts\n")[0]
    with pytest.raises(AccountsError, match=r"Cannot read the accounts file .*nowhere.toml"):
        load_accounts(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a", "b"), 1),
        (("a", "b", "x"), 2),
        (("a", "b", "x", 0), 2),
        (("a", "b", "k=v"), 5),
        (("a", "b", "missing"), 1),
        (("a", "c", "d", "e"), 7),
        (("z",), None),
    ],
)
def test_lines_are_found_by_keys(path: tuple[str | int, ...], line: int | None) -> None:
    """The key's own, else that of the innermost table around it."""
    text = '[a.b]\nx = [\n  "y = 1",\n]\n"k=v" = 1\n[a.c]\nd.e = 2\n'
    assert line_of(text, path) == line


def test_a_secret_is_read_where_its_reference_points(tmp_path: Path) -> None:
    """From the environment, or a file seen from the folder, without the line end that editors add."""
    (tmp_path / "key").write_text("from-file\n", "utf-8")
    assert SecretReference.parse("env:KEY").resolve({"KEY": " from-env "}, tmp_path) == "from-env"
    assert SecretReference.parse("file:key").resolve({}, tmp_path) == "from-file"
    assert SecretReference.parse(f"file:{tmp_path}/key").resolve({}, Path("elsewhere")) == "from-file"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("env:KEY", "env:KEY is not set"),
        ("file:gone", "file:gone can't be read: No such file"),
        ("file:blank", "file:blank is empty"),
        ("file:long", "longer than 65536 bytes"),
        ("file:bytes", "no UTF-8"),
    ],
)
def test_a_secret_that_is_not_there_says_so(tmp_path: Path, reference: str, expected: str) -> None:
    """By the name of its reference."""
    (tmp_path / "blank").write_text(" \n", "utf-8")
    (tmp_path / "long").write_text("x" * 70_000, "utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(MissingSecret, match=expected):
        SecretReference.parse(reference).resolve({}, tmp_path)


def test_a_reference_has_one_of_two_forms() -> None:
    """Anything else might be the secret itself."""
    for text in ("", "KEY", "env:1KEY", "env:A B", "file:", "file: x", "vault:x"):
        with pytest.raises(LiteralSecret):
            SecretReference.parse(text)


def test_the_schema_for_editors_knows_what_the_file_knows() -> None:
    """A key of each kind, and the form of references."""
    described = AccountsFile.model_json_schema()["$defs"]
    assert "notification_url" in described["SquareAccount"]["properties"]
    assert described["ShopifyAccount"]["properties"]["secrets"]["items"]["pattern"].startswith("^(env:")
    assert described["ShopifyAccount"]["additionalProperties"] is False
