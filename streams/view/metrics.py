"""Metrics of the projector; a closed list, no label by SKU."""

from prometheus_client import Counter, Gauge

RECORDS = Counter("onhand_view_records_total", "Records read for the view.", ["topic"])
IGNORED = Counter("onhand_view_ignored_total", "Records that a newer version of the SKU made needless.")
REFUSED = Counter("onhand_view_refused_total", "Records that could not be decoded.", ["topic"])
LAG = Gauge("onhand_view_lag_records", "Records of the view's topics that the view does not show yet.")
REDIS_FAILURES = Counter("onhand_view_redis_failures_total", "Times that Redis could not be written to.")
REBUILDS = Counter("onhand_view_rebuilds_total", "Generations of the view built from the beginning.")
