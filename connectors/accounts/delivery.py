"""The table [accounts.ID.delivery]: how an account is told what it may sell."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from connectors.accounts.fields import HttpUrl, Name, Table
from connectors.accounts.secrets import Secret
from connectors.egress.pace import parse_rate
from connectors.egress.readback import EVERY_SECONDS

BATCH_SIZE_MAX = 10_000  # Beyond, one answer of a channel would not fit what is read of it.
SECRETS_MAX = 8  # As many as an account that sends to us may have.


def _rate(value: str) -> str:
    """Return a rate as it was written. Raises ValueError."""
    parse_rate(value)
    return value


EdiParty = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z .-]{0,14}$")]
"""An id that every EDI can say without escaping: ISA has 15 characters for it."""
EdiQualifier = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,4}$")]


class Delivery(Table):
    """What every kind may say of its deliveries."""

    rate: Annotated[str, AfterValidator(_rate)] | None = Field(
        None, description="Most requests: 10/s, 600/m or 10/h; no limit without."
    )
    batch_size: int | None = Field(None, ge=1, le=BATCH_SIZE_MAX, description="Most SKUs in one request.")
    read_back_seconds: float = Field(
        EVERY_SECONDS, ge=0, description="How often figures are read back and repaired; 0 is never."
    )

    @property
    def requests_per_second(self) -> float | None:
        """The rate as a number, None without a limit."""
        return parse_rate(self.rate) if self.rate is not None else None

    @property
    def written_location(self) -> str | None:
        """The channel's location that is written to, None where it has no locations."""
        return None


class PlacedDelivery(Delivery):
    """For channels that keep stock by location."""

    location: Name = Field(description="The channel's own id of the location that is written to.")

    @property
    def written_location(self) -> str | None:
        """The channel's location that is written to."""
        return self.location


class WebhookDelivery(Delivery):
    """For systems that take signed messages."""

    url: HttpUrl = Field(description="Where messages are posted to.")
    secrets: tuple[Secret, ...] = Field(
        min_length=1, max_length=SECRETS_MAX, description="What they are signed with, each of them."
    )


class FileDelivery(Delivery):
    """For partners that fetch files."""

    directory: str = Field(
        min_length=1, description="Where files are dropped; a relative path begins at this file's folder."
    )


class EdiDelivery(FileDelivery):
    """For partners that fetch EDI."""

    sender: EdiParty = Field(description="Our id at the partner.")
    receiver: EdiParty = Field(description="The partner's id.")
    sender_qualifier: EdiQualifier | None = Field(None, description="Of our id: ZZ in X12, 14 in EDIFACT.")
    receiver_qualifier: EdiQualifier | None = Field(None, description="Of the partner's id, the same.")
    warehouse: EdiParty | None = Field(None, description="How the partner calls the place of the figures.")

    @property
    def parties(self) -> dict[str, str]:
        """What is said of them, by the names that both formats give it."""
        return self.model_dump(
            include={"sender", "receiver", "sender_qualifier", "receiver_qualifier", "warehouse"},
            exclude_none=True,
        )
