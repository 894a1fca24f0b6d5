"""
What the accounts file may say; README.md beside this file shows it.

Each kind of channel has a model of its own, because each needs other things: Square signs the address that it
calls, WooCommerce has two keys. A new kind is a class here, in KINDS, and a line in `connectors.ingress.channels` or
in the egress.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from connectors.accounts.delivery import (
    Delivery,
    EdiDelivery,
    FileDelivery,
    PlacedDelivery,
    WebhookDelivery,
)
from connectors.accounts.fields import (
    AccountId,
    ChannelId,
    Disposition,
    HttpUrl,
    Moment,
    Name,
    PackSize,
    Sku,
    Table,
    Zone,
)
from connectors.accounts.secrets import Secret, SecretReference
from connectors.translation import Account
from streams.topology import MAXIMUM_ORIGINAL_BYTES

Direction = Literal["in", "out"]
IN: Direction = "in"
OUT: Direction = "out"

SECRETS_MAX = 8  # Of one account: rotating takes two, and each costs a hash for each request.
HEADERS_BYTES = 65_536  # What a refused body carries beside itself, reasons included.
BODY_BYTES_MAX = MAXIMUM_ORIGINAL_BYTES - HEADERS_BYTES  # A refused body is kept whole, as one record.
BODY_BYTES = 1_048_576  # Shopify's largest webhooks are some hundred kB, those of others far less.
REQUESTS_PER_SECOND = 100.0  # Beyond the flash sale of a large shop; more is a loop somewhere.
LOGIN_WITH_AMAZON = "https://api.amazon.com/auth/o2/token"
POLL_LONGEST_SECONDS = 1_800  # A channel that was not asked for an hour is an alert.
BURST_REQUESTS = 500  # What channels send at once when they come back from an outage of their own.


POLLED = ("shopify", "woocommerce", "square")
"""Kinds that can be asked for what changed."""


class Limits(Table):
    """How much an account may send; what is beyond is refused and comes again."""

    body_bytes: int = Field(BODY_BYTES, ge=1_024, le=BODY_BYTES_MAX, description="Longest body, in bytes.")
    requests_per_second: float = Field(
        REQUESTS_PER_SECOND, gt=0, le=100_000, description="Most requests in the long run."
    )
    burst_requests: int = Field(BURST_REQUESTS, ge=1, le=1_000_000, description="Most requests at once.")


class Poll(Table):
    """How an account is asked for what changed, where webhooks may be missed."""

    every_seconds: int = Field(300, ge=10, le=POLL_LONGEST_SECONDS, description="From one time to the next.")
    overlap_seconds: int = Field(
        600,
        ge=0,
        le=604_800,
        description="How much of the past is read again: channels list some changes late.",
    )
    since: Moment | None = Field(None, description="Where to begin the first time, such as 2026-01-31.")


class Entry(Table):
    """What every account says, whatever its kind."""

    may: ClassVar[frozenset[str]] = frozenset({IN, OUT})
    """The directions that there is a connector for."""

    out_needs: ClassVar[tuple[str, ...]] = ()
    """The tables without which nothing can go out."""

    may_poll: ClassVar[bool] = False
    """Whether there is a way to ask this kind for what changed."""

    kind: str
    directions: tuple[Direction, ...] = Field(
        (IN,), description="in: it sends to us; out: it is told what it may sell."
    )
    source_id: Name | None = Field(None, description="source_id of its events; the account's id without.")
    channel_id: ChannelId | None = Field(
        None, description="The sales channel whose sales these are, and whose availability goes out."
    )
    secrets: tuple[Secret, ...] = Field(
        (),
        max_length=SECRETS_MAX,
        description="What its requests are signed with, or bear: env:NAME or file:PATH, several while they rotate.",
    )
    default_location_id: Name | None = Field(None, description="Where what names no location is.")
    locations: dict[Name, Name] = Field({}, description="The channel's location ids to ours.")
    skus: dict[str, Sku] = Field({}, description="The channel's identifiers to SKUs.")
    skus_closed: bool = Field(default=False, description="Refuse identifiers that skus does not have.")
    pack_sizes: dict[str, PackSize] = Field({}, description="Units in one of an identifier, such as 12.")
    returned_as: Disposition = Field(
        "QUALITY_CONTROL", description="State of returned goods where the channel does not say it."
    )
    orders_of: AccountId | None = Field(None, description="The account whose orders this one fulfils.")
    time_zone: Zone = Field(ZoneInfo("UTC"), description="Of times that name none: an IANA name.")
    accepts_test_data: bool = Field(default=False, description="Take what its sender marked as a test.")
    limits: Limits = Limits()
    poll: Poll | None = Field(None, description="Ask it for what changed, besides or instead of webhooks.")
    delivery: Delivery | None = Field(None, description="How it is told what it may sell.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.directions:
            raise ValueError("directions is empty: write 'in', 'out' or both")
        for direction in self.directions:
            if direction not in self.may:
                raise ValueError(f"there is no connector of kind {self.kind} for direction {direction!r}")
        if IN in self.directions and not self.secrets and self.poll is None:
            raise ValueError(
                "direction 'in' needs secrets = [...], or anybody could send; env:NAME or file:PATH"
            )
        if OUT in self.directions and self.channel_id is None:
            raise ValueError("direction 'out' needs channel_id: whose availability is it told?")
        if self.poll is not None and not (self.may_poll and IN in self.directions):
            raise ValueError(f"[poll] is for direction 'in' of {', '.join(POLLED)}")
        if self.poll is not None and getattr(self, "api", None) is None:
            raise ValueError("[poll] needs [api]: how is the channel asked?")
        for table in self.out_needs if OUT in self.directions else ():
            if getattr(self, table) is None:
                raise ValueError(
                    f"direction 'out' needs [{table}]: connectors/accounts/README.md has its keys"
                )
        return self

    def account(self, account_id: str) -> Account:
        """Return as much of it as translators need."""
        return Account(
            account_id,
            self.source_id or account_id,
            self.channel_id,
            self.locations,
            self.default_location_id,
            self.skus,
            self.skus_closed,
            self.pack_sizes,
            self.returned_as,
            self.orders_of,
            self.time_zone,
            self.accepts_test_data,
            OUT in self.directions,
            self.delivery.written_location if self.delivery is not None else None,
        )

    def references(self) -> Iterator[tuple[str, SecretReference]]:
        """Yield every secret with the field that names it, such as ("api.token", env:SQUARE_TOKEN)."""
        yield from _references(self, "")


def _references(value: Any, path: str) -> Iterator[tuple[str, SecretReference]]:
    """Yield the references below a value, however its tables are nested."""
    if isinstance(value, SecretReference):
        yield path, value
    elif isinstance(value, Table):
        for name in type(value).model_fields:
            yield from _references(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, entry in enumerate(value):
            yield from _references(entry, f"{path}[{index}]")


class ShopifyApi(Table):
    """How Shopify's Admin API is asked."""

    base_url: HttpUrl = Field(description="https://SHOP.myshopify.com")
    token: Secret = Field(description="Admin API access token of the custom app.")
    version: str = Field("2026-04", pattern=r"^\d{4}-\d{2}$", description="API version.")


