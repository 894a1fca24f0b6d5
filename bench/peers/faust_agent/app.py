"""
The common work in Faust, as its documentation has it: an agent, a table in memory, and a topic to send to.

Every setting is Faust's own default unless it stands here. It runs in a virtual environment of its own.
"""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import faust
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from faust.serializers import codecs

SCHEMAS = Path(os.environ["PEER_SCHEMAS"])
PARTITIONS = int(os.environ["PEER_PARTITIONS"])


class PlainAvro(codecs.Codec):
    """A codec of plain Avro, as Faust's documentation shows how to write one."""

    def __init__(self, children: Any = None, *, name: str) -> None:
        super().__init__(children, name=name)
        self._schema = parse_schema(json.loads((SCHEMAS / f"{name}.avsc").read_text("utf-8")))

    def _loads(self, data: bytes) -> Any:
        return schemaless_reader(BytesIO(data), self._schema, None)

    def _dumps(self, value: Any) -> bytes:
        stream = BytesIO()
        schemaless_writer(stream, self._schema, value)
        return stream.getvalue()


for record in ("Event", "State"):
    codecs.register(record.lower(), PlainAvro(name=record))

app = faust.App(
    os.environ["PEER_GROUP"],
    broker=f"kafka://{os.environ['PEER_BOOTSTRAP_SERVERS']}",
    store="memory://",
    topic_partitions=PARTITIONS,
    broker_session_timeout=int(os.environ["PEER_SESSION_MS"]) / 1_000,
    broker_heartbeat_interval=int(os.environ["PEER_SESSION_MS"]) / 10_000,
    producer_compression_type="lz4",
    datadir=os.environ["PEER_STATE_DIR"],
    web_enabled=False,
)
events = app.topic(os.environ["PEER_INPUT"], key_type=str, key_serializer="raw", value_serializer="event")
told = app.topic(os.environ["PEER_OUTPUT"], key_type=str, key_serializer="raw", value_serializer="state")
states = app.Table(
    "stock", partitions=PARTITIONS
)  # Its changelog is JSON, as every Faust table's by default.


@app.agent(events)  # type: ignore[arg-type] # A Stream is what it is given.
async def stock(stream: faust.Stream[dict[str, Any]]) -> None:
    """Add each event to its SKU's state, and tell of it."""
    async for event in stream:
        sku = event["sku"]
        state = states.get(sku) or {"sku": sku, "version": 0, "locations": []}
        for held in state["locations"]:
            if held["location"] == event["location"]:
                held["quantity"] += event["quantity"]
                break
        else:
            state["locations"].append({"location": event["location"], "quantity": event["quantity"]})
        state["version"] += 1
        state["updated_at"] = event["timestamp"]
        states[sku] = state
        await told.send(key=sku, value=state)
