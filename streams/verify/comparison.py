"""Comparing one partition's recomputed stock with what was published of it."""

from typing import Any, Protocol

from streams.verify.bundles import Bundles
from streams.verify.ledger import Ledger
from streams.verify.policies import PolicyBook
from streams.verify.promises import promised, told
from streams.verify.report import Kind, Report
from streams.verify.stock import FIGURES, Fold, SkuStock

ALL_FIGURES = (*FIGURES, "held", "counted_at", "safety_stock")
FUTURE_FIELDS = ("location_id", "day", "incoming", "demand")
LEDGER_FIGURES = ("on_hand", "unsellable", "reserved", "held")
VIEW_CHUNK_SKUS = 1_000  # Asked of the view at once.

Values = dict[str, dict[str, Any]]
Moments = dict[str, set[int]]
"""By location, as of which moments full feeds were applied."""


class View(Protocol):
    """The read view, as far as verification asks it."""

    def entries(self, topic: str, skus: list[str]) -> list[dict[str, Any] | None]:
        """Return the records that the view shows for SKUs, in their order."""

    def size(self, topic: str) -> int:
        """Return how many SKUs the view shows for a topic."""


def compare_table(
    levels: Values,
    fold: Fold,
    ledger: Ledger,
    moments: Moments,
    policies: PolicyBook,
    bundles: Bundles,
    report: Report,
) -> None:
    """Compare the table with the recomputed stock of every SKU in either."""
    nothing = SkuStock()
    for sku in levels.keys() | fold.skus.keys():
        level = levels.get(sku)
        if level is None:
            report.add(Kind.TABLE, sku, "is not in the table")
            continue
        stock = fold.skus.get(sku, nothing)
        compare_locations(sku, level, fold, ledger, moments, policies, report)
        if sku in bundles:
            continue  # Its version and time are those of its components too.
        latest = max(stock.latest, ledger.own_latest.get(sku, 0))
        if latest and level["occurred_at"] != latest:
            report.add(Kind.TABLE, sku, "occurred_at", latest, level["occurred_at"])
        applied = ledger.changes[sku]
        # A channel that was added later has raised it once, a policy as often as it changed something.
        highest = applied + len(level["availability"])
        if level["version"] < applied or (not len(policies) and level["version"] > highest):
            what = "version in the table, by rows that changed something"
            report.add(Kind.VERSION, sku, what, applied, level["version"])


def compare_locations(
    sku: str,
    level: dict[str, Any],
    fold: Fold,
    ledger: Ledger,
    moments: Moments,
    policies: PolicyBook,
    report: Report,
) -> None:
    """Compare a SKU's figures at every location; one that is not listed has zeros."""
    listed = {location["location_id"]: location for location in level["locations"]}
    if list(listed) != sorted(listed) or len(listed) != len(level["locations"]):
        report.add(Kind.TABLE, sku, "locations are not in order, or one is listed twice")
    stock = fold.skus.get(sku, SkuStock())
    for location_id in listed.keys() | stock.locations.keys():
        figures = stock.locations.get(location_id, (0, 0, 0, 0))
        expected = dict(zip(FIGURES, figures, strict=True))
        expected["held"] = ledger.holds.held.get((sku, location_id), 0)
        own = fold.counts.own_as_of(sku, location_id)
        expected["counted_at"] = own
        found = listed.get(location_id)
        if found is None and not any(expected.values()):
            continue
        if (
            found is not None
            and found["counted_at"] > own
            and found["counted_at"] in moments.get(location_id, ())
        ):
            expected["counted_at"] = found["counted_at"]  # A feed sets it only where it changes something.
        source_id = fold.counts.fed_by(location_id)
        if found is not None and source_id and policies.may_have_mistrusted(sku, location_id, source_id):
            # Whether the feed was trusted when it was applied does not follow from the inputs.
            expected["on_hand"] = found["on_hand"]
        expected["safety_stock"] = policies.safety_stock(sku, location_id)
        for name in ALL_FIGURES:
            figure = 0 if found is None else found[name]
            if figure != expected[name]:
                report.add(Kind.TABLE, sku, f"{name} at {location_id}", expected[name], figure)


