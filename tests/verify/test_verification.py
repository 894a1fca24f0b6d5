"""Verification of a hand-made world, and of the same world with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.wire import encode
from streams.cli.verify import exit_code, summary
from streams.verify.reading import ReadError
from streams.verify.report import Kind
from tests.verify.checking import alter, alter_location, home, verified
from tests.verify.honest import ENDS_AT, answer, asked, honest_world, own_row
from tests.verify.world import NOON, PLAN, World, error_headers, fact, other_partition

Plant = Callable[[World], object]


def test_honest_world_agrees() -> None:
    """Everything in agreement gives exit code 0 and counts what there was."""
    report = verified(honest_world())
    assert [difference.sentence() for difference in report.differences] == []
    assert exit_code(report) == 0
    assert report.counts["events"] == 22
    assert report.counts["duplicates"] == 2
    assert report.counts["dead_letters"] == 3
    assert report.counts["retries_waiting"] == 1
    assert report.counts["forwarded"] == 1
    assert report.counts["orders_rejected"] == 1
    assert "VERIFIED" in summary(report)[-1]
    assert any("not lost" in note for note in report.notes)


def _drop_last(world: World, topic: str, sku: str) -> None:
    log = world.topics[topic, home(sku)]
    log.remove([record for record in log if record.key_bytes == sku.encode()][-1])
    for number, record in enumerate(log):
        record.number = number


def _drop_dead_letter(world: World, reason: str) -> None:
    for (topic, _), log in world.topics.items():
        if topic.endswith("-dlq"):
            log[:] = [record for record in log if record.header_list[0][1] != reason.encode()]


def _lose_row(world: World) -> None:
    """Drop the last row of APPLE's ledger."""
    _drop_last(world, PLAN.movements, "APPLE")


def _second_row(world: World) -> None:
    world.row("SaleRecorded", fact("APPLE", "s2", 1), (7, 6), 6)


def _row_from_nowhere(world: World) -> None:
    world.row("SaleRecorded", fact("APPLE", "never-sent", 1), (7, 6), 6)


def _unfounded_dead_letter(world: World) -> None:
    record = world.topics["stock-receipts", home("APPLE")][0]
    world.dead(record, "INVALID_QUANTITY")


def _altered_dead_letter(world: World) -> None:
    world.topics["stock-sales-dlq", home("APPLE")][0].value_bytes = b"something else"


def _retry_taken_and_lost(world: World) -> None:
    world.positions["stock-sales-retry", home("PLUM")] = 1


def _unfounded_conflict(world: World) -> None:
    world.dead(world.event("SaleRecorded", fact("APPLE", "fresh", 1)), "IDEMPOTENCY_CONFLICT")


def _conflict_without_dead_letter(world: World) -> None:
    world.event("SaleRecorded", fact("PEAR", "t1", 4))


def _duplicate_without_row(world: World) -> None:
    world.event("SaleRecorded", fact("APPLE", "s1", 3))


def _refused_though_covered(world: World) -> None:
    alter(world, PLAN.movements, "APPLE", 3, available_after=9)


def _accepted_though_short(world: World) -> None:
    alter(world, PLAN.movements, "APPLE", 4, available_after=-1)


def _not_forwarded(world: World) -> None:
    stray = fact("PEAR", "stray", 1)
    world.event("SaleRecorded", stray, at=other_partition("PEAR"))


def _newer_policy_not_in_force(world: World) -> None:
    policy = {"event_id": "p2", "source_id": "desk", "sku": "*", "occurred_at": NOON + 1}
    world.put(PLAN.policies, "*", encode("StockPolicySet", policy))


def _table_on_wrong_partition(world: World) -> None:
    record = world.topics[PLAN.levels, home("PEAR")][-1]
    world.put(PLAN.levels, "PEAR", record.value_bytes, at=other_partition("PEAR"))


def _old_dead_letter_twice(world: World) -> None:
    record = world.topics["stock-sales-dlq", home("APPLE")][0]
    world.topics["stock-sales-dlq", home("APPLE")].append(record)


def _version_backwards(world: World) -> None:
    world.tell("pos", "PEAR", 3, 1)


def _late_without_a_count(world: World) -> None:
    world.applied("SaleRecorded", fact("PEAR", "late", 2), (3, 3), 3, outcome="LATE")


def _trusted_all_the_same(world: World) -> None:
    alter(world, PLAN.movements, "LEMON", outcome="SUPERSEDED")


def _confirmed_twice(world: World) -> None:
    again = asked("h9", 0, "H-1", order_id="O-8")
    world.applied("ConfirmHold", again, (10, 10), 11, reference="H-1", held_after=1)
    answer(world, again, 11, state="CONFIRMED")


def _expired_twice(world: World) -> None:
    own_row(world, "HoldExpired", "H-3", 2, 11, 1, "store")


