"""How Shopify is asked for what a webhook only names: REST, whose answers have the webhooks' own shape."""

from urllib.parse import quote

from connectors.accounts.model import ShopifyApi
from connectors.questions import Open, Question
from connectors.translation import Fetch


def question(api: ShopifyApi, secret: Open, fetch: Fetch) -> Question:
    """Return the request for an order with its fulfilments and refunds."""
    url = f"{api.base_url}/admin/api/{api.version}/orders/{quote(fetch.identifier, safe='')}.json"
    return Question(url, {"X-Shopify-Access-Token": secret(api.token)}, "")
