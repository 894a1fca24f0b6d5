"""Whether two schemas are the same but for how they are written down."""

import json
from typing import Any

IGNORED = frozenset({"doc", "avro.java.string"})
"""Attributes that change neither bytes nor meaning: prose, and what Java's generated classes add."""


def normal_form(text: str) -> str:
    """
    Return a schema without prose, names written out in full, attributes in one order.

    Two schemas with one normal form write the same bytes and mean the same by them. Raises ValueError for a
    text that is no JSON.
    """
    return json.dumps(_normal(json.loads(text), ""), sort_keys=True, separators=(",", ":"))


def _normal(node: Any, namespace: str) -> Any:
    """Return the normal form of a part of a schema; bare names are in the namespace around them."""
    if isinstance(node, list):
        return [_normal(part, namespace) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in IGNORED}
    own_namespace = kept.pop("namespace", namespace)
    if "symbols" in kept or "fields" in kept or "size" in kept:
        kept["name"] = _full_name(str(kept.get("name", "")), own_namespace)
        own_namespace = kept["name"].rpartition(".")[0]
    for inner in ("type", "items", "values"):
        if inner in kept:
            kept[inner] = _normal(kept[inner], own_namespace)
    if "fields" in kept:
        kept["fields"] = [_normal(field, own_namespace) for field in kept["fields"]]
    return kept["type"] if set(kept) == {"type"} else kept


def _full_name(name: str, namespace: str) -> str:
    """Return a name with its namespace; one with a dot has it already."""
    return name if "." in name or not namespace else f"{namespace}.{name}"
