"""Channels: does what they may sell reach them."""

from deploy.grafana.panels import (
    PER_SECOND,
    PLAIN,
    SECONDS,
    SHARE,
    SHORT,
    Board,
    Panel,
    Query,
    quantiles,
)

BOARD = Board(
    "onhand-channels",
    "Onhand: Channels",
    (
        "Requests of channels to us, delivery of availability to each channel's own API, and drift: what a channel "
        "shows, read back, against what it was told."
    ),
    (
        Panel(
            "Values by channel and outcome",
            PER_SECOND,
            (
                "dead_lettered: the channel refuses them, see OnhandChannelRefuses. Far more superseded than "
                "delivered: the channel's budget is too small for its changes."
            ),
            (
                Query(
                    "sum by (channel, outcome) (rate(onhand_deliveries_total[$__rate_interval]))",
                    "{{channel}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Time from availability emitted to the channel's confirmation",
            SECONDS,
            "Above a minute: see OnhandChannelBehind in the runbook. It grows with what waits, so look there too.",
            quantiles("onhand_delivery_latency_seconds", 0.5, 0.99, by="channel"),
            limit=60,
        ),
        Panel(
            "Requests by channel and result",
            PER_SECOND,
            (
                "throttled: lower --rate below the channel's own limit. unavailable: its API fails, ask its owner. "
                "refused: it dislikes what we send, look at the dead letters."
            ),
            (
                Query(
                    "sum by (channel, result) (rate(onhand_delivery_requests_total[$__rate_interval]))",
                    "{{channel}} {{result}}",
                ),
            ),
        ),
        Panel(
            "Share of the request budget used",
            SHARE,
            (
                "Steadily near 100 % while SKUs wait: ask the channel for a higher limit, or raise --batch-size. "
                "Channels without a limit are not shown."
            ),
            (
                Query(
                    "sum by (channel) (rate(onhand_delivery_requests_total[$__rate_interval])) "
                    "/ max by (channel) (onhand_delivery_budget_requests_per_second)",
                    "{{channel}}",
                ),
            ),
            limit=1,
        ),
        Panel(
            "SKUs whose latest value waits",
            SHORT,
            "Growing: the channel takes less than changes. It never exceeds the number of SKUs.",
            (Query("max by (channel) (onhand_delivery_waiting)", "{{channel}}"),),
            limit=1_000,
        ),
        Panel(
            "Left alone because it fails",
            PLAIN,
            "1 means that the channel is asked with one item every 30 s only: see OnhandChannelUnreachable.",
            (Query("max by (channel) (onhand_delivery_circuit_open)", "{{channel}}"),),
            limit=1,
        ),
        Panel(
            "SKUs whose figure at the channel has drifted",
            SHORT,
            (
                "Above zero every hour: somebody or something else writes stock at the channel, and is overruled. "
                "There can be one writer: see OnhandChannelDrifts."
            ),
            (Query("max by (channel) (onhand_drift_skus)", "{{channel}}"),),
            limit=1,
        ),
        Panel(
            "SKUs read back by result",
            PER_SECOND,
            (
                "missing: the channel has no item of these SKUs, see the dead letters of its topic. Nothing at all: "
                "the channel can't be read, or its process was started less than a minute ago."
            ),
            (
                Query(
                    "sum by (channel, result) (rate(onhand_read_back_total[$__rate_interval]))",
                    "{{channel}} {{result}}",
                ),
                Query(
                    "sum by (channel) (rate(onhand_drift_repairs_total[$__rate_interval]))",
                    "{{channel}} repaired",
                ),
            ),
        ),
        Panel(
            "Requests to the ingress by account and outcome",
            PER_SECOND,
            (
                "forged: a secret was changed on one side only, or somebody tries. not_stored: Kafka is away, and they "
                "come again. refused, partly_taken: read the reasons in ingress-dlq, mend the account's mappings. "
                "too_many: raise the account's limits if it is honest. failed: a bug, look at the log."
            ),
            (
                Query(
                    "sum by (account, outcome) (rate(onhand_ingress_requests_total[$__rate_interval]))",
                    "{{account}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Time from a request's headers to its answer",
            SECONDS,
            (
                "Each answer waits for Kafka. Above a second channels begin to give up (Shopify after 5 s): look at "
                "Kafka, then run another ingress."
            ),
            quantiles("onhand_ingress_seconds", 0.5, 0.99, by="account"),
            limit=1,
        ),
        Panel(
            "Records stored for requests by topic",
            PER_SECOND,
            "ingress-dlq grows: bodies can't be taken; their headers say why.",
            (
                Query(
                    "sum by (account, topic) (rate(onhand_ingress_records_total[$__rate_interval]))",
                    "{{account}} {{topic}}",
                ),
            ),
        ),
        Panel(
            "Requests by the secret that vouched for them",
            PER_SECOND,
            "While secrets rotate: take out the one that gets none any more. Places count from 0, as in the file.",
            (
                Query(
                    "sum by (account, secret) (rate(onhand_ingress_authentic_total[$__rate_interval]))",
                    "{{account}} {{secret}}",
                ),
            ),
        ),
        Panel(
            "Questions to channels about what they only named",
            PER_SECOND,
            "unavailable: the token has run out, or their API fails, see the log. They are asked until they answer.",
            (
                Query(
                    "sum by (account, result) (rate(onhand_ingress_fetches_total[$__rate_interval]))",
                    "{{account}} {{result}}",
                ),
            ),
        ),
        Panel(
            "What waits to be fetched from a channel",
            SHORT,
            "Growing: it answers slower than it names orders, or not at all. Nothing is lost for 14 days.",
            (Query("max by (account) (onhand_ingress_fetches_waiting)", "{{account}}"),),
            limit=1_000,
        ),
        Panel(
            "Age of the latest change that a polled channel was asked about",
            SECONDS,
            "It rises to the account's every_seconds and falls. Beyond: the channel does not answer, see the log.",
            (Query("max by (account) (onhand_poll_age_seconds)", "{{account}}"),),
            limit=3_600,
        ),
        Panel(
            "Windows polled by result",
            PER_SECOND,
            "unavailable: the channel fails or the token has run out. not_stored: Kafka does not answer.",
            (
                Query(
                    "sum by (account, result) (rate(onhand_polls_total[$__rate_interval]))",
                    "{{account}} {{result}}",
                ),
            ),
        ),
        Panel(
            "Ingress processes that are ready",
            PLAIN,
            "0: Kafka does not answer, and channels are told to come again.",
            (Query('onhand_ready{job="onhand-ingress"}', "{{instance}}"),),
            width=24,
        ),
        Panel(
            "Delivery processes that are ready",
            PLAIN,
            "0 for long: the backlog is still being read, or Kafka does not answer; look at the process's log.",
            (Query('onhand_ready{job="onhand-deliver"}', "{{instance}}"),),
            width=24,
        ),
    ),
)
