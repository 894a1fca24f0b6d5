"""Formats a new broker's storage: Kafka refuses to start on a directory without a cluster id."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path

from deploy.embedded.errors import ComponentError
from deploy.embedded.process import start_child

# Writing two small files takes a second or two of Java's start time; this is a loaded machine's worst.
FORMAT_TIMEOUT_SECONDS = 60.0


def format_storage(directory: Path, java: str, classpath: str, log_directory: Path) -> None:
    """
    Format `directory/data` by its `server.properties`, unless that was done before.

    Raises ComponentError when Kafka's own tool fails.
    """
    if (directory / "data" / "meta.properties").exists():
        return
    command = [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool"]
    command += ["format", "--cluster-id", _cluster_id(), "--config", "server.properties"]
    child = start_child("kafka-format", command, log_directory / "kafka-format.out", directory=directory)
    if child.wait(FORMAT_TIMEOUT_SECONDS) != 0:
        said = (child.log_tail() or ["it said nothing"])[-1]
        raise ComponentError(f"Kafka's storage in {directory} could not be formatted: {said}")


def _cluster_id() -> str:
    """Return a random UUID as Kafka writes them: URL-safe Base64, no padding, no dash in front."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # A command-line parser would take a dash in front for an option.
    return text if not text.startswith("-") else _cluster_id()
