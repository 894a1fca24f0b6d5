"""
Trying accounts: what the file alone can't show, such as whether a secret is there.

A check looks at one account and yields findings. Those that ask a channel are probes: a kind of channel registers one
in PROBES, and `onhand channels check` runs it unless told to stay offline.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from connectors.accounts.model import IN, AccountsFile, Entry
from connectors.accounts.secrets import MissingSecret, Vault
from connectors.standard_webhooks.signature import InvalidSecret
from connectors.standard_webhooks.signature import headers as signed

OK = ""
HOMELESS = frozenset({"shopify", "woocommerce", "amazon"})
"""Kinds whose orders need not say where they are promised."""
OPAQUE = frozenset({"square"})
"""Kinds that name goods only by numbers of their own."""
IN_PACKS = frozenset({"epcis", "x12", "edifact"})
"""Kinds that count cases, not only units."""


class Finding(NamedTuple):
    """What a check found: on which account, what it looked at, and what is wrong, empty if nothing is."""

    account_id: str
    subject: str
    problem: str

    @property
    def is_ok(self) -> bool:
        """True when nothing is wrong."""
        return self.problem == OK


@dataclass(frozen=True, slots=True)
class Tried:
    """One account under check; channels are those of the installation, vault where its secrets are."""

    account_id: str
    entry: Entry
    channels: Collection[str]
    vault: Vault

    def finding(self, subject: str, problem: str = OK) -> Finding:
        """Return a finding on this account."""
        return Finding(self.account_id, subject, problem)


class Probe(Protocol):
    """Asks a channel whether an account works: the token, the locations, whatever can be asked without writing."""

    async def __call__(self, tried: Tried, /) -> list[Finding]:
        """Return what was found; a channel that can't be reached is a finding, never an error."""


PROBES: dict[str, Probe] = {}
"""By kind of channel."""


def check_offline(tried: Tried) -> list[Finding]:
    """Return what can be found without asking anybody."""
    return [finding for check in _CHECKS for finding in check(tried)]


async def check_accounts(
    file: AccountsFile,
    channels: Collection[str],
    vault: Vault,
    probes: Mapping[str, Probe] = PROBES,
) -> list[Finding]:
    """Return the findings on all accounts, in the file's order; a channel is asked only if all else is right."""
    findings: list[Finding] = []
    for account_id, entry in file.accounts.items():
        tried = Tried(account_id, entry, channels, vault)
        found = check_offline(tried)
        probe = probes.get(entry.kind)
        if probe is not None and all(finding.is_ok for finding in found):
            found += await probe(tried)
        findings += found
    return findings


def _secrets(tried: Tried) -> Iterator[Finding]:
    """Yield whether each secret is where the file says, and looks like one."""
    for field, reference in tried.entry.references():
        subject = f"{field} = {reference}"
        try:
            secret = tried.vault.open(reference)
            if tried.entry.kind == "standard_webhooks" and field.startswith("secrets"):
                signed(secret, "check", 0, b"")
        except (MissingSecret, InvalidSecret) as error:
            yield tried.finding(subject, str(error))
        else:
            yield tried.finding(subject)


def _channel(tried: Tried) -> Iterator[Finding]:
    """Yield whether the sales channel is one of the installation."""
    channel_id = tried.entry.channel_id
    if channel_id is None:
        return
    known = channel_id in tried.channels
    there = ", ".join(sorted(tried.channels))
    yield tried.finding(
        f"channel_id = {channel_id}", OK if known else f"no channel of ONHAND_CHANNELS, which has {there}"
    )


def _locations(tried: Tried) -> Iterator[Finding]:
    """Yield whether what the channel sends has a place."""
    entry = tried.entry
    if IN not in entry.directions:
        return
    problem = OK
    if not entry.locations and entry.default_location_id is None:
        problem = "set default_location_id or [locations]: now every body is refused"
    elif entry.kind in HOMELESS and entry.default_location_id is None:
        problem = "set default_location_id: orders that name no location are refused"
    yield tried.finding(f"locations: {len(entry.locations)} mapped", problem)


def _skus(tried: Tried) -> Iterator[Finding]:
    """Yield whether what the channel sends can be told to be goods of ours."""
    entry = tried.entry
    problem = OK
    comes_in = IN in entry.directions
    if not entry.skus and (entry.skus_closed or (comes_in and entry.kind in OPAQUE)):
        problem = "set [skus]: now every line is refused"
    elif comes_in and entry.pack_sizes and entry.kind not in IN_PACKS:
        problem = (
            f"of what comes in, only {', '.join(sorted(IN_PACKS))} count packs: a case would be one unit"
        )
    elif entry.skus_closed and (lost := entry.pack_sizes.keys() - entry.skus.keys()):
        problem = f"pack_sizes has {min(lost)}, which skus does not have, and skus_closed refuses it"
    yield tried.finding(f"skus: {len(entry.skus)} mapped", problem)


_CHECKS: tuple[Callable[[Tried], Iterator[Finding]], ...] = (_secrets, _channel, _locations, _skus)
