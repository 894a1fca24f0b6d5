"""`onhand ingress --catalogue`: what channels call by aliases and GTINs is stored under its SKU, in units."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from schemas import wire
from streams.settings import Settings
from streams.topology import INGRESS_DEAD_LETTERS, ITEMS_IN_FORCE, STOCK_SALES
from tests.connectors.ingress.conftest import StartIngress
from tests.connectors.ingress.senders import sale, standard
from tests.connectors.ingress.topics import Topics

CASE = "15901234123454"


@pytest.mark.kafka
def test_identifiers_are_resolved_before_anything_is_stored(
    module_cluster: Settings, start_ingress: StartIngress, topics: Topics
) -> None:
    """A case is twelve of its SKU, on the partition of the SKU; a stranger is kept whole with the reason."""
    item = {
        "sku": "MUG-OF-12",
        "units": [{"unit": "case", "units": 12, "gtin": CASE}],
        "name": None,
        "category": None,
        "gtins": None,
        "aliases": None,
        "components": None,
        "origins": [],
    }
    producer = Producer({"bootstrap.servers": module_cluster.bootstrap_servers})
    producer.produce(ITEMS_IN_FORCE.name, wire.encode("Item", item), b"MUG-OF-12")
    assert producer.flush(20) == 0
    ingress = start_ingress(module_cluster, "http://127.0.0.1:9", "--catalogue", "strict")
    mark = topics.mark()
    assert ingress.post(standard(sale(CASE, quantity=2))).status_code == 200
    assert ingress.post(standard(sale("STRANGER-OF-12"))).status_code == 400
    found = topics.since(mark)
    (sold,) = [one for one in found if one.topic == STOCK_SALES.name]
    assert (sold.key, sold.decoded[1]["sku"], sold.decoded[1]["quantity"]) == (
        b"MUG-OF-12",
        "MUG-OF-12",
        24,
    )
    (kept,) = [one for one in found if one.topic == INGRESS_DEAD_LETTERS.name]
    assert any(b"STRANGER-OF-12" in value for value in kept.headers.values())
