"""The ingress as one thing: accounts and their secrets in, an application and its background work out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import httpx

from connectors.accounts.model import (
    IN,
    AccountsFile,
    Entry,
    ShopifyAccount,
    ShopifyApi,
    SquareAccount,
    SquareApi,
    WooCommerceAccount,
    WooCommerceApi,
)
from connectors.accounts.secrets import Vault
from connectors.ingress.application import application
from connectors.ingress.asker import Ask, Asker
from connectors.ingress.fetching import FetchDesk
from connectors.ingress.reception import Reception, Space
from connectors.ingress.storage import Storage
from connectors.items.resolving import Resolve, as_it_is
from connectors.questions import Open
from connectors.shopify import fetch as shopify
from connectors.square import fetch as square
from connectors.translation import Account
from connectors.woocommerce import fetch as woocommerce

ORPHAN = "shopify"
"""Any kind does for accounts that are gone: nobody is asked, so nothing is translated."""


class Ingress:
    """
    All accounts that send to us, behind one application.

    `run` keeps it connected while the server serves `application`; `ready` is True while Kafka answers and nobody has
    asked it to end. Raises MissingSecret when a secret is not where the file says.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group_id: str,
        file: AccountsFile,
        vault: Vault,
        resolve: Resolve = as_it_is,
    ) -> None:
        self._storage = Storage(bootstrap_servers)
        self._entries = file.of_direction(IN)
        self._vault = vault
        self._resolve = resolve
        self._draining = False
        self._bootstrap_servers = bootstrap_servers
        self._group_id = f"{group_id}-fetches"
        space = Space()
        receptions = {
            account_id: Reception(account_id, entry, self._secrets(entry), self._storage, space, resolve)
            for account_id, entry in self._entries.items()
            if entry.secrets  # Others are only polled.
        }
        for entry in self._entries.values():
            self._all_there(entry)
        self.application = application(receptions, lambda: self.ready)

    @property
    def ready(self) -> bool:
        """True while requests are taken."""
        return self._storage.healthy and not self._draining

    def drain(self) -> None:
        """Say to whoever balances the load that no more should come."""
        self._draining = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """
        Connect, and fetch what channels have only named, until the block ends; then all that was sent is stored.

        Yields the fetching, which ends only by an error. Raises KafkaError when no broker answers.
        """
        await self._storage.start()
        async with httpx.AsyncClient(follow_redirects=False) as client:
            fetching = asyncio.create_task(self._fetch_desk(client).run())
            try:
                yield fetching
            finally:
                fetching.cancel()
                with suppress(asyncio.CancelledError):
                    await fetching
                await self._storage.close()

    def _fetch_desk(self, client: httpx.AsyncClient) -> FetchDesk:
        def asker(kind: str, account: Account, ask: Ask | None) -> Asker:
            return Asker(kind, account, ask, client, self._storage, self._resolve)

        askers = {
            account_id: asker(entry.kind, entry.account(account_id), ask_of(entry, self._vault.open))
            for account_id, entry in self._entries.items()
        }

        def orphan(account_id: str) -> Asker:
            return asker(ORPHAN, Account(account_id, account_id), None)

        return FetchDesk(self._bootstrap_servers, self._group_id, askers, orphan)

    def _secrets(self, entry: Entry) -> tuple[str, ...]:
        return tuple(self._vault.open(reference) for reference in entry.secrets)

    def _all_there(self, entry: Entry) -> None:
        """Raise MissingSecret now rather than when the first order is to be fetched."""
        for _, reference in entry.references():
            self._vault.open(reference)


def ask_of(entry: Entry, secret: Open) -> Ask | None:
    """Return how an account's channel is asked, None if the file does not say it or the channel names nothing."""
    match entry:
        case ShopifyAccount(api=ShopifyApi() as api):
            return partial(shopify.question, api, secret)
        case WooCommerceAccount(api=WooCommerceApi() as api):
            return partial(woocommerce.question, api, secret)
        case SquareAccount(api=SquareApi() as api):
            return partial(square.question, api, secret)
        case _:
            return None
