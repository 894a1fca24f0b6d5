"""Dead letters and retries: what could not be applied, and why."""

from deploy.grafana.panels import PER_SECOND, SHARE, SHORT, Board, Panel, Query, stat

BOARD = Board(
    "onhand-dead-letters",
    "Onhand: Dead letters and retries",
    (
        "Events that were given up or put off. A dead letter has had no effect on stock, which is wrong by it until "
        "somebody replays it: `onhand dlq list`, then `replay` or `discard`."
    ),
    (
        stat(
            "Dead letters in 24 hours",
            SHORT,
            "Each is an event that stock lacks: `onhand dlq list` shows them with reason and sentence.",
            "sum(increase(onhand_dead_letters_total[1d]))",
            limit=1,
        ),
        stat(
            "Share of events given up",
            SHARE,
            "Above 1 % a source sends rubbish: see OnhandDeadLetterFlood in the runbook.",
            (
                "sum(rate(onhand_dead_letters_total[1h])) / (sum(rate(onhand_events_total[1h])) "
                "+ sum(rate(onhand_dead_letters_total[1h])))"
            ),
            limit=0.01,
        ),
        stat(
            "Put off in 24 hours",
            SHORT,
            "Events that wait for their SKU to be introduced: see OnhandRetriesPilingUp in the runbook.",
            "sum(increase(onhand_retries_total[1d]))",
        ),
        stat(
            "Given up after all retries in 24 hours",
            SHORT,
            "The catalogue still lacks their SKUs: introduce them, then `onhand dlq replay`.",
            'sum(increase(onhand_dead_letters_total{reason="RETRIES_EXHAUSTED"}[1d]))',
            limit=1,
        ),
        Panel(
            "Dead letters by reason",
            PER_SECOND,
            (
                "UNDECODABLE, UNEXPECTED_RECORD or INVALID_KEY: a producer was deployed wrongly. FUTURE_EVENT or "
                "INVALID_TIME: a clock. IDEMPOTENCY_CONFLICT: a source reuses its event ids, which is urgent."
            ),
            (Query("sum by (reason) (rate(onhand_dead_letters_total[$__rate_interval]))", "{{reason}}"),),
        ),
        Panel(
            "Dead letters by input topic",
            PER_SECOND,
            "The topic tells which kind of connector to look at; ce_source in the letter's headers tells which.",
            (Query("sum by (topic) (rate(onhand_dead_letters_total[$__rate_interval]))", "{{topic}}"),),
        ),
        Panel(
            "Dead letters of the last 15 minutes",
            SHORT,
            "Replay what is mended: `onhand dlq replay --all --topic TOPIC --reason REASON`.",
            (Query("sum by (topic, reason) (increase(onhand_dead_letters_total[15m])) > 0"),),
            kind="table",
        ),
        Panel(
            "Events put off, by reason and topic",
            PER_SECOND,
            "Steady UNKNOWN_SKU: whoever introduces new SKUs is late or down.",
            (
                Query(
                    "sum by (topic, reason) (rate(onhand_retries_total[$__rate_interval]))",
                    "{{topic}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Availability that a channel could not be given",
            PER_SECOND,
            "The channel sells on an old figure for these SKUs: see OnhandChannelRefuses in the runbook.",
            (
                Query(
                    'sum by (channel) (rate(onhand_deliveries_total{outcome="dead_lettered"}[$__rate_interval]))',
                    "{{channel}}",
                ),
            ),
        ),
        Panel(
            "Records that the read view could not decode",
            PER_SECOND,
            "A newer worker writes what an older projector can't read: upgrade the projector first.",
            (Query("sum by (topic) (rate(onhand_view_refused_total[$__rate_interval]))", "{{topic}}"),),
        ),
    ),
)
