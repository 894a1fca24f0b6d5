"""
Signing and verifying as the Standard Webhooks specification says (its sections on signatures and on rotation).

The package `standardwebhooks` computes the signature. Its own verify is left aside: it takes one secret, asks the
clock itself, and raises errors of five kinds for damaged headers. Errors:

    NotAuthentic        wrong, missing or old: refuse the request, nothing in it is to be believed
    InvalidSecret       the account's own secret makes no sense: mend the account
"""

import hmac
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from connectors.authenticity import NotAuthentic
from connectors.body import IDENTIFIER, MAXIMUM_IDENTIFIER_CHARACTERS

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300  # The specification's window against replays, both ways: clocks differ.
MAXIMUM_SIGNATURES = 16  # Of one header: a sender that rotates secrets has two or three.
SCHEME = "v1"
TIMESTAMP_DIGITS = 11  # Seconds since 1970 have ten until the year 2286.


class InvalidSecret(ValueError):
    """A secret that is not base64, or empty."""


class Message(NamedTuple):
    """
    What a verified request says of itself, and the place of the secret that signed it.

    timestamp is in seconds since 1970.
    """

    message_id: str
    timestamp: int
    secret: int


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that make a body a signed message. Raises InvalidSecret, and ValueError for bad UTF-8."""
    signature = _signature(_signer(secret), message_id, timestamp, body.decode())
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: signature}


def verify(secrets: Sequence[str], given: Mapping[str, str], body: bytes, now: float) -> Message:
    """
    Return the message that a request is, if one of the secrets signed this very body within the window around now.

    Several secrets are for rotation: give the old and the new one until all senders have changed. All of them are
    compared in constant time, whichever matches. now is in seconds since 1970. Raises NotAuthentic, InvalidSecret.
    """
    signers = [_signer(secret) for secret in secrets]
    found = {name.lower(): value for name, value in given.items()}
    message_id, timestamp = found.get(ID, ""), found.get(TIMESTAMP, "")
    if len(message_id) > MAXIMUM_IDENTIFIER_CHARACTERS or not IDENTIFIER.fullmatch(message_id):
        raise NotAuthentic(f"header {ID} is missing or no id")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_DIGITS):
        raise NotAuthentic(f"header {TIMESTAMP} is missing or no number of seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotAuthentic(
            f"header {TIMESTAMP} is {now - int(timestamp):+.0f} s off, more than {TOLERANCE_SECONDS}"
        )
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotAuthentic("the body is no UTF-8, which the specification needs for signing") from None
    expected = [_signature(signer, message_id, int(timestamp), text).encode() for signer in signers]
    signatures = [
        one.encode(errors="replace") for one in found.get(SIGNATURE, "").split(" ")[:MAXIMUM_SIGNATURES]
    ]
    matches = [
        any([hmac.compare_digest(ours, theirs) for theirs in signatures])  # noqa: C419 - all of them, always
        for ours in expected
    ]
    if True not in matches:
        raise NotAuthentic("no signature is one by a secret of the account")
    return Message(message_id, int(timestamp), matches.index(True))


def _signer(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (Base64Error, EmptyWebhookSecretError, ValueError) as error:
        raise InvalidSecret(
            "a secret of Standard Webhooks is base64, with whsec_ before it or not"
        ) from error


def _signature(signer: Webhook, message_id: str, timestamp: int, text: str) -> str:
    return signer.sign(message_id, datetime.fromtimestamp(timestamp, UTC), text)
