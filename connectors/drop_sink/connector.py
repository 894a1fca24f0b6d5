"""The drop sink wired up: one channel, one directory."""

from pathlib import Path

from connectors.drop_sink.client import DropSink
from connectors.drop_sink.translate import Csv


def csv_sink(channel_id: str, directory: Path) -> DropSink:
    """Return a sink that writes CSV files."""
    return DropSink(directory, Csv(), channel_id)
