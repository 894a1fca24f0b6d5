"""Fields of the accounts file that every table shares, and what their values must look like."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

import schemas
from streams.domain.sku import InvalidSku, normalise_sku

PACK_SIZE_MAX = 1_000_000  # No pallet holds more units; a larger figure is a mistake.

DISPOSITIONS: tuple[str, ...] = tuple(
    next(
        one["type"]["symbols"]
        for one in schemas.load("ReturnReceived")["fields"]
        if one["name"] == "disposition"
    )
)


def _zone(value: Any) -> Any:
    """Return the time zone of that IANA name. Raises ValueError."""
    try:
        return ZoneInfo(value) if isinstance(value, str) else value
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {value!r}; write one such as Europe/Berlin") from None


def _http_url(value: str) -> str:
    """Return an address without its last slash. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError("no address: write https://HOST, with a path or not, and without any password")
    return value.rstrip("/")


def _sku(value: str) -> str:
    """Return a SKU as every topic has it. Raises ValueError."""
    try:
        return normalise_sku(value)
    except InvalidSku as error:
        raise ValueError(f"no SKU: {error}") from None


def _moment(value: Any) -> Any:
    """Return a date or a time with its zone, as TOML writes them, as UTC milliseconds. Raises ValueError."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.timestamp() * 1_000)
    if isinstance(value, date) and not isinstance(value, datetime):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1_000)
    raise ValueError(
        "write a date such as 2026-01-31, or a time with its zone, 2026-01-31T12:00:00Z, unquoted"
    )


def _disposition(value: str) -> str:
    if value not in DISPOSITIONS:
        raise ValueError(f"none of {', '.join(DISPOSITIONS)}")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=128)]
"""An id of ours or of a channel: printable ASCII, no blanks."""
AccountId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Part of an address and of keys, so lower-case letters, digits and dashes."""
ChannelId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Sku = Annotated[str, AfterValidator(_sku)]
HttpUrl = Annotated[str, AfterValidator(_http_url), WithJsonSchema({"type": "string", "format": "uri"})]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone), WithJsonSchema({"type": "string"})]
PackSize = Annotated[int, Field(ge=1, le=PACK_SIZE_MAX)]
Disposition = Annotated[
    str, AfterValidator(_disposition), WithJsonSchema({"type": "string", "enum": list(DISPOSITIONS)})
]


class Table(BaseModel):
    """One table of the file: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date"})]
"""A date or time in the file, UTC milliseconds here."""
