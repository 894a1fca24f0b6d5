"""What operators decided about dead letters: the newest decision for each, out of its compacted topic."""

import logging
import sys
from collections import defaultdict
from enum import StrEnum

from schemas import wire
from streams.dlq.letters import InvalidLetterId, LetterId
from streams.dlq.reading import scan
from streams.engine.log import Log, Partition, Record
from streams.topology import DEAD_LETTER_DECISIONS

logger = logging.getLogger(__name__)


class Decision(StrEnum):
    """What was decided about a dead letter."""

    REPLAYED = "REPLAYED"
    DISCARDED = "DISCARDED"


class Decisions:
    """Decisions by dead letter; of each only what it was is kept, so that millions fit into memory."""

    def __init__(self) -> None:
        self._by_partition: defaultdict[Partition, dict[int, str]] = defaultdict(dict)

    def __len__(self) -> int:
        return sum(map(len, self._by_partition.values()))

    def get(self, letter_id: LetterId) -> str | None:
        """Return the decision about a dead letter, None while it is open."""
        return self._by_partition[letter_id.topic_partition].get(letter_id.offset)

    def put(self, letter_id: LetterId, decision: str) -> None:
        """Note a decision."""
        self._by_partition[letter_id.topic_partition][letter_id.offset] = sys.intern(str(decision))

    def reopen(self, letter_id: LetterId) -> None:
        """Forget a decision."""
        self._by_partition[letter_id.topic_partition].pop(letter_id.offset, None)


def load_decisions(log: Log) -> Decisions:
    """Read all decisions. Raises MissingTopic and StalledRead (streams.dlq.reading)."""
    decisions = Decisions()
    for record in scan(log, [DEAD_LETTER_DECISIONS.name]):
        _take(decisions, record)
    return decisions


def encode_decision(letter_id: LetterId, decision: Decision, decided_at: int, note: str | None) -> bytes:
    """Return the value of a decision's record; decided_at is UTC milliseconds."""
    value = {
        "dead_letter_id": str(letter_id),
        "decision": decision.value,
        "decided_at": decided_at,
        "note": note,
    }
    return wire.encode("DeadLetterDecision", value)


def _take(decisions: Decisions, record: Record) -> None:
    try:
        letter_id = LetterId.parse((record.key() or b"").decode("utf-8", "replace"))
        value = record.value()
        if value is None:
            decisions.reopen(letter_id)
        else:
            decisions.put(letter_id, wire.decode(value)[1]["decision"])
    except (InvalidLetterId, wire.UndecodableRecord, KeyError) as error:
        logger.warning("ignoring record %d of %s: %s", record.offset(), record.topic(), error)