def _held_though_short(world: World) -> None:
    greedy = asked("h9", 20, "H-5")
    world.event("PlaceHold", greedy | {"expires_at": ENDS_AT})
    world.row("PlaceHold", greedy, (10, 10), 11, reference="H-5", held_after=21)
    answer(world, greedy, 11)


PLANTS: list[tuple[Kind, Plant]] = [
    (Kind.TABLE, lambda world: alter_location(world, "APPLE", on_hand=6)),
    (Kind.TABLE, lambda world: alter_location(world, "APPLE", reserved=3)),
    (Kind.TABLE, lambda world: alter_location(world, "APPLE", unsellable=0)),
    (Kind.TABLE, lambda world: alter_location(world, "PEAR", incoming=0)),
    (Kind.TABLE, lambda world: alter_location(world, "PEAR", safety_stock=1)),
    (Kind.TABLE, lambda world: alter(world, PLAN.levels, "APPLE", occurred_at=NOON - 1)),
    (Kind.TABLE, lambda world: _drop_last(world, PLAN.levels, "PEAR")),
    (Kind.VERSION, lambda world: alter(world, PLAN.levels, "APPLE", version=4)),
    (Kind.VERSION, _version_backwards),
    (Kind.AVAILABILITY, lambda world: alter(world, PLAN.availability["web"], "APPLE", available_to_sell=4)),
    (Kind.AVAILABILITY, lambda world: alter(world, PLAN.levels, "APPLE", availability=[])),
    (
        Kind.LEDGER_GAP,
        lambda world: alter(world, PLAN.movements, "APPLE", 2, on_hand_before=6, on_hand_after=7),
    ),
    (Kind.LEDGER_ROW, lambda world: alter(world, PLAN.movements, "APPLE", on_hand_after=6)),
    (Kind.LEDGER_ROW, lambda world: alter(world, PLAN.movements, "APPLE", 7, quantity=2)),
    (Kind.LEDGER_GAP, _lose_row),
    (Kind.LOST_EVENT, _lose_row),
    (Kind.APPLIED_TWICE, _second_row),
    (Kind.UNEXPLAINED_ROW, _row_from_nowhere),
    (Kind.DUPLICATE_COUNT, _duplicate_without_row),
    (Kind.ORDER, _refused_though_covered),
    (Kind.ORDER, _accepted_though_short),
    (Kind.TABLE, lambda world: alter_location(world, "GRAPE", held=0)),
    (Kind.TABLE, lambda world: alter_location(world, "LEMON", counted_at=0)),
    (Kind.LEDGER_GAP, lambda world: alter_location(world, "GRAPE", held=2)),
    (Kind.LEDGER_GAP, lambda world: alter_location(world, "APPLE", reserved=1)),
    (Kind.LEDGER_ROW, lambda world: alter(world, PLAN.movements, "APPLE", 4, reserved_after=1)),
    (Kind.LEDGER_ROW, lambda world: alter(world, PLAN.movements, "LEMON", 3, outcome="APPLIED")),
    (Kind.LEDGER_ROW, lambda world: alter(world, PLAN.movements, "LEMON", 5, outcome="REJECTED")),
    (Kind.LEDGER_ROW, _late_without_a_count),
    (Kind.TABLE, _trusted_all_the_same),
    (Kind.HOLD, lambda world: alter(world, PLAN.movements, "GRAPE", held_after=2)),
    (Kind.HOLD, lambda world: alter(world, PLAN.movements, "GRAPE", 4, quantity=1)),
    (Kind.HOLD, _confirmed_twice),
    (Kind.HOLD, _expired_twice),
    (Kind.HOLD, _held_though_short),
    (Kind.HOLD, lambda world: _drop_last(world, PLAN.holds, "GRAPE\x1fH-4")),
    (Kind.HOLD, lambda world: alter(world, PLAN.holds, "GRAPE\x1fH-4", quantity=2)),
    (Kind.HOLD, lambda world: alter(world, PLAN.holds, "GRAPE\x1fH-1", state="RELEASED")),
    (Kind.ANSWER, lambda world: _drop_last(world, PLAN.results, "GRAPE")),
    (Kind.ANSWER, lambda world: alter(world, PLAN.results, "GRAPE", accepted=False)),
    (Kind.ANSWER, lambda world: alter(world, PLAN.results, "GRAPE", 5, reason="HOLD_UNKNOWN")),
    (Kind.ANSWER, lambda world: alter(world, PLAN.results, "GRAPE", quantity=5)),
    (Kind.ANSWER, lambda world: alter(world, PLAN.results, "GRAPE", version=9)),
    (Kind.ANSWER, lambda world: alter(world, PLAN.results, "GRAPE", 8, quantity=2)),
    (Kind.ANSWER, lambda world: answer(world, asked("h9", 1, "H-4"), 10)),
    (Kind.LOST_EVENT, lambda world: world.event("ReleaseHold", asked("h9", 0, "H-4"))),
    (Kind.UNEXPLAINED_ROW, lambda world: own_row(world, "HoldSpilt", "H-4", 1, 11, 1, "store")),
    (Kind.DEAD_LETTER_MISSING, lambda world: _drop_dead_letter(world, "UNDECODABLE")),
    (Kind.DEAD_LETTER_MISSING, lambda world: _drop_dead_letter(world, "INVALID_QUANTITY")),
    (Kind.DEAD_LETTER_MISSING, lambda world: _drop_dead_letter(world, "IDEMPOTENCY_CONFLICT")),
    (Kind.DEAD_LETTER_MISSING, _conflict_without_dead_letter),
    (Kind.DEAD_LETTER_UNFOUNDED, _unfounded_dead_letter),
    (Kind.DEAD_LETTER_UNFOUNDED, _unfounded_conflict),
    (Kind.DEAD_LETTER_UNFOUNDED, _old_dead_letter_twice),
    (Kind.DEAD_LETTER_ALTERED, _altered_dead_letter),
    (Kind.RETRY_LOST, _retry_taken_and_lost),
    (Kind.FORWARD_MISSING, _not_forwarded),
    (Kind.POLICY, _newer_policy_not_in_force),
    (Kind.MISPLACED, _table_on_wrong_partition),
    (Kind.UNREADABLE_OUTPUT, lambda world: world.put(PLAN.movements, "APPLE", b"junk")),
]


