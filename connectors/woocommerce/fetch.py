"""How WooCommerce is asked for what a refund only names."""

from base64 import b64encode
from urllib.parse import quote

from connectors.accounts.model import WooCommerceApi
from connectors.questions import Open, Question
from connectors.translation import Fetch


def question(api: WooCommerceApi, secret: Open, fetch: Fetch) -> Question:
    """Return the request for an order; the keys go as HTTP Basic, as WooCommerce takes them over https."""
    keys = f"{secret(api.consumer_key)}:{secret(api.consumer_secret)}"
    url = f"{api.base_url}/wp-json/wc/v3/orders/{quote(fetch.identifier, safe='')}"
    return Question(url, {"Authorization": f"Basic {b64encode(keys.encode()).decode()}"}, fetch.kind)
