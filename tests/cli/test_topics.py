"""`onhand topics`: what it plans, what it does, and what it leaves to a person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # documented, not listed.
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from typer.testing import CliRunner, Result

from deploy.embedded.stack import EmbeddedStack
from streams.cli.topics import app
from streams.settings import Settings
from streams.topology import all_topics
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

SECONDS = 30.0  # A broker learns of a new setting from the controller, some milliseconds later.


def run(stack: EmbeddedStack, *arguments: str) -> Result:
    """Run one command against a cluster."""
    return CliRunner().invoke(app, [*arguments, "--bootstrap-servers", stack.bootstrap_servers])


def planned(stack: EmbeddedStack) -> list[dict[str, Any]]:
    """What plan says, for machines."""
    found: list[dict[str, Any]] = json.loads(run(stack, "plan", "--json").output)
    return found


def actions(stack: EmbeddedStack) -> set[tuple[str, str]]:
    """What plan would do, by topic."""
    return {(change["topic"], change["action"]) for change in planned(stack)}


def set_retention(stack: EmbeddedStack, topic: str, milliseconds: int) -> None:
    """Change a topic's retention behind Onhand's back."""
    entry = ConfigEntry("retention.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    admin.incremental_alter_configs([resource])[resource].result()


def test_topics_are_planned_then_made_then_corrected(fresh_stack: EmbeddedStack) -> None:
    """A plan changes nothing; apply does what it says, again and again; exit codes tell whether anything is left."""
    names = {topic.name for topic in all_topics(Settings().channels)}
    assert {change["topic"] for change in planned(fresh_stack)} == names
    assert run(fresh_stack, "plan").exit_code == 1
    applied = run(fresh_stack)
    assert applied.exit_code == 0
    assert f"created {len(names)} topics" in applied.output
    assert run(fresh_stack, "plan").exit_code == 0
    set_retention(fresh_stack, "stock-sales", 1_000)
    set_retention(fresh_stack, "stock-returns", 10**15)
    differences = {("stock-sales", "correct"), ("stock-returns", "leave")}
    wait_until(lambda: actions(fresh_stack) == differences, SECONDS, "the broker to know both settings")
    corrected = run(fresh_stack, "apply")
    assert (corrected.exit_code, "corrected retention.ms of stock-sales" in corrected.output) == (0, True)
    wait_until(lambda: actions(fresh_stack) == {("stock-returns", "leave")}, SECONDS, "nothing left to do")


def test_another_number_of_partitions_is_left_to_a_person(
    fresh_cluster: Settings, fresh_stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said of every topic, nothing is changed, and the exit code tells."""
    monkeypatch.setenv("ONHAND_PARTITIONS", str(fresh_cluster.partitions + 1))
    refused = run(fresh_stack, "apply", "--json")
    changes = json.loads(refused.output)
    assert refused.exit_code == 1
    assert {(change["action"], change["setting"]) for change in changes} == {("refuse", "partitions")}
