"""Which sink takes an account's availability; the other half of what an account's kind means is the ingress."""

from pathlib import Path
from typing import NamedTuple

from connectors.accounts.delivery import Delivery
from connectors.accounts.model import (
    AmazonAccount,
    CsvAccount,
    Entry,
    ShopifyAccount,
    SquareAccount,
    StandardWebhooksAccount,
    WooCommerceAccount,
)
from connectors.accounts.secrets import Vault
from connectors.amazon.client import AmazonApi, AmazonCredentials
from connectors.amazon.connector import amazon_sink
from connectors.drop_sink.connector import csv_sink
from connectors.protocols import ReadableSink, Sink
from connectors.shopify.client import ShopifyApi
from connectors.shopify.connector import shopify_sink
from connectors.square.client import SquareApi
from connectors.square.connector import square_sink
from connectors.standard_webhooks.client import WebhookSink
from connectors.woocommerce.client import WooCommerceApi
from connectors.woocommerce.connector import woocommerce_sink

FILE_SKUS = 10_000  # A file has no limit; this is what is held in memory twice while it is written.

FEED_SKUS = 5_000  # Amazon takes 25,000 in a feed; its report must fit what is read of an answer.


class Outgoing(NamedTuple):
    """A sink, the same again if its channel can be read, and how many SKUs one request takes."""

    sink: Sink
    reads: ReadableSink | None
    batch_size: int = 100


def outgoing_of(account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    """
    Return the sink of an account with direction 'out'.

    Raises secrets.MissingSecret, signature.InvalidSecret.
    """
    make = _MAKERS[type(entry)]
    return make(account_id, entry, vault)


def delivery_of(entry: Entry) -> Delivery:
    """Return how an account wants to be told: what its file says, or what holds for all."""
    return entry.delivery if entry.delivery is not None else Delivery()


def _shopify(account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, ShopifyAccount)
    assert entry.api is not None
    assert entry.delivery is not None
    token = vault.open(entry.api.token)
    api = ShopifyApi(entry.api.base_url, token, entry.delivery.location, version=entry.api.version)
    sink = shopify_sink(entry.account(account_id), api)
    return Outgoing(sink, sink)


def _woocommerce(account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, WooCommerceAccount)
    assert entry.api is not None
    api = WooCommerceApi(
        entry.api.base_url,
        vault.open(entry.api.consumer_key),
        vault.open(entry.api.consumer_secret),
        rate_per_second=delivery_of(entry).requests_per_second,
    )
    sink = woocommerce_sink(entry.account(account_id), api)
    return Outgoing(sink, sink)


def _square(account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, SquareAccount)
    assert entry.api is not None
    assert entry.delivery is not None
    api = SquareApi(
        entry.api.base_url,
        vault.open(entry.api.token),
        entry.delivery.location,
        version=entry.api.version,
        rate_per_second=entry.delivery.requests_per_second,
    )
    sink = square_sink(entry.account(account_id), api)
    return Outgoing(sink, sink)


def _amazon(account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, AmazonAccount)
    assert entry.api is not None
    credentials = AmazonCredentials(
        entry.api.base_url,
        entry.api.token_url,
        vault.open(entry.api.client_id),
        vault.open(entry.api.client_secret),
        vault.open(entry.api.refresh_token),
        entry.api.seller_id,
        entry.api.marketplace_id,
    )
    sink = amazon_sink(entry.account(account_id), AmazonApi(credentials))
    return Outgoing(sink, sink, FEED_SKUS)


def _standard_webhooks(_account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, StandardWebhooksAccount)
    assert entry.delivery is not None
    assert entry.channel_id is not None
    secrets = [vault.open(reference) for reference in entry.delivery.secrets]
    return Outgoing(WebhookSink(entry.channel_id, entry.delivery.url, secrets), None)


def _csv(_account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, CsvAccount)
    assert entry.delivery is not None
    assert entry.channel_id is not None
    directory = vault.folder / Path(entry.delivery.directory)
    return Outgoing(csv_sink(entry.channel_id, directory), None, FILE_SKUS)


_MAKERS = {
    ShopifyAccount: _shopify,
    WooCommerceAccount: _woocommerce,
    SquareAccount: _square,
    AmazonAccount: _amazon,
    StandardWebhooksAccount: _standard_webhooks,
    CsvAccount: _csv,
}
