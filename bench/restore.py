"""How long a worker takes to restore a large table, and what a SKU costs in memory."""

from bench.drain import open_stock
from bench.load import LOCATIONS
from bench.stack import fresh_cluster
from bench.worker import running_worker

SKUS = 1_000_000


def run(skus: int = SKUS) -> dict[str, float]:
    """Fill a table through a worker, then start a new worker on it."""
    with fresh_cluster() as settings:
        with running_worker(settings) as empty:
            baseline = empty.resident_bytes
        open_stock(settings, skus)
        with running_worker(settings) as worker:
            ready_seconds = worker.ready_seconds
            held = worker.resident_bytes - baseline
        return {
            "skus": skus,
            "locations": len(LOCATIONS),
            "process_start_to_ready_seconds": ready_seconds,
            "bytes_per_sku": held / skus,
        }