def compare_future(levels: Values, fold: Fold, days: set[int], horizon_days: int, report: Report) -> None:
    """
    Compare what is to come and to go, and what can be promised of it, of every SKU that has a future.

    days is what today may be: around midnight it is one thing for a worker and another one here.
    """
    for sku, level in levels.items():
        stock = fold.skus.get(sku)
        if not level["future"] and not level["promises"] and (stock is None or not stock.future):
            continue
        found = [tuple(entry[name] for name in FUTURE_FIELDS) for entry in level["future"]]
        expected = sorted((*place, *units) for place, units in (stock.future if stock else {}).items())
        if found != expected:
            report.add(Kind.TABLE, sku, "future (location, day, incoming, demand)", expected, found)
            continue
        allowed = [(promised(level, day, horizon_days), told(level, day, horizon_days)) for day in days]
        if all(expected != found for expected, found in allowed):
            report.add(Kind.TABLE, sku, "available to promise from today on", *allowed[-1])


def compare_ledger(levels: Values, ledger: Ledger, report: Report) -> None:
    """Compare where the ledger ends at each location with the table's figures."""
    for (sku, location_id), figures in ledger.figures.items():
        level = levels.get(sku, {"locations": []})
        zeros = dict.fromkeys(LEDGER_FIGURES, 0)
        found = next((at for at in level["locations"] if at["location_id"] == location_id), zeros)
        for name in LEDGER_FIGURES:
            expected = getattr(figures, name)
            if expected is not None and found[name] != expected:
                what = f"{name} at {location_id}, where the ledger ends"
                report.add(Kind.LEDGER_GAP, sku, what, expected, found[name])


def compare_availability(
    levels: Values, told: dict[str, Values], policies: PolicyBook, bundles: Bundles, report: Report
) -> None:
    """
    Compare what each channel was told with what follows from the table's figures and the policies.

    The table's figures are compared on their own, so that one mistake is not reported twice.
    """
    for sku, level in levels.items():
        # What is told of a bundle follows from components on other partitions (bundles.py).
        outlooks = [] if sku in bundles else policies.outlooks(sku, level["locations"], told)
        compare_standing(sku, level, [outlook.standing for outlook in outlooks], report)
        in_table = {entry["channel_id"]: entry for entry in level["availability"]}
        for channel_id, of_channel in told.items():
            allowed = sorted({outlook.units[channel_id] for outlook in outlooks})
            units = allowed[0] if len(allowed) == 1 else allowed
            entry = of_channel.get(sku)
            where = f"{sku} in {channel_id}"
            if entry is None:
                report.add(Kind.AVAILABILITY, where, "the channel was never told", units)
                continue
            is_right = not outlooks or entry["available_to_sell"] in allowed
            if entry["channel_id"] != channel_id or not is_right:
                report.add(Kind.AVAILABILITY, where, "available_to_sell", units, entry["available_to_sell"])
            kept = in_table.get(channel_id)
            if kept is None or (kept["available_to_sell"], kept["version"]) != (
                entry["available_to_sell"],
                entry["version"],
            ):
                report.add(
                    Kind.AVAILABILITY, where, "what the table says that the channel was told", entry, kept
                )
            if entry["version"] > level["version"]:
                report.add(Kind.VERSION, where, "version", f"<= {level['version']}", entry["version"])
    for channel_id, values in told.items():
        for sku in values.keys() - levels.keys():
            report.add(
                Kind.AVAILABILITY, f"{sku} in {channel_id}", "was told, but the table does not know the SKU"
            )


def compare_standing(sku: str, level: dict[str, Any], allowed: list[dict[str, int]], report: Report) -> None:
    """Compare the alerts that stand in the table with those that must; allowed is empty when that is unknown."""
    found = {alert["kind"]: alert["quantity"] for alert in level["standing"]}
    if allowed and found not in allowed:
        report.add(Kind.ALERT, sku, "standing alerts", allowed[0] if len(allowed) == 1 else allowed, found)


def compare_view(topic: str, published: Values, view: View, report: Report) -> None:
    """Compare the view's entries of a topic with the last records in it."""
    skus = list(published)
    for start in range(0, len(skus), VIEW_CHUNK_SKUS):
        chunk = skus[start : start + VIEW_CHUNK_SKUS]
        for sku, found in zip(chunk, view.entries(topic, chunk), strict=True):
            report.counts["view_entries"] += 1
            if found != published[sku]:
                version = None if found is None else found.get("version")
                what = f"entry of {topic} is missing or not the last record; versions"
                report.add(Kind.VIEW, sku, what, published[sku]["version"], version)
