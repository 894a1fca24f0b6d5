"""Engine: batches, transactions, restores, memory: how the processes themselves fare."""

from deploy.grafana.panels import (
    BYTES,
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
    "onhand-engine",
    "Onhand: Engine",
    "How the workers and the projector fare: batches, transactions, restores, memory.",
    (
        Panel(
            "Records in one transaction",
            SHORT,
            (
                "Near the maximum of 10,000 the worker drains a backlog. Always 1 under load: the broker answers "
                "so slowly that nothing gathers; look at Commit time."
            ),
            quantiles("onhand_batch_records", 0.5, 0.99),
        ),
        Panel(
            "Time from a batch taken to its transaction committed",
            SECONDS,
            "If Flush and commit is most of it, the broker is slow; else the worker's processor is.",
            quantiles("onhand_batch_seconds", 0.5, 0.99),
        ),
        Panel(
            "Transactions committed, and aborted",
            PER_SECOND,
            "A few aborts around a broker's restart are normal. Steady ones: see OnhandTransactionsAborting.",
            (
                Query("sum(rate(onhand_commit_seconds_count[$__rate_interval]))", "committed"),
                Query("sum(rate(onhand_transaction_aborts_total[$__rate_interval]))", "aborted"),
            ),
        ),
        Panel(
            "Processes that are ready",
            PLAIN,
            "0 for more than a minute or two: see OnhandRestoreTooLong in the runbook.",
            (Query("onhand_ready", "{{job}} {{instance}}"),),
        ),
        Panel(
            "Time to restore one partition",
            SECONDS,
            "It grows with SKUs. Minutes: the broker is slow, or an open transaction of a dead worker is in the way.",
            quantiles("onhand_restore_seconds", 0.5, 0.99),
            limit=60,
        ),
        Panel(
            "Changelog records read in restores",
            PER_SECOND,
            "Activity outside deployments: workers come and go, see Assignments taken and Time since start.",
            (
                Query(
                    "sum by (instance) (rate(onhand_restored_records_total[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Assignments taken",
            SHORT,
            "More than one a deployment: members miss their session; look for pauses, swapping, lost connections.",
            (
                Query(
                    "sum by (instance) (increase(onhand_rebalances_total[$__rate_interval]))", "{{instance}}"
                ),
            ),
        ),
        Panel(
            "Partition numbers owned, by worker",
            PLAIN,
            "Uneven by more than one: a member is missing. The sum is the partition count of the topics.",
            (Query("sum by (instance) (onhand_assigned_partitions)", "{{instance}}"),),
            stacked=True,
        ),
        Panel(
            "Keys held, by table",
            SHORT,
            (
                "stock-open-lines that only grows: orders are never shipped or cancelled. stock-seen-events "
                "follows the events of 7 days."
            ),
            (Query("sum by (table) (onhand_table_keys)", "{{table}}"),),
        ),
        Panel(
            "Memory in use",
            BYTES,
            "It follows Keys held: at the container's limit, add workers so that each owns fewer partitions.",
            (Query('process_resident_memory_bytes{job=~"onhand-.+"}', "{{job}} {{instance}}"),),
        ),
        Panel(
            "Processor use",
            SHARE,
            "100 % is one core, which is all that a worker can use: add workers, up to the partition count.",
            (
                Query(
                    'rate(process_cpu_seconds_total{job=~"onhand-.+"}[$__rate_interval])',
                    "{{job}} {{instance}}",
                ),
            ),
            limit=1,
        ),
        Panel(
            "Time since start",
            SECONDS,
            "Saw teeth: a process dies again and again, see OnhandWorkerFlapping in the runbook.",
            (Query('time() - process_start_time_seconds{job=~"onhand-.+"}', "{{job}} {{instance}}"),),
        ),
        Panel(
            "Records carried into the read view",
            PER_SECOND,
            "Zero while events are applied: see OnhandViewBehind in the runbook.",
            (Query("sum by (topic) (rate(onhand_view_records_total[$__rate_interval]))", "{{topic}}"),),
        ),
        Panel(
            "Trouble of the read view with Redis",
            SHORT,
            "Failures: Redis is down or full. Rebuilds nobody asked for: Redis lost its data, check its persistence.",
            (
                Query("sum(increase(onhand_view_redis_failures_total[$__rate_interval]))", "failed writes"),
                Query("sum(increase(onhand_view_rebuilds_total[$__rate_interval]))", "views built anew"),
            ),
        ),
    ),
)
