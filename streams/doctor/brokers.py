"""The brokers: how many there are, and settings of theirs that Onhand's guarantees rest on."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # documented, not listed.
    AdminClient,
    ConfigResource,
    ResourceType,
)

from streams.doctor.finding import Finding, failure, fine, warning
from streams.settings import Settings
from streams.topology import MAXIMUM_ORIGINAL_BYTES

AREA = "brokers"
ANSWER_SECONDS = 10.0  # A cluster that takes longer to describe itself is of no use to a person.


def look_at_brokers(admin: AdminClient, settings: Settings) -> list[Finding]:
    """Ask the cluster, and judge what it says of itself."""
    try:
        cluster = admin.describe_cluster(request_timeout=ANSWER_SECONDS).result()
        nodes = [int(node.id) for node in cluster.nodes]
        described = _settings_of(admin, nodes[0])
    except KafkaException as error:
        what = f"the cluster does not describe itself: {error.args[0].str()}"
        return [warning(AREA, what, "check what this user may describe")]
    return judge_brokers(len(nodes), described, settings)


def _settings_of(admin: AdminClient, node: int) -> dict[str, str]:
    resource = ConfigResource(ResourceType.BROKER, str(node))
    answer: Future[Any] = admin.describe_configs([resource], request_timeout=ANSWER_SECONDS)[resource]
    return {name: entry.value or "" for name, entry in answer.result().items()}


def judge_brokers(count: int, described: Mapping[str, str], settings: Settings) -> list[Finding]:
    """Return what a number of brokers and the settings of one of them mean for Onhand."""
    found = [*_too_few(count, settings), *_limits(described, settings), *_risks(count, described)]
    return found or [fine(AREA, f"{count}, with settings that Onhand can rest on")]


def _too_few(count: int, settings: Settings) -> list[Finding]:
    if count < settings.replication_factor:
        what = f"{count}, but ONHAND_REPLICATION_FACTOR is {settings.replication_factor}"
        return [failure(AREA, what, "add brokers, or lower the setting before topics are made")]
    return []


def _limits(described: Mapping[str, str], settings: Settings) -> list[Finding]:
    """Find limits of the brokers that refuse what Onhand asks for."""
    found = []
    for name, wanted, setting in (
        ("transaction.max.timeout.ms", settings.transaction_timeout_ms, "ONHAND_TRANSACTION_TIMEOUT_MS"),
        ("group.max.session.timeout.ms", settings.session_timeout_ms, "ONHAND_SESSION_TIMEOUT_MS"),
    ):
        if _number(described, name, wanted) < wanted:
            what = f"{name} is {described[name]}, below {setting} {wanted}"
            found.append(failure(AREA, what, f"raise {name}, or lower {setting}: workers can't start"))
    least = _number(described, "group.min.session.timeout.ms", 0)
    if least > settings.session_timeout_ms:
        what = f"group.min.session.timeout.ms is {least}, above ONHAND_SESSION_TIMEOUT_MS {settings.session_timeout_ms}"
        found.append(failure(AREA, what, "lower it, or raise the setting: workers can't join"))
    largest = _number(described, "replica.fetch.max.bytes", MAXIMUM_ORIGINAL_BYTES)
    if largest < MAXIMUM_ORIGINAL_BYTES // 2:
        what = f"replica.fetch.max.bytes is {largest}"
        found.append(
            warning(AREA, what, "raise it to a megabyte at least, so that large events replicate fast")
        )
    return found


def _risks(count: int, described: Mapping[str, str]) -> list[Finding]:
    """Find settings with which data could be lost, or topics come up wrong."""
    found = []
    if described.get("auto.create.topics.enable") == "true":
        what = (
            "auto.create.topics.enable is true: a misspelt topic comes up with a wrong number of partitions"
        )
        found.append(warning(AREA, what, "set it to false"))
    if described.get("unclean.leader.election.enable") == "true":
        what = "unclean.leader.election.enable is true: acknowledged events can be lost"
        found.append(failure(AREA, what, "set it to false"))
    if count > 1:
        for name in ("transaction.state.log.replication.factor", "offsets.topic.replication.factor"):
            if _number(described, name, count) == 1:
                what = f"{name} is 1: the loss of one broker stops workers, or makes them begin anew"
                found.append(failure(AREA, what, "raise it before the cluster is first used"))
    return found


def _number(described: Mapping[str, str], name: str, otherwise: int) -> int:
    """Return a numeric setting; brokers that do not tell it are taken to have no problem with it."""
    value = described.get(name, "")
    return int(value) if value.lstrip("-").isdigit() else otherwise
