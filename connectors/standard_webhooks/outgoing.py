"""Availability as a signed message of Standard Webhooks: pure. README.md beside this file shows the body."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

from connectors.protocols import Availability
from connectors.standard_webhooks.signature import SIGNATURE, headers

TYPE = "availability.updated"
ID_CHARACTERS = 32  # 128 bits of SHA-256: no two messages of a channel's life share an id.


def payload(channel_id: str, batch: Sequence[Availability]) -> bytes:
    """
    Return a batch as the body of a message.

    Its timestamp is that of the youngest value, so that the same values tried again are the same message, byte by
    byte, and the same figures told anew are another.
    """
    items = [
        {
            "sku": update.sku,
            "available_to_sell": update.available_to_sell,
            "version": update.version,
            "occurred_at": _moment(update.occurred_at),
        }
        for update in batch
    ]
    told_at = _moment(max(update.emitted_at for update in batch))
    body = {"type": TYPE, "timestamp": told_at, "data": {"channel_id": channel_id, "items": items}}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def message_id(body: bytes) -> str:
    """Return the id of a message: the receiver does each id once."""
    return f"msg_{sha256(body).hexdigest()[:ID_CHARACTERS]}"


def signed(secrets: Sequence[str], body: bytes, timestamp: int) -> dict[str, str]:
    """
    Return the headers of a message, signed with each secret, so that a receiver may rotate them at leisure.

    timestamp is when it is sent, in seconds since 1970. Raises signature.InvalidSecret.
    """
    all_headers = [headers(secret, message_id(body), timestamp, body) for secret in secrets]
    return all_headers[0] | {SIGNATURE: " ".join(one[SIGNATURE] for one in all_headers)}


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
