"""Plumbing: exactly-once batches from a log through tables to a log. It knows nothing of stock."""
