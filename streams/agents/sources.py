"""
Sources: when each was heard last, and whose silence is too long (semantics 9).

A source is heard through its connector's heartbeats and through its events. Heartbeats come by the global topic of
sources; a worker that applies events of a source writes there that it heard it, every 5 seconds at most and only if
some policy names the source. Silence is judged four times a second, by the batch's time. People are told of it once,
by the worker that owns the partition of the source's name; that they were told stands in the same topic.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.writing import Writing
from streams.domain import alerts, freshness
from streams.domain.alerts import Alert
from streams.domain.policy import ANY, StockPolicySet
from streams.domain.stock import Stock
from streams.domain.validation import FUTURE_TOLERANCE_MILLISECONDS
from streams.engine.partitioner import partition_for

logger = logging.getLogger(__name__)

SOURCES = topology.SOURCES.name
WRITE_INTERVAL_MS = 5_000  # A policy can't ask for less than 10 s (domain/policy_rules.py).
LOOK_INTERVAL_MS = 250  # As often as the engine ticks.
# Who has just started, or just heard that a source matters, first listens: what was written while nobody read comes
# in, and others say what they have heard. Silences that people know of go on meanwhile.
LISTENING_MS = 5_000
SOURCES_KEPT = 10_000  # Of those that no policy names; only when they were heard is kept.
SILENCE_SUFFIX = b"\x1fsilence"  # Of the key of a silence; a source's heartbeat has its name alone.


class _Mentions(NamedTuple):
    """What one document says of sources: their locations by source_id, and limits in seconds."""

    places: dict[str, set[str]]
    limits: set[int]


class SourceBook:
    """
    When sources were heard, and which are silent for too long.

    silences changes only in look, so that all of a batch is told by the same.
    """

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._mentions: dict[bytes, _Mentions] = {}
        self._places: dict[str, set[str]] = {}
        self._limits: tuple[int, ...] = ()
        self._is_new = False
        self._heard: dict[str, int] = {}
        self._heard_here: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._echoes: Counter[str] = Counter()
        self._listening_since: dict[str, int] = {}
        self._next_look = 0
        self.silences: dict[str, int] = {}

    def take(self, key: bytes, data: bytes | None) -> None:
        """Take a record of the topic of sources; what is none of ours is left alone."""
        try:
            self._take(key, data)
        except (KeyError, ValueError, IndexError, UnicodeDecodeError):
            logger.warning("a record of %s under %r is no sign of life of a source", SOURCES, key)

    def _take(self, key: bytes, data: bytes | None) -> None:
        if key.endswith(SILENCE_SUFFIX):
            source_id = key.removesuffix(SILENCE_SUFFIX).decode()
            if self._echoes[source_id]:
                self._echoes[source_id] -= (
                    1  # What this worker told it knows; the echo may be old news by now.
                )
            elif data is None:
                self._told.pop(source_id, None)
            else:
                self._told[source_id] = codec.read_source_silence(data)[1]
        elif data is not None:
            source_id, heard_at, _ = codec.read_source_heard(data)
            self._heard[source_id] = max(heard_at, self._heard.get(source_id, freshness.NEVER))

    def mention(self, key: bytes, policy: StockPolicySet) -> None:
        """Take what a policy that has come in force says of sources."""
        places: dict[str, set[str]] = {}
        for rules in policy.sources:
            for source_id in rules.source_ids or ():
                places.setdefault(source_id, set()).add(rules.location_id)
        limits = {rules.maximum_staleness_seconds for rules in policy.channels} - {None}
        known = self._mentions.pop(key, None)
        if places or limits:
            self._mentions[key] = _Mentions(places, limits)  # type: ignore[arg-type] # None is taken out.
        self._is_new = self._is_new or known is not None or key in self._mentions

    def places(self, source_ids: Iterable[str]) -> set[str]:
        """Return the locations at which policies name any of some sources, * among them if at all."""
        return {place for source_id in source_ids for place in self._places.get(source_id, ())}

    def listen(self) -> None:
        """Remember whom the batch's events came from."""
        now, here = self._writing.batch.now, self._heard_here
        for source_id in self._writing.sources:
            if source_id in here or len(here) < SOURCES_KEPT or source_id in self._places:
                here[source_id] = now

    @property
    def listens(self) -> bool:
        """True while silences were not judged in full, since it has not listened for long enough."""
        looked_at = self._next_look - LOOK_INTERVAL_MS
        return self._is_new or any(
            looked_at < since + LISTENING_MS for since in self._listening_since.values()
        )

    def look(self, owns: Callable[[int], bool]) -> set[str]:
        """
        Judge all silences when it is time to; return the sources whose silence began, grew or ended.

        Also says in the batch whom this worker has heard, and tells people what the partitions that it owns
        are to tell.
        """
        now = self._writing.batch.now
        back = not self.silences.keys().isdisjoint(self._writing.sources)
        matters = self._is_new or (bool(self._mentions or self._told) and (now >= self._next_look or back))
        if not matters:
            return set()
        self._next_look = now + LOOK_INTERVAL_MS
        if self._is_new:
            self._collect(now)
        self._write_heard(now)
        silences = {source: limit for source in self._places if (limit := self._exceeded(source, now))}
        changed = {source for source, _ in silences.items() ^ self.silences.items()}
        self.silences = silences
        self._tell(now, owns)
        return changed

    def _collect(self, now: int) -> None:
        """Bring together what all documents say."""
        self._is_new = False
        self._places = {}
        for mentions in self._mentions.values():
            for source_id, places in mentions.places.items():
                self._places.setdefault(source_id, set()).update(places)
        self._limits = tuple(sorted(set().union(*(mentions.limits for mentions in self._mentions.values()))))
        self._listening_since = {name: self._listening_since.get(name, now) for name in self._places}

    def _exceeded(self, source_id: str, now: int) -> int:
        if source_id not in self._told and now < self._listening_since[source_id] + LISTENING_MS:
            return 0
        return freshness.exceeded(self._heard_at(source_id, now), now, self._limits)

    def _heard_at(self, source_id: str, now: int) -> int:
        heard = self._heard.get(source_id, freshness.NEVER)
        if heard > now + FUTURE_TOLERANCE_MILLISECONDS:
            # A wrong clock would make the source look alive for ever.
            logger.warning("source %r says that it was heard in the future: ignored", source_id)
            heard = self._heard[source_id] = freshness.NEVER
        return max(heard, self._heard_here.get(source_id, freshness.NEVER))

    def _write_heard(self, now: int) -> None:
        """Say whom this worker has heard since it last said so."""
        batch, partitions = self._writing.batch, self._writing.settings.partitions
        for source_id in sorted(self._places.keys() & self._heard_here.keys()):
            heard_at, written = self._heard_here[source_id], self._written.get(source_id, freshness.NEVER)
            if heard_at == written or now < written + WRITE_INTERVAL_MS:
                continue
            key = source_id.encode()
            value = codec.write_source_heard(source_id, heard_at, self._writing.settings.worker_id)
            batch.emit(SOURCES, partition_for(key, partitions), key, value)
            batch.after_commit(partial(self._written.__setitem__, source_id, heard_at))

    def _tell(self, now: int, owns: Callable[[int], bool]) -> None:
        """Tell people which silences are too long and which are over, once each."""
        for source_id in sorted(self.silences.keys() ^ self._told.keys()):
            key = source_id.encode()
            partition = partition_for(key, self._writing.settings.partitions)
            if not owns(partition):
                continue
            if source_id in self.silences:
                heard_at = self._heard_at(source_id, now)
                value = codec.write_source_silence(source_id, heard_at, now)
                self._raise(alerts.STALE_SOURCE, partition, source_id, heard_at)
                told: int | None = heard_at
            else:
                value, told = None, None
                self._raise(alerts.STALE_SOURCE_RESOLVED, partition, source_id, self._told[source_id])
            self._writing.batch.emit(SOURCES, partition, key + SILENCE_SUFFIX, value)
            self._writing.batch.after_commit(partial(self._set_told, source_id, told))

    def _set_told(self, source_id: str, heard_at: int | None) -> None:
        self._echoes[source_id] += 1
        if heard_at is None:
            self._told.pop(source_id, None)
        else:
            self._told[source_id] = heard_at

    def _raise(self, kind: str, partition: int, source_id: str, heard_at: int) -> None:
        """Raise an alert about all SKUs; its id names the silence by when it began."""
        about = Stock(ANY, occurred_at=heard_at)
        alert = Alert(kind, ANY, 0, references=(source_id,))
        self._writing.raise_alert(partition, ANY.encode(), f"{kind}:{source_id}:{heard_at}", about, alert)
