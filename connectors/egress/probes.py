"""Probes of accounts that are told what they may sell: credentials, location, directory; nothing is written."""

import os
from collections.abc import Mapping
from pathlib import Path

from connectors.accounts.check import Finding, Probe, Tried
from connectors.accounts.delivery import FileDelivery
from connectors.accounts.model import OUT
from connectors.egress.channels import outgoing_of
from connectors.egress.mapped import MappedSink
from connectors.protocols import ChannelUnavailable


async def probe_api(tried: Tried) -> list[Finding]:
    """Ask the channel's API with the account's credentials, for the location that is written to."""
    if OUT not in tried.entry.directions:
        return []
    sink = outgoing_of(tried.account_id, tried.entry, tried.vault).sink
    assert isinstance(sink, MappedSink)
    try:
        await sink.check()
    except ChannelUnavailable as error:
        return [tried.finding("its API", str(error))]
    finally:
        await sink.close()
    return [tried.finding("its API")]


async def probe_directory(tried: Tried) -> list[Finding]:
    """Look whether files can be dropped."""
    entry = tried.entry
    if OUT not in entry.directions:
        return []
    assert isinstance(entry.delivery, FileDelivery)
    directory = tried.vault.folder / Path(entry.delivery.directory)
    problem = ""
    if not directory.is_dir():
        problem = "there is no such directory: make it, or mount it"
    elif not os.access(directory, os.W_OK | os.X_OK):
        problem = "no file can be written there: see to its owner and mode"
    return [tried.finding(f"directory {entry.delivery.directory}", problem)]


DELIVERY_PROBES: Mapping[str, Probe] = {
    "shopify": probe_api,
    "woocommerce": probe_api,
    "square": probe_api,
    "amazon": probe_api,
    "adobe_commerce": probe_api,
    "csv": probe_directory,
    "x12": probe_directory,
    "edifact": probe_directory,
}
"""By kind of channel. Standard Webhooks has none: a message that asks would be one to do something about."""
