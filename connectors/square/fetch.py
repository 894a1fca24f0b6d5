"""How Square is asked for the order that an event only names."""

from urllib.parse import quote

from connectors.accounts.model import SquareApi
from connectors.questions import Open, Question
from connectors.square.translate import ORDER
from connectors.translation import Fetch


def question(api: SquareApi, secret: Open, fetch: Fetch) -> Question:
    """Return the request for an order (RetrieveOrder)."""
    headers = {"Authorization": f"Bearer {secret(api.token)}", "Square-Version": api.version}
    return Question(f"{api.base_url}/v2/orders/{quote(fetch.identifier, safe='')}", headers, ORDER)
