"""
Every topic, declared once: agents, topic creation, tests and the README table derive from here.

All topics keyed by SKU have the same number of partitions, so that partition p of each belongs to one worker
at a time (design D4). Names are kebab-case without dots, which collide with underscores in metrics.
"""

from collections.abc import Iterable
from dataclasses import dataclass

HOURS_PER_DAY = 24
MILLISECONDS_PER_DAY = HOURS_PER_DAY * 3600 * 1000
MAXIMUM_ORIGINAL_BYTES = (
    2_097_152  # An input takes a million bytes; kept aside, it carries its reason as well.
)
DEDUPLICATION_WINDOW_DAYS = 7  # Semantics 2: longer than any source's redelivery and any dead-letter replay.


@dataclass(frozen=True, slots=True)
class Topic:
    """
    One Kafka topic.

    records names the schemas that its values may have; retention_days is None for a compacted topic;
    keeps_originals is for topics of events as they came, with headers added.
    """

    name: str
    records: tuple[str, ...]
    purpose: str
    key: str = "SKU"
    retention_days: int | None = None
    internal: bool = False
    keeps_originals: bool = False

    @property
    def compacted(self) -> bool:
        """True when the topic keeps the latest value of each key for ever."""
        return self.retention_days is None

    def config(self) -> dict[str, str]:
        """Kafka's topic settings."""
        originals = {"max.message.bytes": str(MAXIMUM_ORIGINAL_BYTES)} if self.keeps_originals else {}
        if self.retention_days is None:
            return {"cleanup.policy": "compact", **originals}
        retention = self.retention_days * MILLISECONDS_PER_DAY
        return {"cleanup.policy": "delete", "retention.ms": str(retention), **originals}


STOCK_SALES = Topic(
    "stock-sales",
    ("SaleRecorded", "OrderPlaced", "OrderShipped", "OrderCancelled"),
    "sold now, ordered, shipped, cancelled",
    retention_days=14,
)
STOCK_RETURNS = Topic("stock-returns", ("ReturnReceived",), "goods back, with disposition", retention_days=14)
STOCK_RECEIPTS = Topic(
    "stock-receipts",
    ("GoodsReceived", "InboundAnnounced", "InboundCancelled", "TransferShipped", "TransferReceived"),
    "goods in, inbound announced, transfers",
    retention_days=14,
)
STOCK_COUNTS = Topic(
    "stock-counts",
    ("StockAdjusted", "DispositionChanged", "StockCounted"),
    "adjustments, changes of state, counts and full feeds",
    retention_days=14,
)
STOCK_RESERVATIONS = Topic(
    "stock-reservations",
    ("PlaceHold", "ConfirmHold", "ReleaseHold"),
    "checkout holds: place, change, confirm, release",
    retention_days=7,
)
STOCK_ITEMS = Topic(
    "stock-items",
    ("ItemDescribed",),
    "what sources say of SKUs: category, GTINs, aliases, units, bundles",
    retention_days=14,
)
STOCK_POLICIES = Topic(
    "stock-policies",
    ("StockPolicySet",),
    "shares, buffers, caps, ring-fences, safety stock, sources, thresholds",
    key="SKU, `*` or `*/category`",
)
STOCK_LEVELS = Topic("stock-levels", ("StockLevel",), "**the table**: full state, versioned")
STOCK_MOVEMENTS = Topic(
    "stock-movements",
    ("StockMovement",),
    "ledger: each event's outcome, quantities before and after",
    retention_days=400,
)
STOCK_ALERTS = Topic(
    "stock-alerts",
    ("StockAlert",),
    "oversold, discrepancy, low stock, back in stock, stale source, overdue inbound",
    retention_days=30,
)
RESERVATION_RESULTS = Topic(
    "reservation-results", ("HoldResult",), "accepted or refused and why, expired", retention_days=1
)

OPEN_LINES = Topic("stock-open-lines", ("OpenLine",), "open order, inbound and transfer lines", internal=True)
SEEN_EVENTS = Topic(
    "stock-seen-events",
    ("SeenEvents",),
    "identities of applied events, packed by batch",
    key="none",
    retention_days=DEDUPLICATION_WINDOW_DAYS + 1,
    internal=True,
)
POLICIES_IN_FORCE = Topic(
    "stock-policies-in-force",
    ("StockPolicySet",),
    "accepted policies, read whole by every worker",
    key="SKU, `*` or `*/category`",
    internal=True,
)
HOLDS = Topic("stock-holds", ("Hold",), "holds, and what was answered about them", internal=True)
COUNTS_IN_FORCE = Topic(
    "stock-counts-in-force", ("CountInForce",), "the single count that a location is based on", internal=True
)
FEED_ROWS = Topic(
    "stock-feed-rows",
    ("FeedRows",),
    "rows of full feeds that wait for completion",
    key="feed and number",
    internal=True,
)
FEEDS = Topic(
    "stock-feeds",
    ("FeedProgress", "FeedDecided"),
    "full feeds: progress by partition, decisions; read whole by every worker",
    key="feed and partition",
    internal=True,
)
ITEMS_IN_FORCE = Topic(
    "stock-items-in-force", ("Item",), "merged SKU master data, read whole by every worker", internal=True
)
COMPONENT_LEVELS = Topic(
    "stock-component-levels",
    ("ComponentLevel",),
    "what channels may sell of bundles' components, read whole by every worker",
    internal=True,
)
BUNDLE_ORDERS = Topic(
    "stock-bundle-orders",
    ("BundleOrder",),
    "orders for bundles that are open, or not decided yet",
    internal=True,
)
BUNDLE_ANSWERS = Topic(
    "stock-bundle-answers",
    ("BundlePartAnswered",),
    "what components answer to orders for bundles; an input of the stock agent",
    retention_days=14,
    internal=True,
)
SOURCES = Topic(
    "stock-sources",
    ("SourceHeard", "SourceSilence"),
    "when each source was last heard, and silences told of; read whole by every worker",
    key="source",
    internal=True,
)
DEAD_LETTER_DECISIONS = Topic(
    "dead-letter-decisions",
    ("DeadLetterDecision",),
    "what was decided about a dead letter",
    key="topic:partition:offset",
    internal=True,
)

