"""Several lines about one SKU as one event, where each alone would be wrong."""

from collections.abc import Iterable

from connectors.translation import Event


def summed(events: Iterable[Event]) -> list[Event]:
    """
    Return events with those of one record, SKU, place, time and basis as one, under the id of the first.

    For promises, which ask first and must ask for all of it (semantics 1), and for counts, of which the last of one
    moment would win: lots, or cases beside single units, are parts of one figure.
    """
    found: dict[tuple[object, ...], Event] = {}
    for record, value in events:
        key = (record, value["sku"], value["location_id"], value["occurred_at"], value.get("basis"))
        if key in found:
            earlier = found[key][1]
            found[key] = record, earlier | {"quantity": earlier["quantity"] + value["quantity"]}
        else:
            found[key] = record, value
    return list(found.values())
