"""What is asked of a channel when a body only names something: one GET, and the topic to translate its answer by."""

from collections.abc import Callable
from typing import NamedTuple

from connectors.accounts.secrets import SecretReference

Open = Callable[[SecretReference], str]
"""Returns the secret that a reference leads to."""


class Question(NamedTuple):
    """A GET that answers a Fetch; headers carry the account's credentials, so it is never logged."""

    url: str
    headers: dict[str, str]
    topic: str
