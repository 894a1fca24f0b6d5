"""A shop that takes availability by Standard Webhooks: it checks signatures with the specification's own library."""

from __future__ import annotations

from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.connectors.simulators.server import Pair, Reply, Request, Simulator

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class WebhookReceiver(Simulator):
    """Takes messages of the right signature, each id once; items that it does not know are named in a 207."""

    path = "/hooks/stock"

    def __init__(self, figures: Mapping[str, int] | None = None) -> None:
        super().__init__(figures)
        self.seen: dict[str, bytes] = {}

    def refusal(self, request: Request) -> Reply | None:
        """Refuse what is not signed."""
        try:
            Webhook(SECRET).verify(request.body, request.headers)
        except WebhookVerificationError as error:
            return Reply(401, {"error": str(error)})
        return None

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the figures of a message."""
        return [(item["sku"], item["available_to_sell"]) for item in request.json["data"]["items"]]

    def answer(self, request: Request) -> Reply:
        """Take a message."""
        identifier = request.headers["webhook-id"]
        assert self.seen.setdefault(identifier, request.body) == request.body, "an id of two messages"
        pairs = self.pairs(request) or []
        unknown = [sku for sku, _ in pairs if sku not in self.figures or sku in self.bad_skus]
        self.take(pair for pair in pairs if pair[0] not in unknown)
        if not unknown:
            return Reply(204, b"")
        return Reply(207, {"items": [{"sku": sku, "status": 404, "error": "unknown"} for sku in unknown]})
