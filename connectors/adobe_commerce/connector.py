"""The Adobe Commerce sink wired up: one shop, one inventory source."""

from connectors.adobe_commerce.client import AdobeCommerceApi
from connectors.egress.mapped import MappedSink
from connectors.egress.naming import naming_of
from connectors.translation import Account


def adobe_commerce_sink(account: Account, api: AdobeCommerceApi) -> MappedSink:
    """Return the sink of an account; its `skus` map the shop's SKUs."""
    return MappedSink(api, naming_of(account))