class ShopifyAccount(Entry):
    """A Shopify shop; secrets are the client secret of the app that owns the webhooks."""

    out_needs = ("api", "delivery")
    may_poll = True
    kind: Literal["shopify"]
    api: ShopifyApi | None = None
    delivery: PlacedDelivery | None = None


class WooCommerceApi(Table):
    """How WooCommerce's REST API is asked."""

    base_url: HttpUrl = Field(description="Address of the shop, without /wp-json.")
    consumer_key: Secret
    consumer_secret: Secret


class WooCommerceAccount(Entry):
    """A WooCommerce shop; secrets are those of its webhooks."""

    out_needs = ("api",)
    may_poll = True
    kind: Literal["woocommerce"]
    api: WooCommerceApi | None = None


class SquareApi(Table):
    """How Square's API is asked."""

    base_url: HttpUrl = "https://connect.squareup.com"
    token: Secret = Field(description="Access token.")
    version: str = Field("2026-01-22", pattern=r"^\d{4}-\d{2}-\d{2}$", description="Square-Version.")


class SquareAccount(Entry):
    """A Square seller; secrets are the signature keys of its webhook subscriptions."""

    out_needs = ("api", "delivery")
    may_poll = True
    kind: Literal["square"]
    delivery: PlacedDelivery | None = None
    notification_url: str | None = Field(
        None, description="The subscription's URL, letter by letter: Square signs it with the body."
    )
    api: SquareApi | None = Field(None, description="Its order events only name orders: we ask for them.")

    @model_validator(mode="after")
    def _check_square(self) -> Self:
        if self.secrets and self.notification_url is None:
            raise ValueError("secrets need notification_url: Square signs it together with the body")
        if IN in self.directions and self.api is None:
            raise ValueError("direction 'in' needs [api] with a token: order events only name their order")
        if self.poll is not None and not self.locations:
            raise ValueError("[poll] needs [locations]: Square is asked by location")
        return self


