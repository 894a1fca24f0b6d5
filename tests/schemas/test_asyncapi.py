"""The AsyncAPI document says what topology and schemas say, in the form that AsyncAPI 3 demands."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from streams.asyncapi import document, text
from streams.topology import all_topics
from tests.house.project import ROOT

SPECIFICATION = Path(__file__).with_name("asyncapi-3.0.0.schema.json.gz")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    """AsyncAPI's own JSON Schema of its version 3.0.0."""
    return jsonschema.Draft7Validator(json.loads(gzip.decompress(SPECIFICATION.read_bytes())))


def test_the_file_is_the_one_that_is_made_from_the_topology() -> None:
    """`python -m streams.asyncapi` brings it up to date."""
    assert (ROOT / "schemas" / "asyncapi.json").read_text(encoding="utf-8") == text()


def test_the_document_is_valid(validator: jsonschema.Draft7Validator) -> None:
    """By the specification's own schema."""
    problems = [
        f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(document())
    ]
    assert problems == []


@pytest.mark.parametrize("broken", [{"asyncapi": "2.0.0"}, {"channels": []}, {"info": {"title": "Onhand"}}])
def test_a_wrong_document_would_be_found(
    validator: jsonschema.Draft7Validator, broken: dict[str, Any]
) -> None:
    """The check is not one that everything passes."""
    assert not validator.is_valid(document() | broken)


def test_every_topic_is_a_channel_with_its_messages_and_one_operation() -> None:
    """All references lead somewhere."""
    made = document()
    topics = all_topics(["{channel}"])
    assert {channel["address"] for channel in made["channels"].values()} == {topic.name for topic in topics}
    assert len(made["operations"]) == len(topics)
    records = made["components"]["messages"]
    for topic in topics:
        channel = made["channels"][topic.name.replace("{channel}", "channel")]
        assert set(channel["messages"]) == set(topic.records) <= records.keys()
