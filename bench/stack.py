"""An embedded Kafka in a folder of its own for one measurement."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.stack import EmbeddedStack
from streams.app import ensure_topics
from streams.settings import Settings


@contextmanager
def fresh_cluster(**overrides: object) -> Iterator[Settings]:
    """Yield settings for a new Kafka with all topics, which is gone behind the block."""
    with (
        tempfile.TemporaryDirectory(prefix="onhand-bench-") as folder,
        EmbeddedStack(Path(folder) / "stack", redis=False) as stack,
    ):
        settings = Settings.model_validate({"bootstrap_servers": stack.bootstrap_servers, **overrides})
        ensure_topics(settings)
        yield settings
