"""`onhand doctor` against a real Kafka and Redis: whole, without workers, and away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.embedded.stack import EmbeddedStack
from streams.cli.doctor import doctor
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.processes import wait_until

app = typer.Typer()
app.command()(doctor)


def look(settings: Settings, *arguments: str) -> Result:
    """Have the doctor look at an installation."""
    servers = ["--bootstrap-servers", settings.bootstrap_servers, "--redis-url", settings.redis_url]
    return CliRunner().invoke(app, [*servers, *arguments])


def verdicts(result: Result) -> dict[str, str]:
    """Verdict by area."""
    return {finding["area"]: finding["verdict"] for finding in json.loads(result.output)}


@pytest.mark.kafka
def test_a_running_installation_is_found_well_and_a_stopped_one_is_told(
    fresh_cluster: Settings, run_worker: RunOnhand, run_onhand: RunOnhand, tmp_path: Path
) -> None:
    """Everything is looked at; without workers stock stands still, which is said and no failure."""
    worker = run_worker(fresh_cluster)
    projector = run_onhand("projector", fresh_cluster).wait_ready()
    result = look(fresh_cluster, "--json", "--data-dir", str(tmp_path))
    assert result.exit_code == 0, result.output
    found = verdicts(result)
    assert found.keys() == {"brokers", "topics", "workers", "clock", "read view", "disk"}
    assert {found[area] for area in found.keys() - {"disk"}} == {"ok"}
    projector.stop()
    worker.stop()
    # A static member keeps its place until its session has ended.
    wait_until(
        lambda: verdicts(look(fresh_cluster, "--json"))["workers"] == "warning", 30.0, "no worker to be left"
    )
    assert look(fresh_cluster).exit_code == 0


@pytest.mark.kafka
def test_missing_topics_fail_with_the_command_that_makes_them(fresh_stack: EmbeddedStack) -> None:
    """A person reads what to do in the table itself."""
    settings = Settings(bootstrap_servers=fresh_stack.bootstrap_servers, redis_url=fresh_stack.redis_url)
    assert verdicts(look(settings, "--json"))["topics"] == "failure"
    shown = look(settings)
    assert shown.exit_code == 1
    assert "onhand topics apply" in " ".join(shown.output.split())


def test_an_installation_that_is_away_is_two_failures() -> None:
    """Each with its address."""
    nowhere = Settings(bootstrap_servers="127.0.0.1:1", redis_url="redis://127.0.0.1:1/0")
    result = look(nowhere, "--json")
    assert result.exit_code == 1
    assert verdicts(result) == {"cluster": "failure", "read view": "failure"}
    assert result.output.count("127.0.0.1:1") >= 2
