"""
The AsyncAPI 3 document of every topic, made from the topology and the schemas: `python -m streams.asyncapi`.

It is for people and tools that build on the topics; the topology stays what is true. Onhand is the application that
it describes: what it receives, others send. A house test fails when the file is not the one made here.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import schemas
from streams import __version__
from streams.topology import CHANNEL_ORDERS, INPUTS, Topic, all_topics

DOCUMENT = Path("schemas", "asyncapi.json")
CHANNEL_PARAMETER = "channel"
AVRO = "application/vnd.apache.avro;version=1.9.0"
KAFKA_BINDING = "0.5.0"
RECEIVED = frozenset(topic.name for topic in (*INPUTS, CHANNEL_ORDERS))
CLOUDEVENTS = ("ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "content-type")


def document() -> dict[str, Any]:
    """Return the document, ready to be written as JSON."""
    topics = all_topics([f"{{{CHANNEL_PARAMETER}}}"])
    records = sorted({record for topic in topics for record in topic.records})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Onhand",
            "version": __version__,
            "description": (
                "One true stock figure for every SKU across every sales channel. Values are Avro in the Confluent "
                "wire format; keys are UTF-8; the key of a topic keyed by SKU decides its partition by murmur2."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "avro/binary",
        "servers": {
            "cluster": {
                "host": "{bootstrap_servers}",
                "protocol": "kafka",
                "variables": {
                    "bootstrap_servers": {
                        "description": "ONHAND_BOOTSTRAP_SERVERS",
                        "default": "127.0.0.1:9092",
                    }
                },
            }
        },
        "channels": {_channel_id(topic): _channel(topic) for topic in topics},
        "operations": {
            f"{_action(topic)}-{_channel_id(topic)}": {
                "action": _action(topic),
                "channel": {"$ref": f"#/channels/{_channel_id(topic)}"},
                "summary": topic.purpose.replace("**", ""),
            }
            for topic in topics
        },
        "components": {"messages": {record: _message(record) for record in records}},
    }


def _channel_id(topic: Topic) -> str:
    """Return a topic's name as the key of its channel, which takes no braces."""
    return topic.name.replace(f"{{{CHANNEL_PARAMETER}}}", CHANNEL_PARAMETER)


def _action(topic: Topic) -> str:
    return "receive" if topic.name in RECEIVED else "send"


def _channel(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.purpose.replace('**', '')}; keyed by {topic.key.replace('`', '')}",
        "messages": {record: {"$ref": f"#/components/messages/{record}"} for record in topic.records},
        "bindings": {"kafka": {"topicConfiguration": _configuration(topic), "bindingVersion": KAFKA_BINDING}},
    }
    if topic.internal:
        channel["tags"] = [{"name": "internal", "description": "May change with any version."}]
    if CHANNEL_PARAMETER in topic.name and "{" in topic.name:
        channel["parameters"] = {CHANNEL_PARAMETER: {"description": "One of ONHAND_CHANNELS."}}
    return channel


def _configuration(topic: Topic) -> dict[str, Any]:
    """Return a topic's Kafka settings in the types that the binding has for them."""
    settings: dict[str, Any] = dict(topic.config())
    settings["cleanup.policy"] = [settings["cleanup.policy"]]
    for name in ("retention.ms", "max.message.bytes"):
        if name in settings:
            settings[name] = int(settings[name])
    return settings


def _message(record: str) -> dict[str, Any]:
    newest = schemas.latest(record)
    schema = schemas.load(record)
    example = files(schemas).joinpath("examples", f"{record}.v{newest.version}.json").read_text("utf-8")
    return {
        "name": schemas.full_name(record),
        "title": record,
        "summary": schema["doc"],
        "contentType": "avro/binary",
        "headers": {
            "type": "object",
            "description": "CloudEvents in binary mode; records that Onhand writes itself may go without.",
            "properties": {name: {"type": "string"} for name in CLOUDEVENTS},
        },
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": {"type": "string"},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "4",
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "examples": [{"name": f"version {newest.version}", "payload": json.loads(example)}],
    }


def text() -> str:
    """Return the document as its file has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document below the working directory."""
    DOCUMENT.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
