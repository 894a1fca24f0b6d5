"""
The common work in Quix Streams, as its documentation has it: a streaming dataframe with a stateful function.

Every setting is Quix Streams' own default unless it stands here. It runs in a virtual environment of its own.
"""

import json
import os
from pathlib import Path
from typing import Any

from quixstreams import Application, State
from quixstreams.models.serializers.avro import AvroDeserializer, AvroSerializer

SCHEMAS = Path(os.environ["PEER_SCHEMAS"])


def schema(name: str) -> Any:
    """Return one of the common work's schemas."""
    return json.loads((SCHEMAS / f"{name}.avsc").read_text("utf-8"))


def add(event: dict[str, Any], state: State) -> dict[str, Any]:
    """Add an event to its SKU's state, which is kept under the message's key."""
    stock = state.get("stock") or {"sku": event["sku"], "version": 0, "locations": []}
    for held in stock["locations"]:
        if held["location"] == event["location"]:
            held["quantity"] += event["quantity"]
            break
    else:
        stock["locations"].append({"location": event["location"], "quantity": event["quantity"]})
    stock["version"] += 1
    stock["updated_at"] = event["timestamp"]
    state.set("stock", stock)
    return stock


def main() -> None:
    """Run until SIGTERM."""
    app = Application(
        broker_address=os.environ["PEER_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=float(os.environ.get("PEER_COMMIT_SECONDS", "5.0")),  # 5 s is its default.
        state_dir=os.environ["PEER_STATE_DIR"],
        consumer_extra_config={"session.timeout.ms": int(os.environ["PEER_SESSION_MS"])},
        producer_extra_config={"compression.type": "lz4"},
        loglevel="WARNING",
    )
    events = app.topic(os.environ["PEER_INPUT"], value_deserializer=AvroDeserializer(schema("Event")))
    states = app.topic(os.environ["PEER_OUTPUT"], value_serializer=AvroSerializer(schema("State")))
    app.dataframe(events).apply(add, stateful=True).to_topic(states)
    app.run()


if __name__ == "__main__":
    main()
