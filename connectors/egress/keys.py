"""Idempotency keys: the same for the same request tried again, and for no other."""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID, uuid4


class Keys:
    """
    Keys of one client's writes.

    A write whose outcome is unknown (no answer, a 5xx) is tried again under its key, so that the channel does it
    once. After an answer the same content gets a new key: it is a new write, as when a figure returns to what it was
    and someone has changed it at the channel meanwhile. A restart begins anew; absolute figures allow that.
    """

    def __init__(self, nonce: Callable[[], str] = lambda: str(uuid4())) -> None:
        self._nonce = nonce
        self._current = nonce()

    def key(self, body: bytes) -> str:
        """Return the key of a write, in the form of a UUID."""
        return str(UUID(sha256(self._current.encode() + body).hexdigest()[:32]))

    def answered(self) -> None:
        """Note that the outcome of the latest write is known."""
        self._current = self._nonce()
