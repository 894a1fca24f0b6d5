"""Records of a topic → what to write to the view; pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.wire import UndecodableRecord, decode
from streams.view.layout import body_of
from streams.view.store import Write


class TopicRecord(Protocol):
    """What is read of a record: the shape of aiokafka.ConsumerRecord, so that none is copied."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def offset(self) -> int: ...


@dataclass(slots=True)
class Refused:
    """A record that can't be shown, and why."""

    offset: int
    reason: str


@dataclass(slots=True)
class TopicWrites:
    """
    Writes of one topic, gathered record by record: of one SKU only the highest version stays.

    A removal parts what is before it from what is after it, since versions begin anew there.
    """

    ignored: int = 0
    refused: list[Refused] = field(default_factory=list)
    _slots: list[tuple[str, int, dict[str, Any] | None]] = field(default_factory=list)
    _last: dict[str, int] = field(default_factory=dict)

    def add_all(self, records: Iterable[TopicRecord]) -> None:
        """Take records in the order of their partition."""
        for record in records:
            try:
                self._add(record)
            except (UndecodableRecord, ValueError, KeyError) as error:
                self.refused.append(Refused(record.offset, str(error)))

    def writes(self) -> list[Write]:
        """Return what is left to write, in order."""
        return [
            (sku, version, "" if value is None else body_of(value)) for sku, version, value in self._slots
        ]

    def _add(self, record: TopicRecord) -> None:
        if record.key is None:
            raise ValueError("the record has no key")
        sku = record.key.decode()
        if record.value is None:
            self._last.pop(sku, None)
            self._slots.append((sku, 0, None))
            return
        _, value = decode(record.value)
        version: int = value["version"]
        slot = self._last.get(sku)
        if slot is None:
            self._last[sku] = len(self._slots)
            self._slots.append((sku, version, value))
        elif version > self._slots[slot][1]:
            self._slots[slot] = (sku, version, value)
            self.ignored += 1
        else:
            self.ignored += 1
