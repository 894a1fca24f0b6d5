"""The Shopify sink wired up: one shop, one of its locations."""

from connectors.egress.mapped import MappedSink
from connectors.egress.naming import naming_of
from connectors.shopify.client import ShopifyApi
from connectors.translation import Account


def shopify_sink(account: Account, api: ShopifyApi) -> MappedSink:
    """
    Return the sink of an account.

    Its `skus` may map texts of SKU fields, which variants are searched by, and numbers of variants and inventory
    items, which only webhooks use: a number does not say which of the two it is.
    """
    return MappedSink(api, naming_of(account, is_name=lambda text: not text.isdecimal()))
