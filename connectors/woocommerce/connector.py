"""The WooCommerce sink wired up: one shop."""

from connectors.egress.mapped import MappedSink
from connectors.egress.naming import naming_of
from connectors.translation import Account
from connectors.woocommerce.client import WooCommerceApi


def woocommerce_sink(account: Account, api: WooCommerceApi) -> MappedSink:
    """
    Return the sink of an account.

    Its `skus` may map texts of SKU fields, which products are searched by, and numbers of products and variations,
    which only webhooks use: a variation's number does not say which product it belongs to.
    """
    return MappedSink(api, naming_of(account, is_name=lambda text: not text.isdecimal()))
