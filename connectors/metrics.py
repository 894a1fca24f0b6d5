"""
Every metric of the connectors: a closed list, so that dashboards never meet a stranger.

Units are in the names, as Prometheus wants them. No metric has a label by SKU: a shop has too many of them.
"""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS_SECONDS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    3600.0,
)

# Delivery of availability to channels --------------------------------------------------------------------

OUTCOMES = ("delivered", "superseded", "dead_lettered", "tombstone")
DELIVERIES = Counter(
    "onhand_deliveries",
    f"Availability values by channel and outcome: {', '.join(OUTCOMES)}.",
    ("channel", "outcome"),
)
DELIVERY_LATENCY = Histogram(
    "onhand_delivery_latency_seconds",
    "From an availability emitted to the channel's confirmation.",
    ("channel",),
    buckets=LATENCY_BUCKETS_SECONDS,
)
REQUESTS = Counter(
    "onhand_delivery_requests",
    "Requests to a channel by result: accepted, refused, throttled, unavailable.",
    ("channel", "result"),
)
WAITING = Gauge("onhand_delivery_waiting", "SKUs whose latest value waits for delivery.", ("channel",))
CIRCUIT_OPEN = Gauge(
    "onhand_delivery_circuit_open",
    "1 while a channel has failed so often that it is left alone.",
    ("channel",),
)
RATE_BUDGET = Gauge(
    "onhand_delivery_budget_requests_per_second",
    "Most requests that a channel allows; only for channels that set a limit.",
    ("channel",),
)

# Reading back ----------------------------------------------------------------------------------------------

READ_BACK_RESULTS = ("equal", "different", "missing", "moving")
READ_BACK = Counter(
    "onhand_read_back",
    f"SKUs read back by channel and result: {', '.join(READ_BACK_RESULTS)} (a newer value is on its way).",
    ("channel", "result"),
)
DRIFT = Gauge(
    "onhand_drift_skus",
    "SKUs whose figure at the channel was another than ours in the latest reading back, twice.",
    ("channel",),
)
REPAIRS = Counter(
    "onhand_drift_repairs", "Values told again because the channel showed another.", ("channel",)
)

# The ingress: what channels send to us ------------------------------------------------------------------

INGRESS_BUCKETS_SECONDS = (
    0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
INGRESS_OUTCOMES = (
    "taken",
    "partly_taken",
    "ignored",
    "refused",
    "ping",
    "forged",
    "too_large",
    "too_slow",
    "too_many",
    "too_busy",
    "not_stored",
    "interrupted",
    "unknown_account",
    "failed",
)
INGRESS_REQUESTS = Counter(
    "onhand_ingress_requests",
    f"Requests of channels by account and outcome: {', '.join(INGRESS_OUTCOMES)}.",
    ("account", "outcome"),
)
INGRESS_SECONDS = Histogram(
    "onhand_ingress_seconds",
    "From a request's headers to its answer, which comes after Kafka has stored all of it.",
    ("account",),
    buckets=INGRESS_BUCKETS_SECONDS,
)
INGRESS_AUTHENTIC = Counter(
    "onhand_ingress_authentic",
    "Requests that a secret vouched for, by its place in the account's list: an old one that gets none can go.",
    ("account", "secret"),
)
INGRESS_RECORDS = Counter(
    "onhand_ingress_records", "Records stored for requests, by topic.", ("account", "topic")
)
FETCH_RESULTS = ("answered", "refused", "unavailable")
INGRESS_FETCHES = Counter(
    "onhand_ingress_fetches",
    f"Questions to a channel about what it only named, by result: {', '.join(FETCH_RESULTS)}.",
    ("account", "result"),
)
INGRESS_FETCHES_WAITING = Gauge(
    "onhand_ingress_fetches_waiting", "What a channel has named and was not yet asked about.", ("account",)
)
POLL_RESULTS = ("read", "unavailable", "not_stored")
POLLS = Counter(
    "onhand_polls", f"Windows of time that a channel was asked about, by result: {', '.join(POLL_RESULTS)}.",
    ("account", "result"),
)  # fmt: skip
POLL_AGE = Gauge(
    "onhand_poll_age_seconds", "Age of the latest change that a polled channel was asked about.", ("account",)
)
