"""`onhand items` and `onhand replay file --catalogue` as a person runs them, against a real Kafka and worker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from connectors.items import client
from connectors.items.client import Catalogue, CatalogueUnavailable
from connectors.items.identifiers import Meaning
from deploy.embedded.stack import EmbeddedStack
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.processes import ONHAND, wait_until

TIMEOUT_SECONDS = 60.0
IN_FORCE_SECONDS = 20.0  # It takes some milliseconds, on a machine that is not busy.
CASE_GTIN = "15901234123454"
ITEMS = f"""sku,name,category,gtins,aliases,units,components
MUG,Mug,kitchen/mugs,5901234123457,TASSE,case=12={CASE_GTIN},
SPOON,Spoon,kitchen,,,,
GIFT-SET,Gift set,gifts,,,,MUG=1;SPOON=2
PLATE,,,1234,,,
"""
SALES = f"""id,article,quantity,at
1,{CASE_GTIN},2,2026-07-01
2,TASSE,1,2026-07-01
3,STRANGER,1,2026-07-01
"""
MAPPING = """source_id = "till"
event_id = { template = "{id}" }
[fields]
sku = { column = "article" }
location_id = { constant = "store" }
quantity = { column = "quantity" }
occurred_at = { column = "at" }
[[events]]
record = "SaleRecorded"
"""


def run(folder: Path, settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command against the cluster, and return how it ended."""
    return subprocess.run(
        [str(ONHAND), *arguments, "--bootstrap-servers", settings.bootstrap_servers],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_items_are_imported_shown_and_mean_something_to_a_replay(
    fresh_cluster: Settings, run_worker: RunOnhand, tmp_path: Path
) -> None:
    """From a file of items to sales of SKUs: a case is twelve, an alias is its SKU, a stranger is rejected."""
    run_worker(fresh_cluster)
    for name, text in (("items.csv", ITEMS), ("sales.csv", SALES), ("till.toml", MAPPING)):
        (tmp_path / name).write_text(text, "utf-8")
    ask = partial(run, tmp_path, fresh_cluster)
    with Catalogue(fresh_cluster.bootstrap_servers, clock=iter(range(1_000_000)).__next__) as catalogue:
        imported = ask("items", "import", "items.csv", "--source", "pim", "--json")
        assert imported.returncode == 1, imported.stderr
        assert json.loads(imported.stdout)["events"] == {"ItemDescribed": 3}
        assert "1 rows were rejected" in imported.stderr
        reject = json.loads((tmp_path / "items.csv.rejects.jsonl").read_text())
        assert (reject["line"], "no GTIN" in reject["reason"]) == (5, True)
        # A reader that was there before keeps up.
        wait_until(
            lambda: (
                catalogue.resolve({"sku": "TASSE", "quantity": 1})["sku"] == "MUG"
                and len(catalogue.identifiers) == 3
            ),
            IN_FORCE_SECONDS,
            "items in force",
        )
        assert catalogue.identifiers.meaning(CASE_GTIN) == Meaning("MUG", 12)

    shown = ask("items", "show", CASE_GTIN, "--json")
    assert shown.returncode == 0, shown.stderr
    item = json.loads(shown.stdout)
    assert (item["sku"], item["quantity"]) == ("MUG", 12)
    assert item["units"] == [{"unit": "case", "units": 12, "gtin": CASE_GTIN}]
    assert "stands for 12 of SKU MUG" in ask("items", "show", CASE_GTIN).stdout
    unknown = ask("items", "show", "STRANGER")
    assert (unknown.returncode, "no SKU, alias or GTIN" in unknown.stderr) == (1, True)

    listed = ask("items", "list", "--category", "kitchen", "--json").stdout.splitlines()
    assert [json.loads(line)["sku"] for line in listed] == ["MUG", "SPOON"]
    (only,) = ask("items", "list", "--bundles", "--json").stdout.splitlines()
    assert json.loads(only)["sku"] == "GIFT-SET"

    replayed = ask("replay", "file", "sales.csv", "--mapping", "till.toml", "--catalogue", "strict", "--json")
    assert replayed.returncode == 1, replayed.stderr
    assert json.loads(replayed.stdout)["events"] == {"SaleRecorded": 2}
    rejected = json.loads((tmp_path / "sales.csv.rejects.jsonl").read_text())
    assert (rejected["line"], "STRANGER" in rejected["reason"]) == (4, True)
    wait_until(
        lambda: "2 movements of MUG" in ask("ledger", "MUG").stderr, IN_FORCE_SECONDS, "sales in the ledger"
    )
    assert "store -25" in ask("ledger", "MUG").stderr


@pytest.mark.kafka
def test_a_cluster_without_topics_is_told_in_one_sentence(fresh_stack: EmbeddedStack) -> None:
    """No traceback, and what to do."""
    with (
        pytest.raises(CatalogueUnavailable, match="onhand topics"),
        Catalogue(fresh_stack.bootstrap_servers),
    ):
        pass


def test_a_missing_broker_is_told_in_one_sentence(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same."""
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)
    with (
        pytest.raises(CatalogueUnavailable, match="No Kafka broker answers"),
        Catalogue(f"127.0.0.1:{free_port()}"),
    ):
        pass
