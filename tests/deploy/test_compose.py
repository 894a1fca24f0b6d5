"""The Compose file: valid by the specification's own schema, and saying what the code and the rules say."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from streams.cli.main import NAMES
from streams.settings import Settings
from tests.house.project import ROOT

FOLDER = ROOT / "deploy"
SPECIFICATION = Path(__file__).with_name("compose-spec.schema.json.gz")
OF_COMMANDS = {"ONHAND_INGRESS_HOST", "ONHAND_REGISTRY_HOST"}
METRICS_PORT = 9100

Service = dict[str, Any]


@pytest.fixture
def compose() -> dict[str, Any]:
    """The file, with its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def ours(compose: dict[str, Any]) -> dict[str, Service]:
    """The services that run Onhand's image."""
    return {name: one for name, one in compose["services"].items() if "ONHAND_IMAGE" in one["image"]}


def test_the_file_is_valid(compose: dict[str, Any]) -> None:
    """By the specification's own schema, which finds a misspelt key."""
    validator = jsonschema.Draft7Validator(json.loads(gzip.decompress(SPECIFICATION.read_bytes())))
    assert [error.message for error in validator.iter_errors(compose)] == []
    compose["services"]["redis"]["imgae"] = "redis"
    assert not validator.is_valid(compose)


def test_services_run_commands_that_there_are_with_settings_that_there_are(
    ours: dict[str, Service],
) -> None:
    """A container that can't start says so only on the machine of whoever tries it."""
    settings = {f"ONHAND_{field.upper()}" for field in Settings.model_fields} | OF_COMMANDS
    for name, service in ours.items():
        assert service["command"][0] in NAMES, name
        assert service["environment"].keys() <= settings, name


def test_every_process_has_a_name_of_its_own(ours: dict[str, Service]) -> None:
    """No two workers may run under one."""
    names = [service["environment"].get("ONHAND_WORKER_ID") for service in ours.values()]
    named = [name for name in names if name is not None]
    assert len(set(named)) == len(named) == 3


def test_any_one_broker_may_be_stopped(compose: dict[str, Any]) -> None:
    """Three replicas of everything, and two must acknowledge."""
    brokers = [one for name, one in compose["services"].items() if name.startswith("kafka-")]
    assert len({broker["environment"]["KAFKA_NODE_ID"] for broker in brokers}) == 3
    for broker in brokers:
        settings = broker["environment"]
        assert settings["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"] == 3
        assert settings["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == settings["KAFKA_MIN_INSYNC_REPLICAS"] == 2


def test_prometheus_is_told_where_the_processes_are(ours: dict[str, Service]) -> None:
    """Every target is a service, on the port that it serves."""
    groups = json.loads((FOLDER / "compose" / "targets" / "compose.json").read_text(encoding="utf-8"))
    targets = [target.split(":") for group in groups for target in group["targets"]]
    assert {name for name, _ in targets} == ours.keys() - {"topics", "registry", "ingress"}
    for name, port in targets:
        assert int(port) == ours[name]["environment"]["ONHAND_METRICS_PORT"] == METRICS_PORT


def test_nothing_listens_beyond_this_machine(compose: dict[str, Any]) -> None:
    """Brokers and Redis take no passwords here."""
    published = [port for one in compose["services"].values() for port in one.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    """A folder that is missing would be made, empty, by the engine."""
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith(("./", "../")):
                assert (FOLDER / source).exists(), volume
