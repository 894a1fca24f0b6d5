"""Who sent a Square webhook: base64 of HMAC-SHA256 of the subscription's URL and the raw body, by its key."""

from collections.abc import Mapping, Sequence

from connectors.authenticity import header, signed

SIGNATURE = "x-square-hmacsha256-signature"


def verify(secrets: Sequence[str], notification_url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Return the place of the key that signed a body; names of headers in lower case. Raises NotAuthentic."""
    return signed(secrets, notification_url.encode() + body, header(headers, SIGNATURE))