class AmazonApi(Table):
    """How Amazon's Selling Partner API is asked."""

    base_url: HttpUrl = Field(description="The region's endpoint, https://sellingpartnerapi-eu.amazon.com.")
    token_url: HttpUrl = LOGIN_WITH_AMAZON
    client_id: Secret = Field(description="Of the app, as Login with Amazon has it.")
    client_secret: Secret
    refresh_token: Secret = Field(description="What the seller's authorisation of the app gave.")
    seller_id: Name
    marketplace_id: Name = Field(description="Such as A1PA6795UKMFR9.")


class AmazonAccount(Entry):
    """A seller or vendor at Amazon; secrets are what the EventBridge connection sends as Bearer."""

    out_needs = ("api",)
    kind: Literal["amazon"]
    api: AmazonApi | None = None


class EpcisAccount(Entry):
    """A warehouse that captures EPCIS events; secrets are bearer tokens."""

    may = frozenset({IN})
    kind: Literal["epcis"]


class X12Account(Entry):
    """A partner that sends X12, or fetches it; secrets are bearer tokens of its gateway."""

    out_needs = ("delivery",)
    kind: Literal["x12"]
    delivery: EdiDelivery | None = None


class EdifactAccount(Entry):
    """A partner that sends EDIFACT, or fetches it; secrets are bearer tokens of its gateway."""

    out_needs = ("delivery",)
    kind: Literal["edifact"]
    delivery: EdiDelivery | None = None


class StandardWebhooksAccount(Entry):
    """Any system that signs by Standard Webhooks; secrets are base64, with whsec_ before them or not."""

    out_needs = ("delivery",)
    kind: Literal["standard_webhooks"]
    delivery: WebhookDelivery | None = None


class AdobeCommerceApi(Table):
    """How Adobe Commerce's REST API is asked."""

    base_url: HttpUrl = Field(description="Address of the shop, without /rest.")
    token: Secret = Field(description="Access token of an integration.")


class AdobeCommerceAccount(Entry):
    """An Adobe Commerce shop, which is told what it may sell; delivery.location is a source's code."""

    may = frozenset({OUT})
    out_needs = ("api", "delivery")
    kind: Literal["adobe_commerce"]
    directions: tuple[Direction, ...] = (OUT,)
    api: AdobeCommerceApi | None = None
    delivery: PlacedDelivery | None = None


class CsvAccount(Entry):
    """A partner that fetches CSV files from a directory."""

    may = frozenset({OUT})
    out_needs = ("delivery",)
    kind: Literal["csv"]
    directions: tuple[Direction, ...] = (OUT,)
    delivery: FileDelivery | None = None


AnyAccount = Annotated[
    ShopifyAccount
    | WooCommerceAccount
    | SquareAccount
    | AmazonAccount
    | EpcisAccount
    | X12Account
    | EdifactAccount
    | StandardWebhooksAccount
    | AdobeCommerceAccount
    | CsvAccount,
    Field(discriminator="kind"),
]

KINDS = (
    "shopify",
    "woocommerce",
    "square",
    "amazon",
    "epcis",
    "x12",
    "edifact",
    "standard_webhooks",
    "adobe_commerce",
    "csv",
)
"""Kinds of channel that an account can be of."""


class AccountsFile(Table):
    """The whole file: accounts by their id."""

    accounts: dict[AccountId, AnyAccount] = Field(min_length=1)

    def of_direction(self, direction: Direction) -> Mapping[str, Entry]:
        """Return the accounts of one direction by id."""
        return {name: entry for name, entry in self.accounts.items() if direction in entry.directions}
