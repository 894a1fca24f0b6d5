"""Where a record goes that is not applied: a retry topic, a dead-letter topic, or its right partition."""

from streams.agents.dead_letters import attempts, dead_letter_headers, retry_delay_ms, retry_headers
from streams.agents.writing import Writing
from streams.domain.errors import EventRefused, GiveUp, NotYet, Reason
from streams.engine.log import Record
from streams.engine.partitioner import partition_for

FORWARDED_FROM = "onhand-forwarded-from"


class Refusals:
    """Sends records on, each in the transaction of its batch."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._settings = writing.settings

    def refuse(self, record: Record, refusal: EventRefused) -> None:
        """Send a record that was refused to wait, or to the dead letters."""
        if isinstance(refusal, NotYet):
            self._retry(record, refusal)
        else:
            self._dead_letter(record, refusal)

    def forward(self, record: Record, key: bytes) -> bool:
        """
        Send a record on to its right partition; return False when it stands there already.

        Only for SKUs that the table does not hold: those that it holds are at home here.
        """
        right = partition_for(key, self._settings.partitions)
        if right == record.partition():
            return False
        origin = f"{record.topic()}-{record.partition()}-{record.offset()}".encode()
        headers = [*(record.headers() or ()), (FORWARDED_FROM, origin)]
        self._writing.batch.emit(record.topic(), right, record.key(), record.value(), headers)
        self._writing.outcomes[record.topic(), "FORWARDED"] += 1
        return True

    def _retry(self, record: Record, refusal: NotYet) -> None:
        attempt = attempts(record.headers()) + 1
        if attempt > self._settings.retry_attempts:
            message = f"{refusal.reason} after {attempt - 1} retries: {refusal.message}"
            self._dead_letter(record, GiveUp(Reason.RETRIES_EXHAUSTED, message))
            return
        not_before = self._writing.batch.now + retry_delay_ms(attempt, self._settings.retry_delay_seconds)
        headers = retry_headers(record, refusal.reason, refusal.message, attempt, not_before)
        self._send_aside(record, f"{record.topic()}-retry", headers)
        self._writing.refusals[record.topic(), "retry", refusal.reason] += 1

    def _dead_letter(self, record: Record, refusal: EventRefused) -> None:
        headers = dead_letter_headers(record, refusal.reason, refusal.message)
        self._send_aside(record, f"{record.topic()}-dlq", headers)
        self._writing.refusals[record.topic(), "dead_letter", refusal.reason] += 1

    def _send_aside(self, record: Record, topic: str, headers: list[tuple[str, bytes]]) -> None:
        self._writing.batch.emit(topic, record.partition(), record.key(), record.value(), headers)
