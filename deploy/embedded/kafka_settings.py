"""The embedded broker's settings, each that differs from Kafka's default with its reason."""

from __future__ import annotations

from deploy.embedded.ports import LOOPBACK

NODE_ID = 1

JVM_OPTIONS = (
    "-server",
    "-Xms256m",  # small at rest: tests start many brokers
    "-Xmx1g",  # a laptop's share; Kafka's throughput lives in the page cache, not in the heap
    "-XX:+UseG1GC",  # short pauses: the latency aim is a p99 of 100 ms
    "-XX:MaxGCPauseMillis=20",  # as Kafka's own start script has it
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
)

_COMMON = {
    "process.roles": "broker,controller",
    "node.id": str(NODE_ID),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Relative to the broker's working directory, so that no character of the path can upset the parser.
    "log.dirs": "data",
    # One node: nothing can be replicated.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # 50 partitions each by default; every one costs files and start time, and one node gains nothing by them.
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.num.partitions": "1",
    # A new group must not wait 3 s for members that might still come.
    "group.initial.rebalance.delay.ms": "0",
    # Tests of frozen workers use sessions shorter than the default minimum of 6 s.
    "group.min.session.timeout.ms": "1000",
    # A misspelt topic is an error, not a topic with the wrong partition count.
    "auto.create.topics.enable": "false",
    # A dead worker's transaction delays the restore of its partitions: look every second, not every 10.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # By default a leader asks the coordinator, for each partition's first write in a transaction, whether the
    # client announced it (KIP-890): 0.5 ms each, one after the other, because librdkafka sends a request for
    # each partition. A batch that writes to 48 partitions took 30 ms with it and 14 without. What it guards
    # against, a write that arrives after its transaction has ended, needs a connection that breaks while the
    # broker lives on: librdkafka ends no transaction with writes in flight. A cluster should keep it.
    "transaction.partition.verification.enable": "false",
    # 10 MiB by default, twice per partition; not every file system stores the holes for free.
    "log.index.size.max.bytes": "1048576",
    # 128 MiB of the heap by default; 32 MiB still compact 1.2 million keys in one pass.
    "log.cleaner.dedupe.buffer.size": "33554432",
    # After a crash the controller waits for the dead broker's session to end before it takes the restarted
    # one: 9 s by default. Shorter than 3 s, a busy machine's hiccup would be taken for a death.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


def server_properties(client_port: int, controller_port: int) -> str:
    """Return the broker's properties file for its two ports."""
    settings = {
        **_COMMON,
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "listeners": f"CLIENT://{LOOPBACK}:{client_port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"CLIENT://{LOOPBACK}:{client_port}",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
