"""
Tell Prometheus where the processes of an `onhand up` are: its line of JSON in, a file of targets out.

    python -m deploy.prometheus.targets < data/onhand.json > deploy/prometheus/targets/up.json
"""

import json
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

Targets = list[dict[str, Any]]

WORKER, PROJECTOR, DELIVER = "onhand-worker", "onhand-projector", "onhand-deliver"
INGRESS = "onhand-ingress"
"""Job names: the rules know Onhand's processes by them."""


def targets_of(description: Mapping[str, Any]) -> Targets:
    """Return Prometheus's file_sd form of what `onhand up` says; its workers come first, then the projector."""
    *workers, projector = (urlsplit(url).netloc for url in description["metrics_urls"])
    return [of_job(WORKER, *workers), of_job(PROJECTOR, projector)]


def of_job(job: str, *addresses: str) -> dict[str, Any]:
    """Return the targets of one kind of process; addresses are host:port."""
    return {"labels": {"job": job}, "targets": list(addresses)}


def main() -> None:
    """Read a description from standard input and write targets to standard output."""
    json.dump(targets_of(json.load(sys.stdin)), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
