"""Who sent a WooCommerce webhook: base64 of HMAC-SHA256 of the raw body, by the webhook's secret."""

import re
from collections.abc import Mapping, Sequence

from connectors.authenticity import header, signed

SIGNATURE = "x-wc-webhook-signature"
PING = re.compile(rb"webhook_id=\d{1,18}")


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> int:
    """Return the place of the secret that signed a body; names of headers in lower case. Raises NotAuthentic."""
    return signed(secrets, body, header(headers, SIGNATURE))


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """
    Tell whether a request is what WooCommerce sends, unsigned, when a webhook is saved: it must be answered with 200.

    It says nothing but the webhook's number.
    """
    return SIGNATURE not in headers and PING.fullmatch(body) is not None
