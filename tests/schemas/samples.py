"""The published examples, as values for the codec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import schemas
from schemas import Version

EXAMPLES = Path(schemas.__file__).parent / "examples"


def file_name(version: Version) -> str:
    """Return the name under which a version is filed, without its ending."""
    return f"{version.record}.v{version.version}"


def example(version: Version) -> dict[str, Any]:
    """Return a version's example as the codec takes it; JSON has bytes as text, a character each."""
    path = EXAMPLES / f"{file_name(version)}.json"
    value: dict[str, Any] = json.loads(path.read_text("utf-8"))
    binary = {field["name"] for field in json.loads(version.text)["fields"] if field["type"] == "bytes"}
    return {name: part.encode("latin-1") if name in binary else part for name, part in value.items()}
