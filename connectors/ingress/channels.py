"""
What differs between the channels that send to us: signature, topic, shape, and how a bad body is answered.

A body that can't be taken is kept in `ingress-dlq` whatever is answered, so nothing is lost either way. Where only a
program sees the answer, and would send the same again until it gives up on us, it is 200: Shopify removes a
subscription after 8 failures, WooCommerce disables a webhook after 5, Square and EventBridge repeat for a day. Where
the sender's people read it, it is 400 with each field and reason: EPCIS, EDI gateways, Standard Webhooks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from connectors import authenticity
from connectors.accounts.model import Entry, SquareAccount
from connectors.amazon.envelope import notification_of
from connectors.amazon.translate import translate as translate_amazon
from connectors.body import parsed
from connectors.edifact.translate import translate as translate_edifact
from connectors.epcis.translate import translate as translate_epcis
from connectors.shopify import signature as shopify
from connectors.shopify.translate import translate as translate_shopify
from connectors.square import signature as square
from connectors.square.translate import translate as translate_square
from connectors.standard_webhooks import signature as standard_webhooks
from connectors.standard_webhooks.translate import translate as translate_standard_webhooks
from connectors.translation import Account, Translation
from connectors.woocommerce import signature as woocommerce
from connectors.woocommerce.translate import translate as translate_woocommerce
from connectors.x12.translate import translate as translate_x12

Headers = Mapping[str, str]
"""Of a request, names in lower case."""

TRACED = ("content-type", "user-agent")
"""Headers that are kept with any body that could not be taken."""


def _nothing(_headers: Headers) -> str:
    return ""


def _never(_headers: Headers, _body: bytes) -> bool:
    return False


def _bearer(_entry: Entry, secrets: Sequence[str], headers: Headers, _body: bytes, _now: float) -> int:
    return authenticity.borne(secrets, headers)


def _shopify(_entry: Entry, secrets: Sequence[str], headers: Headers, body: bytes, _now: float) -> int:
    return shopify.verify(secrets, headers, body)


def _woocommerce(_entry: Entry, secrets: Sequence[str], headers: Headers, body: bytes, _now: float) -> int:
    return woocommerce.verify(secrets, headers, body)


def _square(entry: Entry, secrets: Sequence[str], headers: Headers, body: bytes, _now: float) -> int:
    assert isinstance(entry, SquareAccount), "the kind chose the model"
    assert entry.notification_url is not None, "the model asks for it"
    return square.verify(secrets, entry.notification_url, headers, body)


def _standard(_entry: Entry, secrets: Sequence[str], headers: Headers, body: bytes, now: float) -> int:
    return standard_webhooks.verify(secrets, headers, body, now).secret


@dataclass(frozen=True, slots=True)
class Channel:
    """
    One kind of channel as the ingress sees it.

    authenticate returns the place of the secret that vouches for a request, or raises NotAuthentic; read makes of a
    body what translate takes, or raises Untranslatable; topic says by which topic; refused is how a body of which
    nothing can be taken is answered; kept are the headers that are stored with it, never a signature or a token;
    is_ping tells what is answered with 200 and no more.
    """

    translate: Callable[[Account, str, object], Translation]
    authenticate: Callable[[Entry, Sequence[str], Headers, bytes, float], int] = _bearer
    read: Callable[[bytes], object] = parsed
    topic: Callable[[Headers], str] = _nothing
    refused: HTTPStatus = HTTPStatus.BAD_REQUEST
    kept: tuple[str, ...] = ()
    is_ping: Callable[[Headers, bytes], bool] = _never


def _shopify_topic(headers: Headers) -> str:
    return headers.get("x-shopify-topic") or headers.get("shopify-topic", "")


def _as_it_is(body: bytes) -> object:
    return body


CHANNELS: Mapping[str, Channel] = {
    "shopify": Channel(
        translate_shopify,
        _shopify,
        topic=_shopify_topic,
        refused=HTTPStatus.OK,
        kept=tuple(
            f"{prefix}shopify-{name}"
            for prefix in ("x-", "")
            for name in ("topic", "webhook-id", "event-id", "shop-domain", "api-version", "triggered-at")
        ),
    ),
    "woocommerce": Channel(
        translate_woocommerce,
        _woocommerce,
        topic=lambda headers: headers.get("x-wc-webhook-topic", ""),
        refused=HTTPStatus.OK,
        kept=tuple(f"x-wc-webhook-{name}" for name in ("topic", "id", "delivery-id", "source")),
        is_ping=woocommerce.is_ping,
    ),
    "square": Channel(
        translate_square,
        _square,
        refused=HTTPStatus.OK,
        kept=(
            "square-environment",
            "square-retry-number",
            "square-retry-reason",
            "square-initial-delivery-timestamp",
        ),
    ),
    "amazon": Channel(
        translate_amazon, read=lambda body: notification_of(parsed(body)), refused=HTTPStatus.OK
    ),
    "epcis": Channel(translate_epcis, kept=("gs1-epcis-version", "gs1-cbv-version")),
    "x12": Channel(translate_x12, read=_as_it_is, kept=("as2-from", "message-id")),
    "edifact": Channel(translate_edifact, read=_as_it_is, kept=("as2-from", "message-id")),
    "standard_webhooks": Channel(
        translate_standard_webhooks,
        _standard,
        topic=lambda headers: headers[standard_webhooks.ID],
        kept=(standard_webhooks.ID, standard_webhooks.TIMESTAMP),
    ),
}
"""By kind of account; a kind that is not here sends nothing to us."""
