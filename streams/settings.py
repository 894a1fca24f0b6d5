"""All settings, each also an environment variable ONHAND_...; the command line overrides both."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from streams import topology
from streams.domain.catalogue import parse_authority
from streams.domain.orders import PROMISE_HORIZON_DAYS

CHANNEL_ID = re.compile(
    r"[a-z0-9][a-z0-9-]{0,62}"
)  # It becomes part of a topic name: kebab-case, never dots.

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")  # What the client takes.


class Catalogue(StrEnum):
    """What to do with a sale or return of a SKU that no receipt, adjustment or announcement has introduced."""

    LENIENT = "lenient"
    STRICT = "strict"


class Settings(BaseSettings):
    """
    Settings of every Onhand process.

    Raises pydantic.ValidationError, with the setting's name and what it takes, for a value that makes no sense.
    """

    model_config = SettingsConfigDict(env_prefix="ONHAND_", extra="ignore")

    bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, comma-separated.")
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Redis of the read view.")
    group_id: str = Field("onhand-stock", description="Kafka consumer group of the stock workers.")
    worker_id: str = Field(
        "worker-0", description="Stable name of this worker: static member, transactional id."
    )
    partitions: int = Field(
        4,
        ge=1,
        le=1024,
        description="Partitions of every topic keyed by SKU: as many workers can share the work.",
    )
    replication_factor: int = Field(1, ge=1, le=9, description="Replicas of every topic that is created.")
    channels: Annotated[tuple[str, ...], NoDecode] = Field(
        ("pos", "web", "marketplace"),
        description="Sales channels that get an availability topic, comma-separated.",
    )
    catalogue: Catalogue = Field(Catalogue.LENIENT, description="Whether unknown SKUs are applied or wait.")
    catalogue_authority: Annotated[dict[str, str], NoDecode] = Field(
        {},
        description="Which source decides an attribute of SKU master data, such as category=pim,gtins=erp.",
    )
    batch_max_records: int = Field(10_000, ge=1, le=200_000, description="Most events in one transaction.")
    session_timeout_ms: int = Field(
        6_000, ge=1_000, description="Kafka session: how long a dead worker is kept."
    )
    transaction_timeout_ms: int = Field(
        10_000, ge=1_000, description="When the broker ends a dead transaction."
    )
    lateness_horizon_hours: int = Field(24, ge=1, description="Older events are marked late in the ledger.")
    hold_maximum_hours: int = Field(
        24, ge=1, description="A checkout hold may not be asked for longer than this."
    )
    # A day longer than identities are remembered: a dead letter that is replayed is no duplicate of itself.
    waiting_days: int = Field(
        topology.DEDUPLICATION_WINDOW_DAYS + 1,
        ge=1,
        description="What arrived before its order waits for it so long; then it is given up.",
    )
    # Two weeks to change one's mind and two to send it back, as European law has it, and a little more.
    order_memory_days: int = Field(
        30, ge=0, description="A shipped order is remembered so long, to tell when more comes back than left."
    )
    promise_horizon_days: int = Field(
        PROMISE_HORIZON_DAYS, ge=1, le=731, description="How far ahead available to promise looks."
    )
    retry_delay_seconds: float = Field(
        5.0, gt=0, description="First wait of a retried event; doubles each time."
    )
    retry_attempts: int = Field(5, ge=0, description="Retries before an event becomes a dead letter.")
    metrics_host: str = Field(
        "127.0.0.1", description="Address that the metrics port listens on; 0.0.0.0 inside a container."
    )
    metrics_port: int = Field(0, ge=0, le=65_535, description="Port of /metrics, /live, /ready; 0 picks one.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("channels", mode="before")
    @classmethod
    def _split_channels(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("catalogue_authority", mode="before")
    @classmethod
    def _split_authority(cls, value: object) -> object:
        return parse_authority(value) if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        if not value.startswith(REDIS_SCHEMES):
            raise ValueError(f"{value!r} must begin with {' or '.join(REDIS_SCHEMES)}")
        return value

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for channel_id in value:
            if not CHANNEL_ID.fullmatch(channel_id):
                raise ValueError(f"channel {channel_id!r} must be lower-case letters, digits and dashes")
        return tuple(sorted(set(value)))
