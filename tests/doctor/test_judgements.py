"""What the doctor makes of what it sees."""

from __future__ import annotations

import pytest

from streams import topology
from streams.doctor.brokers import judge_brokers
from streams.doctor.disk import GIBIBYTE, judge_disk
from streams.doctor.finding import Finding, Verdict
from streams.doctor.topics import judge_topics
from streams.doctor.view import judge_clock, judge_memory, judge_served
from streams.doctor.workers import judge_workers
from streams.engine.topic_plan import Action, TopicChange
from streams.settings import Settings

SETTINGS = Settings(partitions=2, replication_factor=3)
GOOD = {
    "transaction.max.timeout.ms": "900000",
    "group.max.session.timeout.ms": "1800000",
    "group.min.session.timeout.ms": "6000",
    "auto.create.topics.enable": "false",
    "transaction.state.log.replication.factor": "3",
    "offsets.topic.replication.factor": "3",
}


def verdicts(findings: list[Finding]) -> list[Verdict]:
    """The verdicts alone."""
    return [finding.verdict for finding in findings]


def test_brokers_that_onhand_can_rest_on_are_one_good_finding() -> None:
    """Also when they do not tell their settings."""
    assert verdicts(judge_brokers(3, GOOD, SETTINGS)) == [Verdict.OK]
    assert verdicts(judge_brokers(3, {}, SETTINGS)) == [Verdict.OK]


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("transaction.max.timeout.ms", "9999", Verdict.FAILURE),
        ("group.max.session.timeout.ms", "5000", Verdict.FAILURE),
        ("group.min.session.timeout.ms", "7000", Verdict.FAILURE),
        ("replica.fetch.max.bytes", "1000", Verdict.WARNING),
        ("auto.create.topics.enable", "true", Verdict.WARNING),
        ("unclean.leader.election.enable", "true", Verdict.FAILURE),
        ("transaction.state.log.replication.factor", "1", Verdict.FAILURE),
        ("offsets.topic.replication.factor", "1", Verdict.FAILURE),
    ],
)
def test_a_setting_that_onhand_can_not_rest_on_is_named(name: str, value: str, verdict: Verdict) -> None:
    """With what to do."""
    (finding,) = judge_brokers(3, {**GOOD, name: value}, SETTINGS)
    assert (finding.verdict, finding.what.split()[0]) == (verdict, name)
    assert finding.advice


def test_fewer_brokers_than_replicas_are_a_failure() -> None:
    """No topic can be made then."""
    assert Verdict.FAILURE in verdicts(judge_brokers(2, GOOD, SETTINGS))


def test_topics_are_judged_by_what_their_plan_says() -> None:
    """Missing is a failure, too short a warning, a migration a failure, more than needed nothing."""

    def change(action: Action) -> TopicChange:
        return TopicChange("stock-sales", action, "retention.ms", "1", "2", "why")

    assert verdicts(judge_topics([], 3)) == [Verdict.OK]
    assert verdicts(judge_topics([change(Action.LEAVE)], 3)) == [Verdict.OK]
    assert verdicts(judge_topics([change(Action.CREATE)], 3)) == [Verdict.FAILURE]
    assert verdicts(judge_topics([change(Action.CORRECT)], 3)) == [Verdict.WARNING]
    assert verdicts(judge_topics([change(Action.REFUSE)], 3)) == [Verdict.FAILURE]


def test_partitions_that_are_nobodys_are_told_by_topic() -> None:
    """All owned is good, also with workers that stand by; none running is told as that."""
    everything = [(topic.name, number) for topic in topology.INPUTS for number in range(2)]
    assert verdicts([*judge_workers(1, everything, SETTINGS), *judge_workers(3, everything, SETTINGS)]) == [
        Verdict.OK,
        Verdict.OK,
    ]
    assert verdicts(judge_workers(0, [], SETTINGS)) == [Verdict.WARNING]
    (idle,) = judge_workers(2, [one for one in everything if one != ("stock-sales", 1)], SETTINGS)
    assert (idle.verdict, "stock-sales (1)" in idle.what) == (Verdict.FAILURE, True)


def test_clocks_that_are_a_minute_apart_are_a_failure() -> None:
    """Either way; seconds do not matter."""
    assert verdicts([*judge_clock(3.0), *judge_clock(61.0), *judge_clock(-61.0)]) == [
        Verdict.OK,
        Verdict.FAILURE,
        Verdict.FAILURE,
    ]


def test_a_redis_that_may_drop_keys_is_told() -> None:
    """Only when it has a limit at all."""
    assert verdicts(judge_memory({"maxmemory": 1, "maxmemory_policy": "allkeys-lru"})) == [Verdict.WARNING]
    assert judge_memory({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}) == []
    assert judge_memory({"maxmemory": 1, "maxmemory_policy": "noeviction"}) == []


def test_a_view_is_served_built_or_missing() -> None:
    """Each is told apart."""
    found = [judge_served({"generation": "7"}), judge_served({"building": "8", "progress": "40"})]
    assert verdicts([*found, judge_served({})]) == [Verdict.OK, Verdict.WARNING, Verdict.WARNING]
    assert "40 %" in found[1].what


def test_room_on_disk_is_judged_by_kafkas_segments() -> None:
    """Below one segment Kafka stops."""
    found = [judge_disk(free * GIBIBYTE, 100 * GIBIBYTE) for free in (50, 5)]
    assert verdicts([*found, judge_disk(GIBIBYTE // 2, 100 * GIBIBYTE)]) == [
        Verdict.OK,
        Verdict.WARNING,
        Verdict.FAILURE,
    ]
