"""What comes of a batch for channels and people: availability that is news, and alerts."""

from collections.abc import Callable, Iterable, Iterator

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.bundles import BundleBook
from streams.agents.items import ItemBook
from streams.agents.policies import PolicyBook
from streams.agents.sources import SourceBook
from streams.agents.writing import Writing
from streams.domain import alerts, availability, freshness, promise
from streams.domain import policy as policies
from streams.domain.days import day_of
from streams.domain.lines import OpenLine
from streams.domain.stock import ChannelLevel, Stock


class Teller:
    """Brings every SKU that a batch has touched up to date with its policy, and tells what is new."""

    def __init__(
        self,
        writing: Writing,
        policies: PolicyBook,
        sources: SourceBook,
        items: ItemBook,
        bundles: BundleBook,
        lines_of: Callable[[int, bytes], list[OpenLine]],
    ) -> None:
        self._writing = writing
        self._policies = policies
        self._sources = sources
        self._items = items
        self._bundles = bundles
        self._lines_of = lines_of
        self._horizon_days = writing.settings.promise_horizon_days
        self._today = 0
        self._availability = {
            channel_id: (topology.availability_topic(channel_id).name, write)
            for channel_id, write in codec.availability_writers(writing.settings.channels).items()
        }

    def tell(self) -> None:
        """Bring every touched SKU's policy and availability up to date; emit what is new."""
        touched = list(self._writing.levels.written())
        self._tell_skus(self._without_bundles(touched) if self._items.bundles else touched)
        if self._bundles:
            self._bundles.publish((partition, key) for partition, key, _ in touched)

    def _tell_skus(self, touched: Iterable[tuple[int, bytes, Stock | None]]) -> None:
        now, levels = self._writing.batch.now, self._writing.levels
        self._today = day_of(now)
        for partition, key, written in touched:
            if written is None:
                continue
            before = levels.committed(partition, key)
            policy = plan = self._policies.plan(key)
            if self._sources.silences and policy.sources is not None:
                plan = freshness.heard_plan(policy, written.locations, self._sources.silences)
            stock = self._under_plan(written, plan, before)
            if before is not None and stock[1] == before[1]:
                levels.unput(partition, key)
                continue
            availabilities, news = availability.told(stock, plan)
            sku, version, locations, _, occurred_at, _, future, promises, standing = stock
            stock = Stock(
                sku, version, locations, availabilities, occurred_at, now, future, promises, standing
            )
            levels.put(partition, key, stock)
            if news:
                self._tell(partition, key, stock, news)
            if alerts.has_deficit(stock) or (before is not None and alerts.has_deficit(before)):
                self._alert_oversell(partition, key, before, stock)
            if standing or (before is not None and before[8]):
                self._alert_standing(partition, key, before, stock, plan)
            if news and before is not None and (alert := alerts.back_in_stock(before, stock, policy)):
                self._writing.alert(partition, key, stock, alert)

    def _without_bundles(
        self, touched: Iterable[tuple[int, bytes, Stock | None]]
    ) -> Iterator[tuple[int, bytes, Stock | None]]:
        """Tell what is new of bundles, and yield the rest."""
        for partition, key, written in touched:
            if key not in self._items.bundles:
                yield partition, key, written
            elif written is not None:
                self._tell_bundle(partition, key, written, self._writing.levels.committed(partition, key))

    def _tell_bundle(self, partition: int, key: bytes, written: Stock, before: Stock | None) -> None:
        """Bring a bundle up to date with its components; its own figures, if it has any, say nothing of it."""
        levels, now = self._writing.levels, self._writing.batch.now
        offered, occurred_at = self._bundles.offered(key)
        stock = written._replace(standing=())
        if stock.version == (0 if before is None else before.version):
            if stock == before and not availability.told_units(stock, offered)[1]:
                levels.unput(partition, key)
                return
            latest = max(stock.occurred_at, occurred_at)
            stock = stock._replace(version=stock.version + 1, occurred_at=latest)
        availabilities, news = availability.told_units(stock, offered)
        stock = stock._replace(availability=availabilities, updated_at=now)
        levels.put(partition, key, stock)
        if news:
            self._tell(partition, key, stock, news)
        if before is not None and (alert := alerts.back_in_stock(before, stock, self._policies.plan(key))):
            self._writing.alert(partition, key, stock, alert)

    def _under_plan(self, stock: Stock, plan: policies.Plan, before: Stock | None) -> Stock:
        """Return the stock as its plan and the day have it; a re-evaluation that changes something is a new version."""
        stock = availability.with_safety_stock(stock, plan)
        # A plain plan without a threshold, as most are, is spared the question.
        if not plan.plain or plan.low_stock_threshold is not None or stock[8]:
            standing = alerts.standing(stock.locations, plan)
            stock = stock if stock[8] == standing else stock._replace(standing=standing)
        if stock[6] or stock[7]:  # Most have no future, nor had one when they were told last.
            stock = stock._replace(promises=promise.promises(stock, self._today, self._horizon_days))
        if before is None or before.version != stock.version:
            return stock
        if availability.told(stock, plan)[1] or not self._is_known(before, stock):
            return stock._replace(version=stock.version + 1)
        return before

    def _is_known(self, before: Stock, stock: Stock) -> bool:
        """Return True when a re-evaluation has found nothing new; that a day is over is no news by itself."""
        if stock == before:
            return True
        now = promise.pooled(stock)
        return stock._replace(promises=before.promises) == before and promise.promise_the_same(
            before.promises, stock.promises, self._today, (now, now)
        )

    def _tell(self, partition: int, key: bytes, stock: Stock, news: Iterable[ChannelLevel]) -> None:
        batch = self._writing.batch
        emit, sku = batch.emit, codec.encoded_sku(key)
        rest = codec.availability_rest(stock.version, stock.occurred_at, batch.now)
        for channel_id, units, _ in news:
            topic, write = self._availability[channel_id]
            emit(topic, partition, key, write(sku, units, rest))

    def _alert_oversell(self, partition: int, key: bytes, before: Stock | None, after: Stock) -> None:
        levels_before = () if before is None else before.locations
        for alert in alerts.oversell_alerts(levels_before, after.locations):
            if alert.location_id != policies.ANY:  # The total is made of the locations, which are counted.
                known = -min(0, Stock("", locations=levels_before).level(alert.location_id).available)
                self._writing.oversold_units += max(0, alert.deficit - known)
            named = alert
            if alert.kind == alerts.OVERSOLD:
                orders = alerts.affected_orders(
                    self._lines_of(partition, key), alert.location_id, alert.deficit
                )
                named = alert._replace(order_ids=tuple(orders))
            self._writing.alert(partition, key, after, named)

    def _alert_standing(
        self, partition: int, key: bytes, before: Stock | None, after: Stock, plan: policies.Plan
    ) -> None:
        known = () if before is None else before.standing
        for alert in alerts.standing_alerts(known, after.standing, after.locations, plan):
            self._writing.alert(partition, key, after, alert)
