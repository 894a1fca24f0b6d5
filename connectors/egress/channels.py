"""Which sink takes an account's availability; the other half of what an account's kind means is the ingress."""

from pathlib import Path
from typing import NamedTuple

from connectors.accounts.delivery import Delivery
from connectors.accounts.model import (
    AdobeCommerceAccount,
    AmazonAccount,
    CsvAccount,
    EdifactAccount,
    Entry,
    ShopifyAccount,
    SquareAccount,
    StandardWebhooksAccount,
    WooCommerceAccount,
    X12Account,
)
from connectors.accounts.secrets import Vault
from connectors.adobe_commerce.client import AdobeCommerceApi
from connectors.adobe_commerce.connector import adobe_commerce_sink
from connectors.amazon.client import AmazonApi, AmazonCredentials
from connectors.amazon.connector import amazon_sink
from connectors.drop_sink.client import DropSink
from connectors.drop_sink.translate import Csv, FileFormat
from connectors.edifact.outgoing import InventoryReport
from connectors.protocols import ReadableSink, Sink
from connectors.shopify.client import ShopifyApi
from connectors.shopify.connector import shopify_sink
from connectors.square.client import SquareApi
from connectors.square.connector import square_sink
from connectors.standard_webhooks.client import WebhookSink
from connectors.woocommerce.client import WooCommerceApi
from connectors.woocommerce.connector import woocommerce_sink
from connectors.x12.outgoing import InventoryAdvice

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


def _adobe_commerce(account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, AdobeCommerceAccount)
    assert entry.api is not None
    assert entry.delivery is not None
    api = AdobeCommerceApi(
        entry.api.base_url,
        vault.open(entry.api.token),
        entry.delivery.location,
        rate_per_second=entry.delivery.requests_per_second,
    )
    sink = adobe_commerce_sink(entry.account(account_id), api)
    return Outgoing(sink, sink)


def _files(_account_id: str, entry: Entry, vault: Vault) -> Outgoing:
    assert isinstance(entry, CsvAccount | X12Account | EdifactAccount)
    assert entry.delivery is not None
    assert entry.channel_id is not None
    directory = vault.folder / Path(entry.delivery.directory)
    return Outgoing(DropSink(directory, _format(entry), entry.channel_id), None, FILE_SKUS)


def _format(entry: CsvAccount | X12Account | EdifactAccount) -> FileFormat:
    if isinstance(entry, CsvAccount):
        return Csv()
    assert entry.delivery is not None
    make = InventoryAdvice if isinstance(entry, X12Account) else InventoryReport
    return make(**entry.delivery.parties)


_MAKERS = {
    ShopifyAccount: _shopify,
    WooCommerceAccount: _woocommerce,
    SquareAccount: _square,
    AmazonAccount: _amazon,
    StandardWebhooksAccount: _standard_webhooks,
    AdobeCommerceAccount: _adobe_commerce,
    CsvAccount: _files,
    X12Account: _files,
    EdifactAccount: _files,
}
