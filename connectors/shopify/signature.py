"""Who sent a Shopify webhook: base64 of HMAC-SHA256 of the raw body, by the app's client secret."""

from collections.abc import Mapping, Sequence

from connectors.authenticity import header, signed

SIGNATURE = ("x-shopify-hmac-sha256", "shopify-hmac-sha256")
"""Shopify also writes its headers without the prefix."""


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> int:
    """Return the place of the secret that signed a body; names of headers in lower case. Raises NotAuthentic."""
    return signed(secrets, body, header(headers, *SIGNATURE))
