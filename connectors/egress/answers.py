"""What any channel's answer over HTTP means before its own words are looked at: pure."""

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from connectors.protocols import ChannelUnavailable

RETRY_AFTER_MAX_SECONDS = (
    3_600.0  # A channel that asks for more has mistaken its clock; ask again within the hour.
)
REASON_MAX_CHARACTERS = 300


class Answer(NamedTuple):
    """A channel's answer: status, headers by any case of their names, and the body as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def successful(self) -> bool:
        """True for 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


def json_of(answer: Answer) -> Any:
    """Return the body of an answer as JSON. Raises ChannelUnavailable: a page of a proxy confirms nothing."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ChannelUnavailable(f"{reason_of(answer.status, answer.body)}: no JSON") from None


def object_of(answer: Answer) -> Mapping[str, Any]:
    """Return the body of an answer as a JSON object. Raises ChannelUnavailable."""
    value = json_of(answer)
    if not isinstance(value, dict):
        raise ChannelUnavailable(f"{reason_of(answer.status, answer.body)}: no JSON object")
    return value


def objects(value: Any, *path: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list that stands under a path of keys; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def whole(value: Any) -> int | None:
    """Return a whole number that JSON wrote as number or text; None for what is none."""
    try:
        return int(value) if not isinstance(value, bool) and float(value) == int(value) else None
    except (TypeError, ValueError, OverflowError):
        return None


def require_success(answer: Answer, now: float) -> None:
    """
    Raise ChannelUnavailable for an answer that is no 2xx; now is UTC seconds, for Retry-After dates.

    Only 429 is throttling, which is no failure; a 503 with Retry-After is one, and says for how long.
    """
    if answer.successful:
        return
    raise ChannelUnavailable(
        reason_of(answer.status, answer.body),
        retry_after_seconds=retry_after_seconds(answer.headers.get("retry-after"), now),
        throttled=answer.status == HTTPStatus.TOO_MANY_REQUESTS,
    )


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Return a Retry-After header (seconds or HTTP date) as seconds from now; None if absent or damaged."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.replace(".", "", 1).isdecimal():  # Shopify writes seconds as 2.0.
        return min(float(text), RETRY_AFTER_MAX_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now), RETRY_AFTER_MAX_SECONDS)


def reason_of(status: int, body: bytes) -> str:
    """Return what the channel said, short enough for a header and a log line."""
    said = shortened(body.decode("utf-8", "replace"))
    return f"status {status}{': ' if said else ''}{said}"


def shortened(said: object) -> str:
    """Return any words of a channel on one line, short enough for a header."""
    return " ".join(str(said).split())[:REASON_MAX_CHARACTERS]
