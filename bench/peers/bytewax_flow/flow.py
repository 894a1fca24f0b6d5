"""
The common work in Bytewax, as its documentation has it: a dataflow from Kafka through a stateful map to Kafka.

Bytewax keeps no changelog in Kafka, so the state is written to one as a second output. Its recovery, snapshots in
SQLite, is on when the command line names a folder for it. It runs in a virtual environment of its own.
"""

import os
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.connectors.kafka.serde import PlainAvroDeserializer, PlainAvroSerializer
from bytewax.dataflow import Dataflow

SCHEMAS = Path(os.environ["PEER_SCHEMAS"])
BROKERS = [os.environ["PEER_BOOTSTRAP_SERVERS"]]
PRODUCER = {"partitioner": "murmur2_random", "compression.type": "lz4"}


def schema(name: str) -> str:
    """Return one of the common work's schemas."""
    return (SCHEMAS / f"{name}.avsc").read_text("utf-8")


def add(
    state: dict[str, Any] | None, event: dict[str, Any]
) -> tuple[dict[str, Any], KafkaSinkMessage[bytes, dict[str, Any]]]:
    """Add an event to its SKU's state; return it and the message that tells of it."""
    state = state or {"sku": event["sku"], "version": 0, "locations": {}}
    held = state["locations"]
    held[event["location"]] = held.get(event["location"], 0) + event["quantity"]
    state["version"] += 1
    locations = [{"location": location, "quantity": quantity} for location, quantity in held.items()]
    told = {**state, "locations": locations, "updated_at": event["timestamp"]}
    return state, KafkaSinkMessage(event["sku"].encode(), told)


flow = Dataflow("stock")
messages = kop.input("events", flow, brokers=BROKERS, topics=[os.environ["PEER_INPUT"]])
decoded = kop.deserialize_value("decode", messages.oks, PlainAvroDeserializer(schema("Event")))
keyed = op.map("key", decoded.oks, lambda message: (message.value["sku"], message.value))
states = op.map("values", op.stateful_map("add", keyed, add), lambda pair: pair[1])
encoded = kop.serialize_value("encode", states, PlainAvroSerializer(schema("State")))
kop.output("changelog", encoded, brokers=BROKERS, topic=os.environ["PEER_CHANGELOG"], add_config=PRODUCER)
kop.output("output", encoded, brokers=BROKERS, topic=os.environ["PEER_OUTPUT"], add_config=PRODUCER)
