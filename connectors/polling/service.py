"""All accounts that are polled, as one thing."""

import asyncio
import time
from collections.abc import Mapping

from connectors.accounts.model import (
    IN,
    AccountsFile,
    Entry,
    ShopifyAccount,
    SquareAccount,
    WooCommerceAccount,
)
from connectors.ingress.storage import Storage
from connectors.items.resolving import Resolve, as_it_is
from connectors.polling.cursors import read_cursors
from connectors.polling.poller import Poller
from connectors.polling.windows import Pages
from connectors.questions import Open
from connectors.shopify import poll as shopify
from connectors.square import poll as square
from connectors.woocommerce import poll as woocommerce


class Polling:
    """
    Polls each account with [poll], from where it was or, without a cursor, from its `since`, else from now on.

    since (UTC ms) overrides all of that: a back-fill. `ready` is True while Kafka answers.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        accounts: Mapping[str, Entry],
        secret: Open,
        since: int | None,
        resolve: Resolve = as_it_is,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._accounts = accounts
        self._pages = {account_id: pages_of(entry, secret) for account_id, entry in accounts.items()}
        self._since = since
        self._resolve = resolve
        self._storage = Storage(bootstrap_servers)

    @property
    def ready(self) -> bool:
        """True while what is polled can be stored."""
        return self._storage.healthy

    async def run(self, *, once: bool) -> None:
        """Poll until cancelled or, if once, until all is caught up. Raises KafkaError when no broker answers."""
        await self._storage.start()
        try:
            pollers = self._pollers(await read_cursors(self._bootstrap_servers))
            async with asyncio.TaskGroup() as group:
                for poller in pollers:
                    group.create_task(poller.catch_up() if once else poller.run())
        finally:
            await self._storage.close()

    def _pollers(self, cursors: Mapping[str, int]) -> list[Poller]:
        return [
            Poller(
                account_id,
                entry,
                self._pages[account_id],
                self._storage,
                self._begin(entry, cursors.get(account_id)),
                _now,
                self._resolve,
            )
            for account_id, entry in self._accounts.items()
        ]

    def _begin(self, entry: Entry, cursor: int | None) -> int:
        """Return where to begin with an account."""
        if self._since is not None:
            return self._since
        if cursor is not None:
            return cursor
        assert entry.poll is not None, "only such accounts are polled"
        return _now() if entry.poll.since is None else entry.poll.since


def polled_accounts(file: AccountsFile) -> dict[str, Entry]:
    """Return the accounts that are polled, by id."""
    return {name: entry for name, entry in file.of_direction(IN).items() if entry.poll is not None}


def pages_of(entry: Entry, secret: Open) -> Pages:
    """Return how an account's channel is asked for what changed."""
    match entry:
        case ShopifyAccount():
            return shopify.pages_of(entry, secret)
        case WooCommerceAccount():
            return woocommerce.pages_of(entry, secret)
        case SquareAccount():
            return square.pages_of(entry, secret)
        case _:
            raise AssertionError(f"the model lets no account of kind {entry.kind} have [poll]")


def _now() -> int:
    return int(time.time() * 1_000)