CHANNEL_ORDERS = Topic(
    "channel-orders",
    ("ChannelOrder",),
    "what channels say of their orders, as they stand; the order desk makes events of it",
    key="account:order",
    retention_days=14,
)
CHANNEL_ORDERS_TOLD = Topic(
    "channel-orders-told",
    ("ChannelOrderTold",),
    "what was told of each order",
    key="account:order",
    internal=True,
)
CHANNEL_ORDERS_SEEN = Topic(
    "channel-orders-seen",
    ("SeenEvents",),
    "identities of statements of orders, packed by batch",
    key="none",
    retention_days=DEDUPLICATION_WINDOW_DAYS + 1,
    internal=True,
)
CHANNEL_FETCHES = Topic(
    "channel-fetches",
    ("ChannelFetch",),
    "what channels have only named, and are to be asked for",
    key="account:kind:id",
    retention_days=14,
    internal=True,
)
CHANNEL_CURSORS = Topic(
    "channel-cursors", ("ChannelCursor",), "how far channels have been polled", key="account", internal=True
)
INGRESS_DEAD_LETTERS = Topic(
    "ingress-dlq",
    (),
    "bodies that channels sent and that can't be taken, whole, with the reason",
    key="account",
    retention_days=14,  # Bodies hold people's data: no longer than it takes to mend an account.
    keeps_originals=True,
)

INPUTS = (
    STOCK_SALES,
    STOCK_RETURNS,
    STOCK_RECEIPTS,
    STOCK_COUNTS,
    STOCK_RESERVATIONS,
    STOCK_POLICIES,
    STOCK_ITEMS,
)
INTERNAL_INPUTS = (BUNDLE_ANSWERS,)
"""What stock workers tell each other: without retries and dead letters, since nobody else writes there."""
OUTPUTS = (STOCK_LEVELS, STOCK_MOVEMENTS, STOCK_ALERTS, RESERVATION_RESULTS)
TABLES = (STOCK_LEVELS, OPEN_LINES, HOLDS, COUNTS_IN_FORCE, FEED_ROWS, BUNDLE_ORDERS)
"""State of the stock agent, by partition."""
GLOBALS = (POLICIES_IN_FORCE, ITEMS_IN_FORCE, FEEDS, COMPONENT_LEVELS, SOURCES)
"""State that concerns more than one partition: every worker reads all of it."""
INTERNAL = (
    OPEN_LINES,
    HOLDS,
    COUNTS_IN_FORCE,
    FEED_ROWS,
    BUNDLE_ORDERS,
    BUNDLE_ANSWERS,
    SEEN_EVENTS,
    *GLOBALS,
    DEAD_LETTER_DECISIONS,
)

RETRY_RETENTION_DAYS = 14  # As long as the inputs: a retry must never outlive the event that it stands for.
DEAD_LETTER_RETENTION_DAYS = 90  # Long enough for a person to come back from leave and mend it.

EVENT_TOPICS = {record: topic for topic in INPUTS for record in topic.records}
"""The input topic that each event's record belongs to."""


def availability_topic(channel_id: str) -> Topic:
    """Return the topic that tells one channel what it may sell."""
    return Topic(f"availability-{channel_id}", ("ChannelAvailability",), f"what {channel_id} may sell")


def retry_topic(source: Topic) -> Topic:
    """Return the topic where events of an input wait for another try."""
    return Topic(
        f"{source.name}-retry",
        source.records,
        f"`{source.name}` waiting for another try",
        key=source.key,
        retention_days=RETRY_RETENTION_DAYS,
        keeps_originals=True,
    )


def dead_letter_topic(source: Topic) -> Topic:
    """Return the topic where events of an input end that can't be applied, bytes and headers as they came."""
    return Topic(
        f"{source.name}-dlq",
        source.records,
        f"`{source.name}` given up, with the reason",
        key="as it came",
        retention_days=DEAD_LETTER_RETENTION_DAYS,
        keeps_originals=True,
    )


def egress_dead_letter_topic(channel_id: str) -> Topic:
    """Return the topic where availability ends that a channel could not be given, bytes as they came."""
    return dead_letter_topic(availability_topic(channel_id))


CHANNEL_TOPICS = (
    CHANNEL_ORDERS,
    dead_letter_topic(CHANNEL_ORDERS),
    CHANNEL_ORDERS_TOLD,
    CHANNEL_ORDERS_SEEN,
    CHANNEL_FETCHES,
    CHANNEL_CURSORS,
    INGRESS_DEAD_LETTERS,
)
"""Topics of the ingress and of the order desk; the stock agent knows none of them."""


def all_topics(channel_ids: Iterable[str]) -> tuple[Topic, ...]:
    """Return every topic of an installation with these channels, inputs first."""
    channel_ids = tuple(channel_ids)
    return (
        *INPUTS,
        *OUTPUTS,
        *(availability_topic(channel_id) for channel_id in channel_ids),
        *(retry_topic(topic) for topic in INPUTS),
        *(dead_letter_topic(topic) for topic in INPUTS),
        *(egress_dead_letter_topic(channel_id) for channel_id in channel_ids),
        *INTERNAL,
        *CHANNEL_TOPICS,
    )
