"""Prometheus itself accepts our rules, and each alert fires when it should and is silent when it should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.prometheus.targets import targets_of
from tests.house.project import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")
RUN_SECONDS = 60
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def promtool(*arguments: str | Path) -> str:
    """Run promtool and return what it says; fails the test if it finds fault."""
    assert PROMTOOL is not None
    answer = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=RUN_SECONDS)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@needs_promtool
def test_configuration_and_rules_are_valid() -> None:
    """The scrape configuration finds the rule files, and Prometheus can parse them."""
    assert "2 rule files found" in promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
@pytest.mark.parametrize("path", sorted((PROMETHEUS / "tests").glob("*.yaml")), ids=lambda path: path.stem)
def test_alerts_fire_and_fall_silent(path: Path) -> None:
    """Each alert's own story, told as series of samples."""
    assert "SUCCESS" in promtool("test", "rules", path)


def test_targets_are_what_up_says() -> None:
    """Workers and projector become targets under the jobs that the rules know."""
    urls = [f"http://127.0.0.1:{port}/metrics" for port in (1, 2, 3)]
    assert targets_of({"metrics_urls": urls, "pids": {}}) == [
        {"labels": {"job": "onhand-worker"}, "targets": ["127.0.0.1:1", "127.0.0.1:2"]},
        {"labels": {"job": "onhand-projector"}, "targets": ["127.0.0.1:3"]},
    ]
