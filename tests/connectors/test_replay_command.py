"""`onhand replay` as a user runs it, against a real Kafka."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from tests.connectors.test_online_retail import two_months

ONHAND = Path(sys.executable).with_name("onhand")
TIMEOUT_SECONDS = 60.0


def command(folder: Path, servers: str, *arguments: str) -> list[str]:
    """Return the command line of a replay of two small months."""
    files = [path.name for path in two_months(folder)]
    return [str(ONHAND), "replay", "online-retail", *files, "--bootstrap-servers", servers, *arguments]


def run(folder: Path, servers: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Replay, and return how it ended."""
    return subprocess.run(
        command(folder, servers, *arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.kafka
def test_a_replay_says_what_it_did_and_keeps_what_it_rejected(cluster: Settings, tmp_path: Path) -> None:
    """Counts as JSON on standard output, rejects in a file, and an exit code that a script notices."""
    ended = run(tmp_path, cluster.bootstrap_servers, "--opening-stock", "500", "--json")
    assert ended.returncode == 1, ended.stderr
    summary: dict[str, Any] = json.loads(ended.stdout)
    assert summary["events"] == {
        "GoodsReceived": 6,
        "SaleRecorded": 5,
        "ReturnReceived": 1,
        "StockAdjusted": 1,
    }
    assert (summary["events_total"], summary["rejected"], summary["stopped"]) == (13, 3, False)
    assert sum(summary["ignored"].values()) == 3
    assert "3 rows were rejected; see 2010-12.csv.rejects.jsonl for why." in ended.stderr
    rejects = [json.loads(line) for line in (tmp_path / "2010-12.csv.rejects.jsonl").read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [8, 3, 4]
    assert rejects[0]["reason"] == "Quantity 'zero' is no whole number"
    assert run(tmp_path, cluster.bootstrap_servers, "--allow-rejects").returncode == 0


@pytest.mark.kafka
def test_a_signal_stores_what_was_published_and_ends_the_replay(cluster: Settings, tmp_path: Path) -> None:
    """At one event in a hundred seconds, a stop does not wait for the next."""
    arguments = command(
        tmp_path, cluster.bootstrap_servers, "--rate", "0.01", "--json", "--rejects", "rejects"
    )
    process = subprocess.Popen(
        arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        assert "Replaying online-retail" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 130
    summary = json.loads(output)
    assert summary["stopped"]
    assert summary["events_total"] <= 1


def test_mistakes_are_one_sentence_each(tmp_path: Path) -> None:
    """No traceback, exit code 2."""
    for arguments, sentence in (
        (["online-retail", "nowhere.csv"], "onhand: There is no file nowhere.csv.\n"),
        (
            ["file", "nowhere.csv", "--mapping", "nowhere.toml"],
            "onhand: Cannot read the mapping nowhere.toml: No such file or directory.\n",
        ),
    ):
        ended = subprocess.run(
            [str(ONHAND), "replay", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert (ended.returncode, ended.stderr) == (2, sentence)
