"""
Whether a request comes from whom it says: what the channels' own rules have in common.

Every check takes all secrets that are good while they rotate, compares each in constant time whichever matches, and
returns the place of the one that did. `NotAuthentic` says why not, for logs, never for the sender.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256

BEARER = "bearer "


class NotAuthentic(Exception):
    """A request that its account's secrets do not vouch for; the message says why, for logs, not for the sender."""


def signed(secrets: Sequence[str], message: bytes, signature: str) -> int:
    """
    Return the place of the secret whose HMAC-SHA256 of a message, in base64, is the signature.

    Raises NotAuthentic.
    """
    theirs = signature.encode(errors="replace")
    ours = (b64encode(hmac.digest(secret.encode(), message, "sha256")) for secret in secrets)
    return _place(
        [hmac.compare_digest(one, theirs) for one in ours], "no secret of the account made the signature"
    )


def borne(secrets: Sequence[str], headers: Mapping[str, str]) -> int:
    """
    Return the place of the secret that a request bears as `Authorization: Bearer …` (RFC 6750).

    Hashes are compared, so that not even the secrets' lengths show. Raises NotAuthentic.
    """
    given = headers.get("authorization", "")
    if given[: len(BEARER)].lower() != BEARER:
        raise NotAuthentic("no bearer token in the header authorization")
    theirs = sha256(given[len(BEARER) :].strip().encode(errors="replace")).digest()
    ours = (sha256(secret.encode()).digest() for secret in secrets)
    return _place(
        [hmac.compare_digest(one, theirs) for one in ours],
        "the bearer token is none of the account's secrets",
    )


def header(headers: Mapping[str, str], *names: str) -> str:
    """Return the first of these headers that is there, names in lower case. Raises NotAuthentic without any."""
    for name in names:
        if headers.get(name):
            return headers[name]
    raise NotAuthentic(f"header {names[0]} is missing")


def _place(matches: list[bool], otherwise: str) -> int:
    if True not in matches:
        raise NotAuthentic(otherwise)
    return matches.index(True)
