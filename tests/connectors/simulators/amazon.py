"""Amazon's Selling Partner API, as far as stock goes: tokens that run out, feeds that take time, reports by item."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.connectors.simulators.server import Pair, Reply, Request, Simulator

SELLER, MARKETPLACE = "ASELLER", "A1PA6795UKMFR9"
CLIENT, SECRET, REFRESH = "amzn1.client", "amzn1.secret", "Atzr|simulated"
FEEDS, DOCUMENTS = "/feeds/2021-06-30/feeds", "/feeds/2021-06-30/documents"
LISTINGS = f"/listings/2021-08-01/items/{SELLER}"


class AmazonSimulator(Simulator):
    """
    A seller's listings. A feed is done when its state was asked for more than polls times.

    Making a feed, or patching a listing, is a write. ends_with is the state in which feeds end; cut_short leaves the
    last message out of each report.
    """

    def __init__(self, figures: Mapping[str, int] | None = None, *, polls: int = 1) -> None:
        super().__init__(figures)
        self.polls = polls
        self.ends_with = "DONE"
        self.cut_short = False
        self.tokens_total = 0
        self._token = ""
        self._documents: dict[str, bytes] = {}
        self._feeds: dict[str, dict[str, Any]] = {}

    def expire(self) -> None:
        """Let the access token run out early."""
        self._token = "none"

    def refusal(self, request: Request) -> Reply | None:
        """Refuse any but the latest access token; documents are at addresses that nobody else knows."""
        if request.path == "/auth/o2/token" or request.path.startswith("/document/"):
            return None
        if self._token and request.headers.get("x-amz-access-token") == self._token:
            return None
        return _errors(403, "Unauthorized", "The access token you provided has expired.")

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the quantities of the document that a feed is made of, or of a patch."""
        if (request.method, request.path) == ("POST", FEEDS):
            document = json.loads(self._documents[request.json["inputFeedDocumentId"]])
            return [(message["sku"], _quantity(message)) for message in document["messages"]]
        if request.method == "PATCH":
            return [(_sku(request), _quantity(request.json))]
        return None

    def trouble(self, word: str) -> Reply:
        """Answer in Amazon's words."""
        if word == "throttle":
            return Reply(429, {"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota."}]})
        return super().trouble(word)

    def answer(self, request: Request) -> Reply:
        """Answer any request."""
        if request.path == "/auth/o2/token":
            return self._log_in(request)
        if request.path.startswith("/document/"):
            return self._document(request)
        if request.path.startswith(DOCUMENTS):
            return self._describe(request)
        if request.path.startswith(FEEDS):
            return self._feed(request)
        return self._patch(request) if request.method == "PATCH" else self._listings(request)

    def _log_in(self, request: Request) -> Reply:
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        expected = {"grant_type": "refresh_token", "refresh_token": REFRESH}
        if given != expected | {"client_id": CLIENT, "client_secret": SECRET}:
            return Reply(
                400, {"error": "invalid_grant", "error_description": "The request has an invalid grant"}
            )
        self.tokens_total += 1
        self._token = f"Atza|{self.tokens_total}"
        return Reply(200, {"access_token": self._token, "token_type": "bearer", "expires_in": 3_600})

    def _document(self, request: Request) -> Reply:
        identifier = request.path.removeprefix("/document/")
        if request.method == "PUT":
            assert "x-amz-access-token" not in request.headers, "the token is not for whoever keeps documents"
            self._documents[identifier] = request.body
            return Reply(200, b"")
        return Reply(200, self._documents[identifier])

    def _describe(self, request: Request) -> Reply:
        if request.method == "POST":
            identifier = f"d{len(self._documents)}"
            self._documents[identifier] = b""
            return Reply(201, {"feedDocumentId": identifier, "url": f"{self.url}/document/{identifier}"})
        identifier = request.path.removeprefix(f"{DOCUMENTS}/")
        where = {"feedDocumentId": identifier, "url": f"{self.url}/document/{identifier}"}
        return Reply(200, where | {"compressionAlgorithm": "GZIP"})

    def _feed(self, request: Request) -> Reply:
        if request.method == "POST":
            assert request.json["feedType"] == "JSON_LISTINGS_FEED"
            assert request.json["marketplaceIds"] == [MARKETPLACE]
            identifier = f"f{len(self._feeds)}"
            self._feeds[identifier] = {"input": request.json["inputFeedDocumentId"], "polls": 0}
            return Reply(202, {"feedId": identifier})
        identifier = request.path.removeprefix(f"{FEEDS}/")
        state = self._feeds[identifier]
        state["polls"] += 1
        if state["polls"] <= self.polls:
            return Reply(200, {"feedId": identifier, "processingStatus": "IN_PROGRESS"})
        told = {"feedId": identifier, "processingStatus": self.ends_with}
        if self.ends_with == "DONE":
            told["resultFeedDocumentId"] = self._process(state)
        return Reply(200, told)

    def _process(self, state: dict[str, Any]) -> str:
        """Apply a feed once, and return the document of its report."""
        if "report" in state:
            return str(state["report"])
        messages = json.loads(self._documents[state["input"]])["messages"]
        if self.cut_short:
            messages = messages[:-1]
        bad = [one for one in messages if one["sku"] not in self.figures or one["sku"] in self.bad_skus]
        self.take((one["sku"], _quantity(one)) for one in messages if one not in bad)
        issues = [
            {
                "messageId": one["messageId"],
                "code": "8560",
                "severity": "ERROR",
                "message": "SKU does not match.",
            }
            for one in bad
        ]
        warnings = [{"messageId": 1, "code": "99", "severity": "WARNING", "message": "Look at it."}]
        summary = {"errors": len(bad), "warnings": 1, "messagesProcessed": len(messages)}
        report = {
            "header": {"sellerId": SELLER, "version": "2.0"},
            "issues": issues + warnings,
            "summary": summary,
        }
        state["report"] = f"r{len(self._documents)}"
        self._documents[state["report"]] = gzip.compress(json.dumps(report).encode())
        return str(state["report"])

    def _patch(self, request: Request) -> Reply:
        assert request.query == {"marketplaceIds": MARKETPLACE}
        sku = _sku(request)
        if sku not in self.figures:
            return _errors(404, "NOT_FOUND", f"SKU '{sku}' not found in marketplace {MARKETPLACE}")
        if sku in self.bad_skus:
            issue = {"code": "90220", "message": "'item_name' is required.", "severity": "ERROR"}
            return Reply(200, {"sku": sku, "status": "INVALID", "issues": [issue]})
        self.take([(sku, _quantity(request.json))])
        return Reply(200, {"sku": sku, "status": "ACCEPTED", "submissionId": "s1", "issues": []})

    def _listings(self, request: Request) -> Reply:
        wanted = request.query.get("identifiers", ",".join(self.figures)).split(",")
        assert len(wanted) <= 20 or "identifiers" not in request.query, "Amazon takes 20 identifiers"
        items = [
            {
                "sku": sku,
                "fulfillmentAvailability": [
                    {"fulfillmentChannelCode": "AMAZON_EU"},
                    {"fulfillmentChannelCode": "DEFAULT", "quantity": self.figures[sku]},
                ],
            }
            for sku in wanted
            if sku in self.figures
        ]
        return Reply(200, {"numberOfResults": len(items), "items": items[: int(request.query["pageSize"])]})


def _sku(request: Request) -> str:
    return unquote(request.path.removeprefix(f"{LISTINGS}/"))


def _quantity(message: Mapping[str, Any]) -> int:
    (change,) = message["patches"]
    assert (change["op"], change["path"]) == ("replace", "/attributes/fulfillment_availability")
    (value,) = change["value"]
    assert value["fulfillment_channel_code"] == "DEFAULT"
    return int(value["quantity"])


def _errors(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"errors": [{"code": code, "message": message, "details": ""}]})
