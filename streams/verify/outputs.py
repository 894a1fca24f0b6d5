"""What was published of one partition's SKUs: the table and each channel's availability."""

from collections.abc import Iterable, Mapping
from typing import Any

from streams.verify.decoding import Undecodable, decode, version_of
from streams.verify.partitioning import partition_of
from streams.verify.reading import Record
from streams.verify.report import Kind, Report


class Latest:
    """The last record of each SKU in one topic's partition; versions may only rise on the way there."""

    def __init__(self, topic: str, record: str, partitions: int, report: Report) -> None:
        self.topic = topic
        self._record = record
        self._partitions = partitions
        self._report = report
        self._values: dict[bytes, bytes] = {}
        self._versions: dict[bytes, int] = {}

    def take(self, record: Record) -> None:
        """Take the next record of the partition."""
        where = f"{record.topic()}:{record.partition()}:{record.offset()}"
        key, value = record.key(), record.value()
        if key is None or value is None:
            self._report.add(Kind.UNREADABLE_OUTPUT, where, "has no key or no value")
            return
        try:
            version = version_of(value)
        except Undecodable as error:
            self._report.add(Kind.UNREADABLE_OUTPUT, where, str(error))
            return
        last = self._versions.get(key)
        if last is None:
            if partition_of(key, self._partitions) != record.partition():
                self._report.add(Kind.MISPLACED, where, f"{_text(key)} does not belong on this partition")
        elif version <= last:
            what = f"version of {_text(key)} does not rise"
            self._report.add(Kind.VERSION, where, what, f"> {last}", version)
        self._versions[key] = version
        self._values[key] = value

    def values(self) -> dict[str, dict[str, Any]]:
        """Return the last value of each SKU, decoded."""
        found: dict[str, dict[str, Any]] = {}
        for key, data in self._values.items():
            try:
                name, value = decode(data)
            except Undecodable as error:
                self._report.add(Kind.UNREADABLE_OUTPUT, f"{self.topic} {_text(key)}", str(error))
                continue
            if name != self._record or value["sku"].encode() != key:
                what = f"is no {self._record} of that SKU"
                self._report.add(Kind.UNREADABLE_OUTPUT, f"{self.topic} {_text(key)}", what)
                continue
            found[value["sku"]] = value
        return found


def read_latest(records: Iterable[Record], topics: Mapping[str, Latest]) -> None:
    """Give each record to its topic's latest values."""
    for record in records:
        topics[record.topic()].take(record)


def _text(key: bytes) -> str:
    return key.decode("utf-8", "replace")
