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
    decoded: dict[str, Any] = _with_bytes(json.loads(version.text), value)
    return decoded


def _with_bytes(schema: Any, value: Any) -> Any:
    """Return a value with its text as bytes where the schema has bytes, however deep."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "bytes":
        return value.encode("latin-1")
    if kind == "array":
        return [_with_bytes(schema["items"], item) for item in value]
    if kind == "record":
        types = {field["name"]: field["type"] for field in schema["fields"]}
        return {name: _with_bytes(types[name], part) for name, part in value.items()}
    return value
