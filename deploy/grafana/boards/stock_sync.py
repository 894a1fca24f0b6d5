"""Stock sync: are the channels told the truth, and how soon."""

from deploy.grafana.panels import PER_SECOND, SECONDS, SHARE, SHORT, Board, Panel, Query, quantiles, stat

BOARD = Board(
    "onhand-stock-sync",
    "Onhand: Stock sync",
    (
        "Whether the channels are told the truth, and how soon. All channels hear of an event in the transaction "
        "that applies it, so its latency is the same for each; what happens on the way to a channel's own API is "
        "on the dashboard Channels. Discrepancies of counts come with counts."
    ),
    (
        stat(
            "Events applied per second",
            PER_SECOND,
            "Zero while shops are open: look at Lag and at Time since each source was heard of.",
            "sum(rate(onhand_events_total[$__rate_interval]))",
        ),
        stat(
            "Slowest event in a hundred, written to committed",
            SECONDS,
            "Above 250 ms it burns the latency budget: see OnhandLatencyBudgetBurnsFast in the runbook.",
            (
                "histogram_quantile(0.99, "
                "sum by (le) (rate(onhand_event_latency_seconds_bucket[$__rate_interval])))"
            ),
            limit=0.25,
        ),
        stat(
            "Work that waits, at the present rate",
            SECONDS,
            "Above 10 s stock is stale: see OnhandFreshnessBudgetBurnsFast in the runbook.",
            "onhand:lag_seconds:estimate",
            limit=10,
        ),
        stat(
            "Units oversold in 24 hours",
            SHORT,
            "Any is a promise that can't be kept: see OnhandOversell in the runbook.",
            "sum(increase(onhand_oversold_units_total[1d]))",
            limit=1,
        ),
        Panel(
            "Time from an event written to its availability committed",
            SECONDS,
            (
                "If only p99.9 rises, look for rebalances and restores on Engine. If p50 rises too, the workers "
                "are behind: look at Lag, then at Commit time on Kafka."
            ),
            quantiles("onhand_event_latency_seconds", 0.5, 0.99, 0.999),
            limit=0.25,
        ),
        Panel(
            "Share of the objectives' budgets that burns, over an hour",
            SHARE,
            (
                "Slow events may be 1 % of all, stale time 0.1 %. Above 14.4 % and 1.44 % somebody is woken; "
                "the runbook's sections on budgets say where to look first."
            ),
            (
                Query("onhand:latency_slow:ratio1h", "events slower than 250 ms"),
                Query("onhand:stale:ratio1h", "time in which stock was stale"),
            ),
        ),
        Panel(
            "Events by topic",
            PER_SECOND,
            "One topic at zero: its connectors are down or have lost their way to Kafka; look at their logs.",
            (Query("sum by (topic) (rate(onhand_events_total[$__rate_interval]))", "{{topic}}"),),
            stacked=True,
        ),
        Panel(
            "Events by outcome",
            PER_SECOND,
            (
                "Many DUPLICATE: a source sends again and again, ask it why. Many REJECTED: orders that stock "
                "does not cover; compare with what their channel was told."
            ),
            (Query("sum by (outcome) (rate(onhand_events_total[$__rate_interval]))", "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Records waiting, by topic and partition",
            SHORT,
            (
                "One partition alone: a hot SKU or a stuck worker. All of them: too few workers, or a slow "
                "broker. See OnhandLagGrowing in the runbook."
            ),
            (Query("sum by (topic, partition) (onhand_lag_records)", "{{topic}} {{partition}}"),),
            limit=1_000,
        ),
        Panel(
            "Time since each source was heard of",
            SECONDS,
            (
                "By the time at which its latest event happened. A source far above its usual is down, or its "
                "clock is wrong: see OnhandSourceQuiet in the runbook."
            ),
            (Query("min by (source) (onhand_source_staleness_seconds)", "{{source}}"),),
            limit=3_600,
        ),
        Panel(
            "Units by which deficits have grown",
            SHORT,
            "Find the SKUs with `onhand ledger` and the topic stock-alerts; raise safety stock where it recurs.",
            (Query("sum(increase(onhand_oversold_units_total[$__rate_interval]))", "units"),),
        ),
        Panel(
            "Full feeds by what was decided",
            SHORT,
            (
                "QUARANTINED: the feed would set too many SKUs to zero and waits; `onhand feeds show`, then approve "
                "or reject. ABANDONED: rows never came, or nobody answered within the lateness horizon."
            ),
            (
                Query(
                    "sum by (decision) (increase(onhand_feeds_total[$__rate_interval]))",
                    "{{decision}}",
                ),
            ),
        ),
        Panel(
            "Records that the read view does not show yet",
            SHORT,
            "`onhand stock` and dashboards of shops show old figures: see OnhandViewBehind in the runbook.",
            (Query("max(onhand_view_lag_records)", "records"),),
            limit=10_000,
        ),
    ),
)