@pytest.mark.parametrize(("kind", "plant"), PLANTS, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(PLANTS)])
def test_each_planted_difference_is_found(kind: Kind, plant: Plant) -> None:
    """One wrong record in an honest world gives exit code 1, and its kind is named."""
    world = honest_world()
    plant(world)
    report = verified(world)
    assert kind in report.totals, [difference.sentence() for difference in report.differences]
    assert exit_code(report) == 1
    assert any(line.startswith(kind) for line in summary(report))


def test_deleted_inputs_are_said_plainly() -> None:
    """When retention has taken inputs, nothing is called different, and the exit code says that not all was checked."""
    world = honest_world()
    world.low["stock-sales", home("APPLE")] = 2
    report = verified(world)
    assert [difference.sentence() for difference in report.differences] == []
    assert exit_code(report) == 3
    assert any("Retention has deleted" in line for line in summary(report))


def test_ledger_is_checked_even_without_its_inputs() -> None:
    """A gap in the ledger is found where inputs have been deleted."""
    world = honest_world()
    world.low["stock-sales", home("APPLE")] = 2
    _lose_row(world)
    assert Kind.LEDGER_GAP in verified(world).totals


def test_dead_letter_for_the_future_must_be_plausible() -> None:
    """An event far in the future may be refused, one of yesterday may not be refused for that reason."""
    world = honest_world()
    world.dead(
        world.event("SaleRecorded", fact("PEAR", "f1", 1, occurred_at=NOON + 3_600_000)), "FUTURE_EVENT"
    )
    assert verified(world).agrees
    world.dead(
        world.event("SaleRecorded", fact("PEAR", "f2", 1, occurred_at=NOON - 86_400_000)), "FUTURE_EVENT"
    )
    assert verified(world).totals == {Kind.DEAD_LETTER_UNFOUNDED: 1}


def test_retried_event_may_end_applied_or_exhausted() -> None:
    """A retry that came back is accounted for by what became of it then."""
    world = honest_world()
    first = world.topics["stock-sales", home("PLUM")][-1]
    world.positions["stock-sales-retry", home("PLUM")] = 1
    headers = [*error_headers(first, "UNKNOWN_SKU"), ("retry-attempts", b"1")]
    again = world.event("SaleRecorded", fact("PLUM", "s3", 1), headers=headers)
    assert Kind.LOST_EVENT in verified(world).totals
    world.dead(again, "RETRIES_EXHAUSTED")
    assert verified(world).agrees


def test_order_whose_goods_left_before_it_came_asks_for_nothing() -> None:
    """Such an order is accepted though its location is short; one that reserves a unit more is not."""
    world = honest_world()
    shipped, order = fact("KIWI", "k1", 3, order_id="O-1"), fact("KIWI", "k2", 3, order_id="O-1")
    world.applied("OrderShipped", shipped, (0, -3), 1, available_after=-3, reserved_after=0)
    world.applied("OrderPlaced", order, (-3, -3), 2, available_after=-3, reserved_after=0)
    for channel in ("pos", "web"):
        world.tell(channel, "KIWI", 0, 1)
    world.level("KIWI", 2, [{"location_id": "store", "on_hand": -3}], {"pos": (0, 1), "web": (0, 1)})
    assert verified(world).agrees
    alter(world, PLAN.movements, "KIWI", available_after=-4, reserved_after=1)
    assert Kind.ORDER in verified(world).totals


def test_missing_topics_are_named() -> None:
    """A cluster without the topics gives one sentence."""

    class Empty(World):
        def partitions(self, topic: str) -> int:
            return 0

    with pytest.raises(ReadError, match="onhand topics"):
        verified(Empty())
