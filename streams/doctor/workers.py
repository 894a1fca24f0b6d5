"""The stock workers: whether every partition is somebody's."""

from collections import Counter
from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams import topology
from streams.doctor.brokers import ANSWER_SECONDS
from streams.doctor.finding import Finding, failure, fine, warning
from streams.settings import Settings

AREA = "workers"


def look_at_workers(admin: AdminClient, settings: Settings) -> list[Finding]:
    """Ask the coordinator who is in the stock workers' group, and judge that."""
    try:
        asked = admin.describe_consumer_groups([settings.group_id], request_timeout=ANSWER_SECONDS)
        group = asked[settings.group_id].result()
    except KafkaException as error:
        what = f"group {settings.group_id} can't be described: {error.args[0].str()}"
        return [warning(AREA, what, "check what this user may describe")]
    owned = [
        (partition.topic, partition.partition)
        for member in group.members
        for partition in (member.assignment.topic_partitions if member.assignment else ())
    ]
    return judge_workers(len(group.members), owned, settings)


def judge_workers(members: int, owned: Sequence[tuple[str, int]], settings: Settings) -> list[Finding]:
    """Return what the members of the group and the partitions that they own mean."""
    if not members:
        return [warning(AREA, "none runs: stock stands still", "start `onhand worker`")]
    wanted = {(topic.name, number) for topic in topology.INPUTS for number in range(settings.partitions)}
    if idle := wanted - set(owned):
        topics = ", ".join(
            f"{topic} ({count})" for topic, count in sorted(Counter(t for t, _ in idle).items())
        )
        return [
            failure(
                AREA,
                f"{members}, but {len(idle)} partitions are nobody's: {topics}",
                "wait for a rebalance to end and look again; then compare versions of the workers",
            )
        ]
    if members > settings.partitions:
        what = f"{members} for {settings.partitions} partitions: {members - settings.partitions} stand by"
        return [fine(AREA, what)]
    return [fine(AREA, f"{members}, and every partition is somebody's")]
