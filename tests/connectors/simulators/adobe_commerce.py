"""Adobe Commerce's REST API, as far as sources go: batches that are all or nothing, and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.connectors.simulators.server import Pair, Reply, Request, Simulator

TOKEN = "adobe-simulated"
SOURCE = "dc_leeds"
ROOT = "/rest/all/V1/inventory"
GROUP = "searchCriteria[filter_groups]"


class AdobeCommerceSimulator(Simulator):
    """A shop with one source. A batch with one of bad_skus is refused as a whole, without naming it."""

    def refusal(self, request: Request) -> Reply | None:
        """Refuse any but the integration's token."""
        if request.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        return Reply(401, {"message": "The consumer isn't authorized to access %resources."})

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the quantities of a batch."""
        if request.method != "POST":
            return None
        return [(item["sku"], item["quantity"]) for item in request.json["sourceItems"]]

    def answer(self, request: Request) -> Reply:
        """Answer a batch, a search or a question for the source."""
        if request.path.startswith(f"{ROOT}/sources/"):
            known = request.path.endswith(f"/{SOURCE}")
            return Reply(200, {"source_code": SOURCE}) if known else Reply(404, {"message": "no such source"})
        if request.method == "POST":
            return self._write(request.json["sourceItems"])
        return self._search(request.query)

    def _write(self, items: list[dict[str, Any]]) -> Reply:
        if any(item["sku"] in self.bad_skus or item["source_code"] != SOURCE for item in items):
            return Reply(400, {"message": "Validation Failed", "errors": [{"message": "Not good."}]})
        assert all(item["status"] == int(item["quantity"] > 0) for item in items)
        self.take((item["sku"], item["quantity"]) for item in items)  # Also of SKUs that no product has.
        return Reply(200, [])

    def _search(self, query: Mapping[str, str]) -> Reply:
        assert query[f"{GROUP}[0][filters][0][value]"] == SOURCE
        wanted = query[f"{GROUP}[1][filters][0][value]"].split(",")
        found = [
            {"sku": sku, "source_code": SOURCE, "quantity": quantity, "status": 1}
            for sku, quantity in self.figures.items()
            if sku in wanted
        ]
        size, page = int(query["searchCriteria[pageSize]"]), int(query["searchCriteria[currentPage]"])
        return Reply(200, {"items": found[(page - 1) * size : page * size], "total_count": len(found)})
