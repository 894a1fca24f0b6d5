"""The Square sink wired up: one seller, one location."""

from connectors.egress.mapped import MappedSink
from connectors.egress.naming import naming_of
from connectors.square.client import SquareApi
from connectors.translation import Account


def square_sink(account: Account, api: SquareApi) -> MappedSink:
    """Return the sink of an account; its `skus` map catalogue objects, and what they don't is searched by SKU."""
    return MappedSink(api, naming_of(account, is_identifier=lambda _text: True))
