"""The Amazon sink wired up: one seller, one marketplace."""

import re

from connectors.amazon.client import AmazonApi
from connectors.egress.mapped import MappedSink
from connectors.egress.naming import naming_of
from connectors.translation import Account

ASIN = re.compile(r"B0[0-9A-Z]{8}")


def amazon_sink(account: Account, api: AmazonApi) -> MappedSink:
    """Return the sink of an account; its `skus` may map sellers' SKUs, and ASINs, which only notifications use."""
    return MappedSink(api, naming_of(account, is_name=lambda text: not ASIN.fullmatch(text)))
