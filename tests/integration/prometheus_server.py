"""A real Prometheus with our configuration, scraping every second so that a test need not wait long."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from deploy.embedded.ports import free_port
from deploy.embedded.process import Child, start_child
from deploy.prometheus.targets import Targets
from tests.house.project import ROOT
from tests.processes import wait_until

PROGRAM = shutil.which("prometheus")
CONFIGURATION = ROOT / "deploy" / "prometheus"
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
ASK_SECONDS = 10.0


class PrometheusServer:
    """Prometheus as deployed, but for its intervals; targets can be told it while it runs."""

    def __init__(self, directory: Path) -> None:
        assert PROGRAM is not None
        self._directory = directory
        directory.mkdir()
        port = free_port()
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=ASK_SECONDS)
        self._child: Child = start_child(
            "prometheus",
            [
                PROGRAM,
                f"--config.file={self._configuration()}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            directory / "prometheus.log",
        )

    def __enter__(self) -> Self:
        wait_until(self._answers, READY_SECONDS, "Prometheus answers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._child.stop(STOP_SECONDS)

    def watch(self, targets: Targets) -> None:
        """Scrape these from now on."""
        draft = self._directory / "draft"
        draft.write_text(json.dumps(targets), encoding="utf-8")
        draft.replace(self._directory / "targets.json")

    def values(self, expression: str) -> list[float]:
        """Return the values of an expression now, without those that are not a number."""
        data = self._get("query", query=expression)["result"]
        values = [float(sample["value"][1]) for sample in data]
        return [value for value in values if not math.isnan(value)]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = self._get("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def broken_rules(self) -> dict[str, str]:
        """Return the rules that can't be evaluated, with the reason."""
        rules = [rule for group in self._get("rules")["groups"] for rule in group["rules"]]
        return {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")}

    def _configuration(self) -> Path:
        """Write the deployed configuration with short intervals and paths of this test."""
        configuration = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text("utf-8"))
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["rule_files"] = [str(CONFIGURATION / "rules" / "*.yaml")]
        found = {"files": [str(self._directory / "targets.json")], "refresh_interval": "1s"}
        configuration["scrape_configs"][0]["file_sd_configs"] = [found]
        path = self._directory / "prometheus.yml"
        path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        return path

    def _answers(self) -> bool:
        code = self._child.exit_code()
        assert code is None, f"Prometheus ended with {code}: {self._child.log_tail(20)}"
        try:
            return self._client.get("/status/buildinfo").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = self._client.get(path, params=parameters)
        assert answer.status_code == httpx.codes.OK, (parameters, answer.text)
        data: dict[str, Any] = answer.json()["data"]
        return data
