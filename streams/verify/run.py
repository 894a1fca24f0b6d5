"""The whole verification, over any reader."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from streams.verify.answers import Answers
from streams.verify.aside import SetAside
from streams.verify.bundles import Bundles
from streams.verify.comparison import (
    View,
    compare_availability,
    compare_future,
    compare_ledger,
    compare_table,
    compare_view,
)
from streams.verify.counts import Counts
from streams.verify.cover import Cover
from streams.verify.decoding import Undecodable, decode
from streams.verify.feeds import Feeds
from streams.verify.inputs import Forwards, Inputs
from streams.verify.ledger import Ledger
from streams.verify.lines import DAY_MS
from streams.verify.outputs import Latest, read_latest
from streams.verify.plan import Partition, Plan
from streams.verify.policies import PolicyBook, age_of
from streams.verify.reading import Reader, ReadError, Record
from streams.verify.report import Kind, Report
from streams.verify.rules import POLICY_RECORD, Event, examine
from streams.verify.silence import Hearing

MIDNIGHT_TOLERANCE_MS = 60_000  # Within that every worker has looked again at what has a future.
POLICY_TOLERANCE_MS = 60_000  # Within that every worker has read a policy that is in force.


class Verification:
    """One verification of everything that a plan names; raises ReadError when something can't be read."""

    def __init__(
        self, plan: Plan, reader: Reader, view: View | None, report: Report, now_ms: int | None = None
    ) -> None:
        """Verify as things stood at now_ms (UTC milliseconds), the present without."""
        self._now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        self._plan = plan
        self._reader = reader
        self._view = view
        self._report = report
        self._forwards = Forwards()
        self._policies = PolicyBook()
        self._feeds = Feeds()
        self._bundles = Bundles(report)
        self._shown: dict[str, int] = {}

    def run(self, on_partition: Callable[[int], None] = lambda _partition: None) -> Report:
        """Verify every partition and return the report; on_partition is told each one that is begun."""
        self._require_topics()
        self._read_policies()
        self._read_categories()
        self._read_sources()
        self._feeds.read(self._reader.read(self._all(self._plan.feeds)))
        for number in range(self._reader.partitions(self._plan.levels)):
            on_partition(number)
            self._verify_partition(number)
        self._forwards.check(self._report)
        self._feeds.check_whole(self._report)
        self._bundles.check()
        self._compare_view_sizes()
        if self._view is None:
            self._report.notes.append("The Redis view was left out.")
        if waiting := self._report.counts["retries_waiting"]:
            self._report.notes.append(f"{waiting} events wait in retry topics; they are not lost.")
        return self._report

    def _require_topics(self) -> None:
        missing = [topic for topic in self._plan.topics() if not self._reader.partitions(topic)]
        if missing:
            raise ReadError(f"Topics {', '.join(missing)} do not exist: create them with `onhand topics`.")

    def _all(self, topic: str) -> list[Partition]:
        return [(topic, number) for number in range(self._reader.partitions(topic))]

    def _at(self, topics: Iterable[str], number: int) -> list[Partition]:
        return [(topic, number) for topic in topics if number < self._reader.partitions(topic)]

    def _read_policies(self) -> None:
        """
        Find the policies in force.

        The newest valid one of each key counts. As the topic is compacted, one that is in force may have left
        it behind an older one; then the topic of policies in force is the only witness.
        """
        aside = SetAside(Report())
        aside.read_dead_letters(self._reader.read(self._all(self._plan.dead_letters[self._plan.policies])))
        dead = {(origin.partition, origin.offset) for origin in aside.dead}
        allowed = frozenset({POLICY_RECORD})
        expected = dict.fromkeys(range(self._reader.partitions(self._plan.policies)), 0)
        is_whole = True
        for record in self._reader.read(self._all(self._plan.policies)):
            is_whole = is_whole and record.offset() == expected[record.partition()]
            expected[record.partition()] = record.offset() + 1
            event = examine(record.key(), record.value(), allowed)
            is_dead = (record.partition(), record.offset()) in dead
            if isinstance(event, Event) and not event.problems and not is_dead:
                self._policies.add(event.value)
        in_force: dict[str, dict[str, Any]] = {}
        for record in self._reader.read(self._all(self._plan.policies_in_force)):
            if (found := self._decoded(record)) is not None:
                in_force[found[1]["sku"]] = found[1]
                if not is_whole:
                    self._policies.known_since = max(
                        self._policies.known_since, record.timestamp()[1] + POLICY_TOLERANCE_MS
                    )
        self._compare_policies(in_force)

    def _compare_policies(self, in_force: dict[str, dict[str, Any]]) -> None:
        for policy in self._policies.all():
            found = in_force.get(policy["sku"])
            if found is None or age_of(found) < age_of(policy):
                self._report.add(Kind.POLICY, policy["sku"], "the newest valid policy is not in force")
        for policy in in_force.values():
            self._policies.add(policy)

    def _read_categories(self) -> None:
        for record in self._reader.read(self._all(self._plan.items_in_force)):
            if (item := self._decoded(record)) is not None:
                self._policies.categories[item[1]["sku"]] = item[1]["category"]
                self._bundles.describe(item[1]["sku"], item[1]["components"], in_force=True)

    def _read_sources(self) -> None:
        hearing = Hearing(self._now_ms)
        for record in self._reader.read(self._all(self._plan.sources)):
            with suppress(Undecodable):  # Workers let it be, too.
                hearing.add(*decode(record.value()))
        self._policies.worlds = hearing.worlds(*self._policies.watched())
        if not self._policies.worlds:
            self._report.notes.append(
                "Too many sources are near their limit of silence to judge what it means."
            )

    def _decoded(self, record: Record) -> tuple[str, dict[str, Any]] | None:
        try:
            return decode(record.value())
        except Undecodable as error:
            where = f"{record.topic()}:{record.partition()}:{record.offset()}"
            self._report.add(Kind.UNREADABLE_OUTPUT, where, str(error))
            return None

    def _verify_partition(self, number: int) -> None:
        aside = self._read_aside(number)
        ledger = self._read_ledger(number)
        inputs = self._read_inputs(number, ledger, aside)
        self._compare_holds(number, ledger)
        self._compare(number, inputs, ledger)

    def _read_aside(self, number: int) -> SetAside:
        aside = SetAside(self._report)
        aside.read_dead_letters(self._reader.read(self._at(self._plan.dead_letters.values(), number)))
        retries = self._at(self._plan.retries.values(), number)
        committed = self._reader.committed(self._plan.retry_group_id, retries)
        aside.read_retries(
            self._reader.read(retries), {topic: offset for (topic, _), offset in committed.items()}
        )
        return aside

    def _read_ledger(self, number: int) -> Ledger:
        results, movements = (self._plan.results, number), (self._plan.movements, number)
        answers = Answers(self._report)
        answers.read(self._reader.read([results]), complete=self._reader.bounds(results)[0] == 0)
        cover = Cover(self._policies, self._report)
        ledger = Ledger(self._report, cover, answers, complete=self._is_complete([movements]))
        ledger.read(self._reader.read([movements]))
        answers.finish()
        return ledger

    def _read_inputs(self, number: int, ledger: Ledger, aside: SetAside) -> Inputs | None:
        """Return the recomputation of a partition, None if part of its inputs has been deleted."""
        topics = self._at(self._plan.inputs, number)
        complete = self._is_complete([part for part in topics if part[0] != self._plan.policies])
        partitions = {topic: self._reader.partitions(topic) for topic in self._plan.inputs}
        counts = Counts(ledger.counted, self._feeds.in_force(number), self._trusts)
        inputs = Inputs(
            self._plan,
            partitions,
            ledger,
            counts,
            self._bundles,
            aside,
            self._forwards,
            self._report,
            complete=complete,
        )
        inputs.read(self._reader.read(topics))
        inputs.finish()
        if complete:
            self._feeds.check_rows(number, inputs.feed_rows, self._report)
        return inputs if complete else None

    def _compare_holds(self, number: int, ledger: Ledger) -> None:
        if self._reader.bounds((self._plan.movements, number))[0] == 0:
            ledger.holds.check_expiries(self._now_ms)
            ledger.holds.compare_table(list(self._reader.read([(self._plan.holds, number)])))

    def _is_complete(self, partitions: list[Partition]) -> bool:
        """Tell whether nothing of these partitions has been deleted, and say so if it has."""
        complete = True
        for topic, number in partitions:
            low, _ = self._reader.bounds((topic, number))
            if low > 0:
                complete = False
                self._report.truncated.append(f"{topic}:{number} begins at offset {low}")
        return complete

    def _compare(self, number: int, inputs: Inputs | None, ledger: Ledger) -> None:
        plan, report = self._plan, self._report
        partitions = self._reader.partitions(plan.levels)
        latest = {plan.levels: Latest(plan.levels, "StockLevel", partitions, report)}
        for topic in plan.availability.values():
            latest[topic] = Latest(topic, "ChannelAvailability", partitions, report)
        read_latest(self._reader.read(self._at(latest, number)), latest)
        published = {topic: values.values() for topic, values in latest.items()}
        levels = published[plan.levels]
        report.counts["skus"] += len(levels)
        if inputs is not None:
            compare_table(
                levels,
                inputs.fold,
                ledger,
                self._feeds.moments(number),
                self._policies,
                self._bundles,
                report,
            )
            compare_future(levels, inputs.fold, self._days(), plan.promise_horizon_days, report)
        compare_ledger(levels, ledger, report)
        told = {channel_id: published[topic] for channel_id, topic in plan.availability.items()}
        compare_availability(levels, told, self._policies, self._bundles, report)
        for channel_id, values in told.items():
            self._bundles.tell(channel_id, values)
        for topic, values in published.items():
            self._shown[topic] = self._shown.get(topic, 0) + len(values)
            if self._view is not None:
                compare_view(topic, values, self._view, report)

    def _trusts(self, sku: str, location_id: str, source_id: str) -> bool:
        """Tell whether a feed sets a SKU's stock: a bundle lies on no shelf, whoever lists it."""
        return sku not in self._bundles and self._policies.trusts(sku, location_id, source_id)

    def _days(self) -> set[int]:
        """Return what today may be for who wrote last, in days since 1970, UTC."""
        return {self._now_ms // DAY_MS, (self._now_ms - MIDNIGHT_TOLERANCE_MS) // DAY_MS}

    def _compare_view_sizes(self) -> None:
        if self._view is None:
            return
        for topic, expected in self._shown.items():
            found = self._view.size(topic)
            if found != expected:
                self._report.add(Kind.VIEW, topic, "SKUs in the view", expected, found)
