"""Kafka, as far as Onhand's own processes see it."""

from deploy.grafana.panels import PER_SECOND, SECONDS, SHORT, Board, Note, Panel, Query, quantiles

BROKERS = """\
These panels are what Onhand's own processes see of Kafka: they notice a slow or absent broker, and can't say why.
They export no statistics of librdkafka and none of the brokers, so nothing here shows under-replicated partitions,
disk, request queues or the controller.

For those, run the Prometheus JMX exporter beside each broker and take one of its ready dashboards; the essentials
are *UnderReplicatedPartitions*, *OfflinePartitionsCount*, *ActiveControllerCount*, *RequestHandlerAvgIdlePercent* and
free disk.
"""

BOARD = Board(
    "onhand-kafka",
    "Onhand: Kafka",
    "Kafka as Onhand's own processes see it; the brokers' own figures need a JMX exporter.",
    (
        Panel(
            "Flush and commit of one transaction",
            SECONDS,
            (
                "Normally a few milliseconds. Higher: a slow disk or a lagging replica; look at the brokers "
                "before the workers."
            ),
            quantiles("onhand_commit_seconds", 0.5, 0.99),
            limit=0.1,
        ),
        Panel(
            "Transactions aborted",
            PER_SECOND,
            "Brokers that come and go abort a few. Steady ones: see OnhandTransactionsAborting in the runbook.",
            (
                Query(
                    "sum by (instance) (rate(onhand_transaction_aborts_total[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Records waiting in the input topics",
            SHORT,
            "Growing while workers are idle: they can't fetch; look at the brokers and the network.",
            (Query("sum by (topic) (onhand_lag_records)", "{{topic}}"),),
        ),
        Panel(
            "Records fetched",
            PER_SECOND,
            "All at zero at once while sources send: Kafka does not serve reads.",
            (
                Query("sum(rate(onhand_batch_records_sum[$__rate_interval]))", "by the workers"),
                Query("sum(rate(onhand_view_records_total[$__rate_interval]))", "by the projector"),
            ),
        ),
        Note(
            "What is not shown here",
            "Set up a JMX exporter beside each broker for what only brokers know.",
            BROKERS,
        ),
    ),
)
