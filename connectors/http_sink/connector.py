"""The HTTP sink wired up: one channel, one URL."""

from collections.abc import Mapping

from connectors.egress.connector import Egress
from connectors.egress.delivery import DeliveryOptions
from connectors.http_sink.client import HttpSink


def http_egress(
    bootstrap_servers: str,
    url: str,
    options: DeliveryOptions,
    *,
    group_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Egress:
    """Return a channel's delivery to a URL; members of one group share the channel's partitions."""
    sink = HttpSink(options.channel_id, url, headers)
    return Egress(bootstrap_servers, group_id or default_group_id(options.channel_id), options, sink)


def default_group_id(channel_id: str) -> str:
    """Return the consumer group of a channel's HTTP delivery unless it is given another."""
    return f"onhand-deliver-http-{channel_id}"
