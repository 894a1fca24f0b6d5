"""The Kubernetes manifests: valid by Kubernetes' own schemas, consistent, and of pods that a strict cluster takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from streams.cli.main import NAMES
from streams.settings import Settings
from tests.house.project import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")  # The oldest that we look after, and the newest whose schemas there are.
FOREIGN = {"keda.sh/v1alpha1", "kustomize.config.k8s.io/v1beta1"}  # Not Kubernetes' own, so it has no schema.
OF_COMMANDS = {"ONHAND_INGRESS_HOST", "ONHAND_INGRESS_PORT", "ONHAND_REGISTRY_HOST", "ONHAND_REGISTRY_PORT"}

Manifest = dict[str, Any]


def read(path: Path) -> list[Manifest]:
    """All documents of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def base() -> list[Manifest]:
    """Every manifest that the Kustomize base names."""
    (kustomization,) = read(FOLDER / "kustomization.yaml")
    return [manifest for name in kustomization["resources"] for manifest in read(FOLDER / name)]


def everything() -> list[Manifest]:
    """The base and the examples."""
    return [*base(), *(manifest for path in (FOLDER / "examples").glob("*.yaml") for manifest in read(path))]


def pods() -> Iterator[tuple[str, Manifest]]:
    """Each pod's name and template."""
    for manifest in everything():
        template = manifest.get("spec", {}).get("template")
        if template is not None:
            yield manifest["metadata"]["name"], template


def title(manifest: Manifest) -> str:
    """What a failing test is called after."""
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest", [one for one in everything() if one["apiVersion"] not in FOREIGN], ids=title
)
def test_manifest_is_valid(manifest: Manifest, version: str) -> None:
    """Strictly: a misspelt field is found."""
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    """The check is not one that everything passes."""
    worker = next(one for one in base() if one["kind"] == "StatefulSet")
    worker["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker, VERSIONS[0], strict=True)


def test_the_base_names_every_file() -> None:
    """What is not named is not applied."""
    (kustomization,) = read(FOLDER / "kustomization.yaml")
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


@pytest.mark.parametrize(("name", "template"), list(pods()))
def test_pod_is_one_that_a_strict_cluster_takes(name: str, template: Manifest) -> None:
    """Not root, nothing writable, no rights, bounded memory, probed, and no Service's variables among its settings."""
    spec = template["spec"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    for container in spec["containers"]:
        secured = container["securityContext"]
        assert (secured["readOnlyRootFilesystem"], secured["allowPrivilegeEscalation"]) == (True, False)
        assert secured["capabilities"]["drop"] == ["ALL"]
        assert {"requests", "limits"} <= container["resources"].keys()
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in ports, name


@pytest.mark.parametrize(("name", "template"), list(pods()))
def test_pod_runs_a_command_that_there_is(name: str, template: Manifest) -> None:
    """With settings that there are."""
    (container,) = template["spec"]["containers"]
    assert container["args"][0] in NAMES, name
    settings = {f"ONHAND_{field.upper()}" for field in Settings.model_fields} | OF_COMMANDS
    assert {entry["name"] for entry in container.get("env", ())} <= settings


def test_settings_are_settings_and_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings as every process would read them."""
    (config,) = (one for one in base() if one["kind"] == "ConfigMap")
    assert {name.removeprefix("ONHAND_").lower() for name in config["data"]} <= Settings.model_fields.keys()
    for name, value in config["data"].items():
        monkeypatch.setenv(name, value)
    assert Settings().partitions == int(config["data"]["ONHAND_PARTITIONS"])


def test_every_selector_finds_pods() -> None:
    """Services, budgets and policies that select nothing protect nothing."""
    labels = [template["metadata"]["labels"] for _, template in pods()]
    for manifest in everything():
        spec = manifest.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector") or {}
        wanted = selector.get("matchLabels", selector)
        assert any(wanted.items() <= found.items() for found in labels), title(manifest)
